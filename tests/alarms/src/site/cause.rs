//! What may be wrong with a site.

use std::sync::Arc;

use engine::ports::{Clock, Queue};

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The table answers nothing but errors.
    TableDown,
    /// The table refuses nine of ten requests.
    TableThrottled,
    /// The table can be read and not written.
    TableReadOnly,
    /// Every request to the table takes three seconds.
    TableSlow,
    /// One function may no longer use the table.
    TableDenied(&'static str),
    /// Nobody may use the bucket.
    BucketDenied,
    /// The secret is gone; functions that have read it go on with what they read.
    SecretGone,
    /// The secret is gone, and no function has read it yet.
    SecretUnread,
    /// Redis does not answer (full profile).
    RedisDown,
    /// A queue is gone.
    QueueGone(Queue),
    /// Functions may no longer send to a queue.
    SendDenied(Queue),
    /// The workflow may no longer send to a queue.
    TaskDenied(Queue),
    /// The rule on executions' ends may not send to its queue.
    RuleDenied,
    /// The state machine is gone.
    MachineGone,
    /// Reports of steps reach nobody, and nobody is told.
    ReportsLost,
    /// Reports of steps are refused.
    ReportsDenied,
    /// The model's provider answers 503.
    ModelDown,
    /// It answers 401.
    KeyWrong,
    /// It answers that there is no credit.
    CreditSpent,
    /// It answers 429 to nine of ten requests.
    ModelBusy,
    /// It takes a hundred seconds for each answer.
    ModelSlow,
    /// It never answers.
    ModelSilent,
    /// Its answers do not fit the schema.
    ModelBabbles,
    /// Content cannot be used: what tenants hand in is no transcript.
    ContentBad,
    /// An analyser fails on whatever it is given.
    AnalyserBroken(&'static str),
    /// A function's process ends before it asks for an event.
    CrashesAtStart(&'static str),
    /// A function's process ends at work.
    Crashes(&'static str),
    /// A function never answers and is ended at its time's end.
    Hangs(&'static str),
    /// A queue's mapping is off.
    MappingOff(&'static str),
    /// A schedule's rule is off.
    RuleOff(&'static str),
    /// Half of all invocations are refused: something else uses the account's concurrency.
    ConcurrencyShort,
    /// All are.
    ConcurrencyGone,
    /// A function has no concurrency of its own left.
    Throttled(&'static str),
    /// Somebody puts messages on the runs queue that no handler takes.
    Poison,
    /// Somebody puts texts there that are no messages.
    Garbage,
    /// The API's function answers with errors of its own.
    ApiBroken,
}

/// What is wrong from when to when.
pub(super) struct Causes {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) windows: Vec<(Cause, u64, u64)>,
}

impl Causes {
    /// Whether that is wrong now.
    pub(super) fn are(&self, cause: Cause) -> bool {
        let now = self.clock.now_ms();
        self.windows.iter().any(|(one, from, to)| *one == cause && (*from..*to).contains(&now))
    }
}
