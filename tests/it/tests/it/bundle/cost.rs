//! What the services of AWS are paid for one comprehensive run with ten claims, counted from what it did at list prices.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::memory::SeededRandom;
use engine::model::{ItemId, RunStatus};
use engine::ports::StepMessage;
use lab::stack::{Call, Ended};
use local::asl::{Execution, StepAnswer, walk_steps};
use serde_json::{Value, json};

use super::{Bundle, script, transcript, until};

const LATENCY_MS: u64 = 2_000;
const CLAIMS: usize = 10;
/// So many paragraphs of the sample hold ten claims.
const PARAGRAPHS: usize = 29;
const MOST_USD: f64 = 0.004;
const MOST_USD_OF_TRANSITIONS: f64 = 0.002;

/// The functions that work for a run, and whether a queue calls them. What the clock calls is paid without runs too.
const FUNCTIONS: [(&str, bool); 6] = [
    ("api", false),
    ("start", true),
    ("agent-light", true),
    ("agent-tools", true),
    ("agent-semantic", true),
    ("deliver", true),
];
/// Three lines of the platform for an invocation, as JSON; the emulator writes shorter ones.
const PLATFORM_LOG_BYTES: f64 = 1_000.0;
/// Of rows that are listed or due, each write is one to an index too (`shared/store/src/dynamo/items.rs`): the run begins
/// and ends (two indexes each), its start comes and goes, its delivery comes, is put off (an entry goes, one comes) and goes.
const INDEX_WRITES: f64 = 10.0;
/// Memory at which a function has a whole processor.
const MEGABYTES_A_PROCESSOR: f64 = 1_769.0;

/// Dollars and amounts by what is paid.
#[derive(Default)]
struct Bill(BTreeMap<&'static str, (f64, String)>);

impl Bill {
    fn add(&mut self, thing: &'static str, amount: f64, why: &str) {
        let entry = self.0.entry(thing).or_default();
        entry.0 += amount;
        if !entry.1.contains(why) {
            let comma = if entry.1.is_empty() { "" } else { ", " };
            let _ = write!(entry.1, "{comma}{why}");
        }
    }

    fn of(&self, thing: &str) -> f64 {
        self.0[thing].0 * price(thing)
    }

    fn total(&self) -> f64 {
        self.0.keys().map(|thing| self.of(thing)).sum()
    }

    fn print(&self) {
        for (thing, (amount, why)) in &self.0 {
            println!("{thing:24} {amount:>10.4} ${:.7}  {why}", self.of(thing));
        }
    }
}

fn price(thing: &str) -> f64 {
    let prices: toml::Table = include_str!("../template/prices.toml").parse().unwrap();
    prices[thing]["price"].as_float().unwrap()
}

#[test]
fn a_comprehensive_run_with_ten_claims_costs_less_than_half_a_cent() {
    let bundle = Bundle::start("it-cost", script().without_tools().with_latency_ms(LATENCY_MS));
    let stack = &bundle.stack;
    let start: Vec<String> = transcript().split("\n\n").take(PARAGRAPHS).map(str::to_owned).collect();
    let body = json!({
        "text": start.join("\n\n") + "\n", "name": "flood-budget.vtt", "depth": "comprehensive",
    });
    let run = stack.post_run(&body).unwrap();
    let ended = bundle.wait(&run);
    assert_eq!(ended.run.status, RunStatus::Complete, "{:?}", ended.run.failure);
    until("it is posted", || bundle.events(&run).iter().any(|event| json!(event)["event"] == "delivered"));
    // A message is deleted after its invocation has been logged.
    for queue in ["runs", "agent-light", "agent-tools", "agent-semantic", "deliveries"] {
        until("the queue is empty", || stack.queue_depth(queue).unwrap().all() == 0);
    }
    let claims = ended.steps.iter().filter(|(key, _)| key.agent.as_str() == "verification_director").count();
    // Nothing is to be mended, so nobody is asked for advice.
    assert_eq!(bundle.model.bill().lines().len(), ended.steps.len() - 1, "one call a step but the adviser's");

    let mut bill = Bill::default();
    let slower_usd = add_invocations(&mut bill, &bundle);
    add_calls(&mut bill, &stack.calls());
    let transitions = transitions(&bundle, &ended);
    bill.add("state_transition", transitions, "the workflow");
    bill.add("sqs_request", ended.steps.len() as f64 + 1.0, "the workflow sends steps and its end");
    bill.add("dynamodb_write_unit", INDEX_WRITES, "indexes");
    bill.add("http_api_request", 1.0, "the run is asked for");
    bill.add("trace", 1.0, "one trace");
    bill.print();
    println!(
        "{} steps, {claims} claims, {LATENCY_MS} ms a call: ${:.6}, of which ${:.6} transitions; ${:.6} if all time but the \
         model's took as much longer as the functions' memory gives less than a processor",
        ended.steps.len(),
        bill.total(),
        bill.of("state_transition"),
        bill.total() + slower_usd,
    );
    assert_eq!(claims, CLAIMS, "take more or fewer paragraphs");
    assert!(bill.of("state_transition") <= MOST_USD_OF_TRANSITIONS, "transitions");
    assert!(bill.total() <= MOST_USD, "${:.6}", bill.total());
}

/// Time, requests, log and messages of every invocation, from the functions' logs: the emulator reports for each how long
/// it took, the start of a process included, and its memory. Returns what would be paid more if that share of the time
/// that is not the model's grew as the share of a processor shrinks.
fn add_invocations(bill: &mut Bill, bundle: &Bundle) -> f64 {
    let mut more = 0.0;
    for (function, has_queue) in FUNCTIONS {
        let log = bundle.stack.log_of(function).unwrap();
        let reports: Vec<(f64, f64)> = log.lines().filter_map(report).collect();
        assert!(!reports.is_empty(), "{function} reports no invocation: {log}");
        let invocations = reports.len() as f64;
        let (milliseconds, megabytes) = (reports.iter().map(|(took, _)| took).sum::<f64>(), reports[0].1);
        bill.add("lambda_request", invocations, "invocations");
        let gigabyte_seconds = |milliseconds: f64| milliseconds / 1_000.0 * megabytes / 1_024.0;
        bill.add("lambda_gigabyte_second", gigabyte_seconds(milliseconds), "their time");
        let model_ms = if function.starts_with("agent-") { LATENCY_MS as f64 * invocations } else { 0.0 };
        let own_ms = (milliseconds - model_ms).max(0.0);
        more += gigabyte_seconds(own_ms) * (MEGABYTES_A_PROCESSOR / megabytes - 1.0);
        println!(
            "{function:15} {invocations:>3} invocations, {milliseconds:>6} ms, {own_ms:>5} of them its own, {megabytes} MB"
        );

        let platform = ["START RequestId", "END RequestId", "REPORT RequestId"];
        let own = log.lines().filter(|line| !platform.iter().any(|begin| line.starts_with(begin)));
        let own_bytes: usize = own.map(str::len).sum();
        let bytes = own_bytes as f64 + PLATFORM_LOG_BYTES * invocations;
        bill.add("log_gigabyte", bytes / 1e9, "logs and metrics");
        if has_queue {
            bill.add("sqs_request", 2.0 * invocations, "Lambda receives and deletes");
        }
    }
    more * price("lambda_gigabyte_second")
}

/// Milliseconds and megabytes of a line such as `REPORT RequestId: .. Duration: 12 ms .. Memory Size: 128 MB`.
fn report(line: &str) -> Option<(f64, f64)> {
    let number = |name: &str| {
        let rest = line.split_once(name)?.1;
        rest.split_whitespace().next()?.parse().ok()
    };
    line.starts_with("REPORT ").then(|| Some((number("\tDuration: ")?, number("Memory Size: ")?)))?
}

/// The functions' own calls. Sizes are those of whole requests and answers, so units of the table are rather too many: of
/// several items each has at least one unit, and each further KiB (4 KiB of a read) of all of them is one more. A
/// transaction pays double, and a read of several items one unit an item, as all reads are consistent.
fn add_calls(bill: &mut Bill, calls: &[Call]) {
    for call in calls.iter().filter(|call| call.function.as_deref().is_some_and(works_for_a_run)) {
        let items = call.items as f64;
        let units = |bytes: u64, unit_bytes: u64| items + (bytes / unit_bytes) as f64;
        match (call.service.as_str(), call.action.as_str()) {
            ("dynamodb", "TransactWriteItems") => {
                bill.add("dynamodb_write_unit", 2.0 * units(call.request_bytes, 1_024), "transactions");
            }
            ("dynamodb", "PutItem" | "UpdateItem" | "DeleteItem") => {
                bill.add("dynamodb_write_unit", units(call.request_bytes, 1_024), "single writes");
            }
            ("dynamodb", "GetItem" | "BatchGetItem" | "Query") => {
                bill.add("dynamodb_read_unit", units(call.response_bytes, 4_096), "reads");
            }
            ("sqs", _) => bill.add("sqs_request", 1.0, "functions hold and send messages"),
            ("s3", "PutObject") => bill.add("s3_put_request", 1.0, "content and post"),
            ("s3", "GetObject" | "HeadObject") => bill.add("s3_get_request", 1.0, "content"),
            ("secretsmanager", _) => bill.add("secret_call", 1.0, "once a process in five minutes"),
            // Answers to tokens, starts and stops are free.
            ("states", _) => {}
            (service, action) => panic!("{service} {action} has no price here"),
        }
    }
}

fn works_for_a_run(function: &str) -> bool {
    FUNCTIONS.iter().any(|(name, _)| *name == function)
}

/// The workflow's file walked with the answers this run's steps gave.
fn transitions(bundle: &Bundle, ended: &Ended) -> f64 {
    let machine = local::workflow::machine(local::workflow::CONTENT_INTELLIGENCE).unwrap();
    let input = json!({ "run": ended.run.key.run, "tenant": ended.run.key.tenant, "depth": "comprehensive", "timeout_seconds": 3600 });
    let execution = Execution { name: ended.run.key.run.as_str().to_owned(), input };
    let items: Vec<&ItemId> =
        ended.steps.iter().map(|(key, _)| &key.item).filter(|item| !item.is_none()).collect();
    let flags: BTreeMap<&str, bool> = ended.steps.iter().map(|(key, _)| (key.agent.as_str(), true)).collect();
    let answer = |step: &StepMessage| {
        let result: Value = match step.agent.as_str() {
            "mission_orchestrator" => json!({ "status": "ok", "flags": flags }),
            "analysis_cartographer" => json!({ "status": "ok", "claims": items }),
            _ => json!({ "status": "ok" }),
        };
        StepAnswer { after_ms: 0, result: Ok(result) }
    };
    let random = SeededRandom::new(1);
    let walk = walk_steps(&machine, &execution, &boot::SystemClock, &random, &answer);
    let walked = bundle.stack.block_on(walk);
    assert_eq!(walked.steps.len(), ended.steps.len(), "the walk has the run's steps");
    walked.ended.transitions as f64
}
