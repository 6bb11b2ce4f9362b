//! Where content comes from: implementations of the engine's port [`Platform`], one file each, asked in this order.
//!
//! Deliberately not here: parsing what was fetched (analysers do that) and links, which are not read yet. To add a
//! platform, add a file and a line below.

mod upload;

use std::sync::Arc;

use engine::ports::Platform;

/// Every platform, in the order they are asked.
pub fn platforms() -> Vec<Arc<dyn Platform>> {
    vec![Arc::new(upload::Upload)]
}
