//! What became of looking for a stored answer, as it is stored with a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CacheLevel;

/// What became of looking for a stored answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallNote {
    /// What was found, by level. A level that is missing was not asked.
    pub levels: BTreeMap<CacheLevel, Told>,
    /// The first bytes of the key it was looked for under, in hex.
    #[serde(default)]
    pub key: String,
    /// How long another step's answer was waited for, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u64,
    /// Whether other steps waited for this one's answer, or would have.
    #[serde(default, skip_serializing_if = "is_false")]
    pub led: bool,
}

/// What a level had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "found")]
pub enum Told {
    /// An answer.
    Hit {
        /// How old it was, in milliseconds.
        age_ms: u64,
        /// Whether it was past its freshness while another step made a new one.
        #[serde(default, skip_serializing_if = "is_false")]
        stale: bool,
    },
    /// An answer past its freshness, which this step makes anew.
    Renewed {
        /// How old it was, in milliseconds.
        age_ms: u64,
    },
    /// No answer: none was stored, or it has ended, or was pushed out.
    Nothing,
    /// An answer that is void.
    Void {
        /// The tag that was purged.
        tag: String,
    },
    /// Something that is not an answer of this tenant under this key, or is damaged.
    Unreadable,
    /// An answer that does not hold for what this step was given.
    Unfit,
    /// Nobody knows: the cache did not answer.
    Away,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
