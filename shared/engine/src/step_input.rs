//! Everything a step is given, gathered before it starts: other agents' results, facts, and its item. Nothing else
//! reaches an analyser or a prompt.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::Error;
use crate::model::{AgentId, ContentRef, Depth, Reason, Status, Step};

/// What one step is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepInput {
    /// What was asked for.
    pub request: RequestView,
    /// The item of a fanned-out agent: one object of the list it fans out over.
    pub item: Option<Value>,
    /// The planned agents among `needs` and `uses`, and how they ended.
    pub inputs: BTreeMap<AgentId, Input>,
    /// The facts the agent's row names, by name.
    pub facts: BTreeMap<String, Value>,
}

/// The request as agents see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestView {
    /// The source's name.
    pub source_name: String,
    /// Its media type.
    pub media_type: String,
    /// Its size.
    pub bytes: u64,
    /// How deep.
    pub depth: Depth,
    /// When it was asked for, in milliseconds since 1970.
    pub requested_ms: u64,
}

#[cfg(test)]
impl RequestView {
    /// A request for a short text.
    pub(crate) fn of_text() -> Self {
        Self {
            source_name: "a".into(),
            media_type: "text/plain".into(),
            bytes: 1,
            depth: Depth::Quick,
            requested_ms: 0,
        }
    }
}

/// Another agent's result, as a step sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// How it ended.
    pub status: Status,
    /// Its data; of an uncertain result what there is. A fanned-out agent's data is a list of
    /// `{item, status, data, reason}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Why it is not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The data of a result: a value. Where it stands in a step's row, or was read back for another step, it is not copied.
#[derive(Clone, Debug)]
pub struct Data(Place);

#[derive(Clone, Debug)]
enum Place {
    Here(Value),
    Row(Arc<Step>),
    Apart(Arc<Value>, ContentRef),
}

impl Data {
    /// The data in a step's row; `None` where its result has none.
    pub fn in_row(step: &Arc<Step>) -> Option<Self> {
        step.result.as_ref()?.data().map(|_| Self(Place::Row(step.clone())))
    }

    /// Data that is stored apart from its row.
    pub(crate) fn stored(value: Arc<Value>, under: ContentRef) -> Self {
        Self(Place::Apart(value, under))
    }

    /// What it is stored under, if that is apart from its row: the digest of its JSON.
    pub(crate) fn stored_under(&self) -> Option<&ContentRef> {
        match &self.0 {
            Place::Apart(_, under) => Some(under),
            Place::Here(_) | Place::Row(_) => None,
        }
    }
}

impl Deref for Data {
    type Target = Value;

    fn deref(&self) -> &Value {
        match &self.0 {
            Place::Here(value) => value,
            Place::Apart(value, _) => value,
            Place::Row(step) => step.result.as_ref().and_then(|result| result.data()).unwrap_or(&Value::Null),
        }
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self(Place::Here(value))
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl StepInput {
    /// The data of an input that succeeded.
    pub fn ok(&self, agent: &str) -> Option<&Value> {
        self.inputs.get(agent).filter(|input| input.status == Status::Ok)?.data.as_deref()
    }

    /// A fact by name.
    pub fn fact(&self, name: &str) -> Option<&Value> {
        self.facts.get(name)
    }
}

/// What an analyser makes of a step's input, without a model.
#[derive(Clone, Debug)]
pub enum Analysis {
    /// All there is to say, so that no model is asked even where there is one.
    Settled(Value),
    /// All that rules can say; it stands without a model.
    Complete(Value),
    /// It stands, but a model would add what `lacking` names.
    Partial {
        /// Valid by the agent's schema.
        data: Value,
        /// What is missing, for people.
        lacking: String,
    },
    /// Only evidence; without a model it must not be taken for a result.
    Evidence(Value),
    /// There is nothing to do for this agent.
    Skip(Reason),
    /// The input cannot be used.
    Fail(Error),
}
