//! What may go wrong, and which alarms that rings.

use alarms::site::{Cause, Plan, Played, Profile, START_MS, Traffic, play};
use engine::agent::Profile as Agents;
use engine::model::Depth;
use engine::ports::Queue;

/// When a cause begins, in seconds: no minute's beginning.
pub(crate) const FROM_S: u64 = 613;
/// How long it lasts: an alarm rings within five minutes, and a person mends it.
const LASTS_S: u64 = 360;
/// How long a site is played after its last run was asked for.
const QUIET_MINUTES: u64 = 55;

/// One thing that goes wrong.
pub(crate) struct Scenario {
    /// What, in words.
    pub(crate) name: &'static str,
    /// The same, as a site knows it. What begins together is one cause for people.
    pub(crate) causes: Vec<Cause>,
    /// For how many seconds.
    pub(crate) lasts_s: u64,
    /// After how many seconds of it somebody can know, and why not before.
    pub(crate) known: (u64, &'static str),
    /// The depths of the runs, one run each minute.
    pub(crate) depths: &'static [Depth],
    /// How many times its usual price the model costs.
    pub(crate) dear: i64,
    /// The alarm that is meant.
    pub(crate) means: &'static str,
    /// Other alarms that ring, each with the reason why one cause is more than one alarm.
    pub(crate) also: &'static [(&'static str, &'static str)],
}

impl Scenario {
    fn new(name: &'static str, causes: &[Cause], means: &'static str) -> Self {
        const DEPTHS: &[Depth] = &[Depth::Quick, Depth::Quick, Depth::Quick, Depth::Standard];
        let known = match means {
            "health-failing" => (120, "health looks every two minutes, and has just looked"),
            _ => (0, "at once"),
        };
        Self {
            name,
            causes: causes.to_vec(),
            lasts_s: LASTS_S,
            known,
            depths: DEPTHS,
            dear: 1,
            means,
            also: &[],
        }
    }

    fn also(mut self, also: &'static [(&'static str, &'static str)]) -> Self {
        self.also = also;
        self
    }

    fn known(mut self, after_s: u64, why: &'static str) -> Self {
        self.known = (after_s, why);
        self
    }

    fn lasts(mut self, seconds: u64) -> Self {
        self.lasts_s = seconds;
        self
    }

    /// Plays it: Redis is there to be broken in the full profile only.
    pub(crate) fn play(&self) -> Played {
        let profile = if self.causes.contains(&Cause::RedisDown) { Profile::Full } else { Profile::Lite };
        let busy = (FROM_S + self.lasts_s) / 60 + 1;
        let plan = Plan {
            seed: 3,
            profile,
            start_ms: START_MS,
            minutes: busy + if self.dear > 1 { 300 } else { QUIET_MINUTES },
            traffic: Traffic::steady(5..busy, self.depths),
            causes: self.causes.iter().map(|cause| (*cause, FROM_S, FROM_S + self.lasts_s)).collect(),
            model_faults: 20,
            dear: self.dear,
            daily_budget_usd: super::BUDGET_USD,
        };
        play(&plan, super::common()).unwrap()
    }
}

const LIGHT: Queue = Queue::Agents(Agents::Light);
const TOOLS: Queue = Queue::Agents(Agents::Tools);
const SEMANTIC: Queue = Queue::Agents(Agents::Semantic);
const STANDARD: &[Depth] = &[Depth::Standard];

const SWEEP_FAILS: (&str, &str) = ("function-failures", "sweep cannot do its work and fails each minute");
const REQUESTS_FAIL: (&str, &str) = ("api-errors", "requests cannot be answered either");
const GIVEN_UP: (&str, &str) =
    ("messages-given-up", "messages fail five times meanwhile, and their steps are ended");
const LETTERS_WAIT: (&str, &str) =
    ("dead-letters-wait", "dead letters cannot be ended either while it lasts");
const OVERDUE: (&str, &str) = ("runs-overdue", "nothing ends these runs before the sweep does");
const HEALTH: (&str, &str) = ("health-failing", "a check uses the same thing");
const RUNS_FAIL: (&str, &str) =
    ("runs-failed", "the runs end without a briefing, which their tenants must not be the first to notice");
const FUNCTION_DIES: (&str, &str) = ("function-failures", "each such answer is an invocation that failed");
/// A quick run is asked for each minute and has three minutes, fifteen seconds of grace, and the next sweep.
const DEADLINE: (u64, &str) = (60 + 180 + 15, "nothing is overdue before a run's deadline");

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    let one = Scenario::new;
    vec![
        // The table.
        one("the table is down", &[Cause::TableDown], "health-failing").also(&[
            REQUESTS_FAIL,
            SWEEP_FAILS,
            GIVEN_UP,
            LETTERS_WAIT,
            OVERDUE,
        ]),
        one("the table is throttled", &[Cause::TableThrottled], "health-failing").also(&[
            REQUESTS_FAIL,
            SWEEP_FAILS,
            GIVEN_UP,
            LETTERS_WAIT,
            OVERDUE,
        ]),
        one("the table takes no writes", &[Cause::TableReadOnly], "api-errors").also(&[
            GIVEN_UP,
            HEALTH,
            LETTERS_WAIT,
            OVERDUE,
        ]),
        one("the table is slow", &[Cause::TableSlow], "health-failing"),
        one("the api may not use the table", &[Cause::TableDenied("api")], "api-errors"),
        one("start may not use the table", &[Cause::TableDenied("start")], "messages-given-up")
            .also(&[OVERDUE, RUNS_FAIL]),
        one("agent-light may not use the table", &[Cause::TableDenied("agent-light")], "messages-given-up")
            .also(&[RUNS_FAIL]),
        one("agent-tools may not use the table", &[Cause::TableDenied("agent-tools")], "messages-given-up")
            .also(&[RUNS_FAIL]),
        one("deliver may not use the table", &[Cause::TableDenied("deliver")], "messages-given-up")
            .also(&[OVERDUE]),
        one("sweep may not use the table", &[Cause::TableDenied("sweep")], "function-failures"),
        one("health may not use the table", &[Cause::TableDenied("health")], "health-failing"),
        // What else the functions stand on.
        one("the bucket is closed", &[Cause::BucketDenied], "health-failing")
            .also(&[REQUESTS_FAIL, GIVEN_UP]),
        one("the secret is gone", &[Cause::SecretGone], "health-failing"),
        one("the secret is gone before it was read", &[Cause::SecretUnread], "health-failing")
            .also(&[GIVEN_UP, RUNS_FAIL]),
        one("Redis does not answer", &[Cause::RedisDown], "health-failing"),
        one("the queue of runs is gone", &[Cause::QueueGone(Queue::Runs)], "health-failing")
            .also(&[REQUESTS_FAIL, OVERDUE]),
        one("the queue of light steps is gone", &[Cause::QueueGone(LIGHT)], "health-failing")
            .also(&[RUNS_FAIL]),
        one("the queue of steps with tools is gone", &[Cause::QueueGone(TOOLS)], "health-failing")
            .also(&[RUNS_FAIL]),
        Scenario {
            depths: STANDARD,
            ..one("the queue of steps with memory is gone", &[Cause::QueueGone(SEMANTIC)], "health-failing")
                .also(&[("step-errors", "standard runs lose more than a third of their steps")])
        },
        one("the api may not send runs", &[Cause::SendDenied(Queue::Runs)], "api-errors")
            .also(&[HEALTH, OVERDUE]),
        one("nobody may send deliveries", &[Cause::SendDenied(Queue::Deliveries)], "messages-given-up"),
        // The workflow.
        one("the state machine is gone", &[Cause::MachineGone], "health-failing")
            .also(&[GIVEN_UP, OVERDUE, RUNS_FAIL]),
        one("the workflow may not send light steps", &[Cause::TaskDenied(LIGHT)], "runs-failed"),
        one("the workflow may not send steps with tools", &[Cause::TaskDenied(TOOLS)], "runs-failed"),
        Scenario {
            depths: STANDARD,
            ..one(
                "the workflow may not send steps with memory",
                &[Cause::TaskDenied(SEMANTIC)],
                "step-errors",
            )
        },
        one(
            "the workflow may not send deliveries",
            &[Cause::TaskDenied(Queue::Deliveries)],
            "workflow-failures",
        ),
        one(
            "the deliveries' policy lets nobody send",
            &[Cause::TaskDenied(Queue::Deliveries), Cause::RuleDenied],
            "workflow-failures",
        )
        .also(&[
            ("parked-messages", "the ends of these executions cannot be told either, and are parked"),
            OVERDUE,
        ]),
        one("reports of steps are lost", &[Cause::ReportsLost], "runs-failed").known(DEADLINE.0, DEADLINE.1),
        one("reports of steps are refused", &[Cause::ReportsDenied], "messages-given-up").also(&[
            HEALTH,
            LETTERS_WAIT,
            RUNS_FAIL,
        ]),
        // The model.
        one("the model's provider is down", &[Cause::ModelDown], "model-failing").lasts(480).also(&[HEALTH]),
        one("the model's key is wrong", &[Cause::KeyWrong], "model-failing").also(&[HEALTH]),
        one("the model's credit is spent", &[Cause::CreditSpent], "model-failing"),
        one("the model refuses nine of ten calls", &[Cause::ModelBusy], "model-failing")
            .known(47, "of the minute in which it begins most calls are made before it"),
        one("the model is slow", &[Cause::ModelSlow], "steps-slow")
            .known(100, "no step is slow before it has ended"),
        one("the model never answers", &[Cause::ModelSilent], "model-failing")
            .known(120, "a call is given up after two minutes"),
        one("the model babbles", &[Cause::ModelBabbles], "model-failing"),
        Scenario {
            depths: &[Depth::Comprehensive],
            dear: 10,
            ..one("runs cost more than they should", &[], "cost-burn")
        },
        // Functions.
        one("the api crashes at its start", &[Cause::CrashesAtStart("api")], "api-errors")
            .also(&[FUNCTION_DIES]),
        one("the api crashes", &[Cause::Crashes("api")], "api-errors").also(&[FUNCTION_DIES]),
        one("the api hangs", &[Cause::Hangs("api")], "api-errors").also(&[FUNCTION_DIES]),
        one("the api is not let in", &[Cause::ApiBroken], "api-errors"),
        one("start crashes at its start", &[Cause::CrashesAtStart("start")], "function-failures")
            .also(&[OVERDUE]),
        one("start crashes", &[Cause::Crashes("start")], "function-failures").also(&[GIVEN_UP, OVERDUE]),
        one("agent-light crashes at its start", &[Cause::CrashesAtStart("agent-light")], "function-failures")
            .also(&[RUNS_FAIL]),
        one("agent-light crashes", &[Cause::Crashes("agent-light")], "function-failures")
            .also(&[GIVEN_UP, RUNS_FAIL]),
        one("agent-light hangs", &[Cause::Hangs("agent-light")], "function-failures")
            .known(300, "a function is ended after five minutes")
            .also(&[RUNS_FAIL]),
        one("agent-tools crashes at its start", &[Cause::CrashesAtStart("agent-tools")], "function-failures")
            .also(&[RUNS_FAIL]),
        one("agent-tools crashes", &[Cause::Crashes("agent-tools")], "function-failures")
            .also(&[GIVEN_UP, RUNS_FAIL]),
        Scenario {
            depths: STANDARD,
            ..one("agent-semantic crashes", &[Cause::Crashes("agent-semantic")], "function-failures")
                .lasts(600)
                .also(&[
                    GIVEN_UP,
                    OVERDUE,
                    ("step-errors", "standard runs lose more than a third of their steps"),
                ])
        },
        one("deliver crashes at its start", &[Cause::CrashesAtStart("deliver")], "function-failures")
            .also(&[OVERDUE]),
        one("deliver crashes", &[Cause::Crashes("deliver")], "function-failures").also(&[OVERDUE, GIVEN_UP]),
        one("sweep crashes", &[Cause::Crashes("sweep")], "function-failures"),
        one("sweep hangs", &[Cause::Hangs("sweep")], "function-failures")
            .known(50, "sweep is ended after fifty seconds"),
        one("health crashes", &[Cause::Crashes("health")], "health-failing"),
        one("health hangs", &[Cause::Hangs("health")], "health-failing"),
        // What calls them.
        one("nothing takes the queue of runs", &[Cause::MappingOff("start")], "runs-overdue")
            .known(DEADLINE.0, DEADLINE.1),
        one("nothing takes light steps", &[Cause::MappingOff("agent-light")], "runs-failed")
            .lasts(480)
            .known(DEADLINE.0, DEADLINE.1),
        one("nothing takes steps with tools", &[Cause::MappingOff("agent-tools")], "runs-failed")
            .lasts(480)
            .known(DEADLINE.0, DEADLINE.1),
        one("nothing takes deliveries", &[Cause::MappingOff("deliver")], "runs-overdue")
            .known(DEADLINE.0, DEADLINE.1),
        one("sweep's rule is off", &[Cause::RuleOff("sweep")], "sweep-silent"),
        one("health's rule is off", &[Cause::RuleOff("health")], "health-failing"),
        one("concurrency is short", &[Cause::ConcurrencyShort], "throttles").also(&[REQUESTS_FAIL]),
        one("agent-tools has no concurrency", &[Cause::Throttled("agent-tools")], "throttles")
            .lasts(480)
            .also(&[RUNS_FAIL]),
        one("concurrency is used up", &[Cause::ConcurrencyGone], "throttles").also(&[
            REQUESTS_FAIL,
            ("sweep-silent", "sweep is not let in either"),
            ("health-failing", "nor is health"),
        ]),
        // What comes in.
        one("content is of no use", &[Cause::ContentBad], "runs-failed"),
        one("messages that no handler takes", &[Cause::Poison], "messages-given-up")
            .known(60, "the first comes within a minute"),
        one("texts that are no messages", &[Cause::Garbage], "parked-messages")
            .known(60, "the first comes within a minute"),
        one(
            "dead letters are not taken",
            &[Cause::Poison, Cause::MappingOff("dead-letter")],
            "dead-letters-wait",
        )
        .known(180, "a message fails five times before it is one")
        .also(&[GIVEN_UP]),
        one(
            "dead-letter may not use the table",
            &[Cause::TableDenied("agent-light"), Cause::TableDenied("dead-letter")],
            "dead-letters-wait",
        )
        .known(120, "a message fails five times before it is one")
        .also(&[GIVEN_UP, RUNS_FAIL]),
        one("dead-letter crashes", &[Cause::Poison, Cause::Crashes("dead-letter")], "dead-letters-wait")
            .known(180, "a message fails five times before it is one")
            .also(&[("function-failures", "it fails at every try"), GIVEN_UP]),
        Scenario {
            depths: STANDARD,
            ..one(
                "a release breaks the checking of claims",
                &[Cause::AnalyserBroken("verification_director")],
                "step-errors",
            )
        },
    ]
}
