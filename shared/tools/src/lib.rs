//! What a model may call: one file per tool, and this list.
//!
//! A tool reads through the ports of its scope, checks its arguments as if a stranger had written them, and answers
//! with data cut to a bound. Deliberately not here: when a tool may be called and what a call may cost.

mod answer;
mod arguments;
mod example;
mod lexical;
mod search_memory;
mod search_transcript;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::ports::Tool;

pub use search_memory::SearchMemory;
pub use search_transcript::SearchTranscript;

/// Every tool by its name.
pub fn tools() -> BTreeMap<&'static str, Arc<dyn Tool>> {
    let list: [(&'static str, Arc<dyn Tool>); 2] =
        [(SearchMemory::NAME, Arc::new(SearchMemory)), (SearchTranscript::NAME, Arc::new(SearchTranscript))];
    list.into()
}

#[cfg(test)]
mod tests;
