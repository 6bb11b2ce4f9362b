//! Calls to Bedrock as the function that makes them.

use std::sync::Arc;

use aws::Connection;
use boot::Signs;
use engine::error::Result;
use engine::ports::Clock;

/// The function's own credentials.
pub(crate) struct AsThisFunction {
    pub(crate) connection: Connection,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Signs for AsThisFunction {
    fn headers(&self, url: &str, body: &[u8]) -> Result<Vec<(String, String)>> {
        aws::signed::headers(&self.connection, self.clock.as_ref(), "bedrock", url, body)
    }
}
