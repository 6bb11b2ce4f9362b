//! Signatures, where a provider takes one in place of a key.

use std::fmt;
use std::sync::Arc;

use engine::error::Result;

/// Signs requests as the process that makes them.
pub trait Signs: Send + Sync {
    /// The headers that a POST of this JSON to `url` needs. Errors: `Configuration` or `Internal`, if it cannot be signed.
    fn headers(&self, url: &str, body: &[u8]) -> Result<Vec<(String, String)>>;
}

/// What signs.
#[derive(Clone)]
pub struct Signer(pub Arc<dyn Signs>);

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signer")
    }
}
