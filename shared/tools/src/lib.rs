//! What a model may call: implementations of the engine's port [`Tool`], one file each. A step can only call the tools
//! its agent's row grants, and none of them can change anything.
//!
//! To add a tool, add a file and a line below.

mod search;
mod search_memory;
mod search_transcript;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::ports::Tool;

/// Every tool, by name.
pub fn tools() -> BTreeMap<&'static str, Arc<dyn Tool>> {
    BTreeMap::from([
        ("search_memory", Arc::new(search_memory::SearchMemory) as Arc<dyn Tool>),
        ("search_transcript", Arc::new(search_transcript::SearchTranscript) as Arc<dyn Tool>),
    ])
}
