//! What became of looking for a stored answer, as it is stored with a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CacheLevel, NanoUsd};
use crate::recall::guards::Refusal;
use crate::recall::trust::Standing;

/// What became of looking for a stored answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecallNote {
    /// What was found, by level. A level that is missing was not asked; level l3 is missing too where an answer was there and
    /// not served: see `compared`.
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
    /// How many tokens of a model's a stored answer saved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub saved_tokens: u64,
    /// What was compared by meaning; `None` if nothing was near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The answer that was used as it was asked for, or was made and stored; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// What is known of a stored answer to the same request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The first bytes of the key that all have in common who find it, in hex.
    pub entry: String,
    /// For how long it is fresh from now on, at least, in milliseconds; 0 once it is not.
    pub fresh_ms: u64,
    /// How long making it took, in milliseconds; 0 where that is not known.
    pub took_ms: u64,
    /// What that cost.
    pub cost: NanoUsd,
    /// What was set aside for it.
    pub most: NanoUsd,
}

impl RecallNote {
    /// Whether a level had something that this step cannot use.
    pub(crate) fn has_useless(&self) -> bool {
        self.levels.values().any(|told| matches!(told, Told::Unfit | Told::Unreadable))
    }
}

/// The stored text that was taken, or else the nearest one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// How alike the two texts are, as the cosine of their vectors.
    pub cosine: f64,
    /// Whether that is near enough.
    pub is_near: bool,
    /// Why the stored text does not ask the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// What was done with its answer; `None` if there was none to use, or nobody knew whether it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// Whether the model answered the same, if it was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<bool>,
    /// Whether it was found under the request's own key, where it was put when it was served before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_kept: bool,
    /// The model could not have been asked, so an audit could not have been made, and nothing was served.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_uncovered: bool,
    /// What the agent's stored answers had earned when it was decided what to do with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// What is done with an answer that was found by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Used {
    /// It is compared with the model's own answer.
    Shadow,
    /// It is served.
    Served,
    /// It would be served, and the model is asked as well; the model's answer is taken if there is one.
    Audited,
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
