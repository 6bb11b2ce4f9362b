//! The walker against small machines. Tasks send `{"task": name, "task_token": ...}` and meet with what is scripted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use engine::memory::SeededRandom;
use engine::memory::virtual_time::{Executor, VirtualTime};
use engine::ports::Clock;
use serde_json::{Value, json};

use super::script::{Sent, lock, walk_script};
use super::{Ended, Execution, Failure, Machine, Moment, Observer, Status};

mod content_intelligence;
mod data;
mod errors;
mod refusals;
mod states;

/// What a task meets with.
#[derive(Clone)]
enum Reply {
    /// An answer after that many milliseconds.
    Ok(u64, Value),
    /// A failure by name after that many milliseconds.
    Err(u64, &'static str),
    /// Sending fails.
    Refused(&'static str),
    /// Nobody ever answers.
    Silence,
}

/// What a walk left behind.
struct Seen {
    ended: Ended,
    /// How long it took.
    took_ms: u64,
    /// `time name` of every task that was sent, in order.
    sent: Vec<String>,
    /// The bodies that were sent, in order.
    bodies: Vec<Value>,
    /// How many ran at one time at most.
    most_at_once: usize,
    moments: Vec<String>,
}

type Script<'a> = &'a [(&'a str, &'a [Reply])];

const START_MS: u64 = 1_000_000_000_000;

fn parse(asl: &Value) -> Machine {
    Machine::parse(&asl.to_string(), &BTreeMap::new()).unwrap()
}

/// Walks `asl`; the replies of a task are used in order, and the last one again and again.
fn walk(asl: &Value, input: &Value, script: Script<'_>) -> Seen {
    walk_seeded(asl, input, script, 1)
}

fn walk_seeded(asl: &Value, input: &Value, script: Script<'_>, seed: u64) -> Seen {
    #[derive(Default)]
    struct Book {
        sent: Vec<String>,
        bodies: Vec<Value>,
        ends: Vec<u64>,
        most_at_once: usize,
    }
    let machine = parse(asl);
    let time = VirtualTime::new(START_MS);
    let random = SeededRandom::new(seed);
    let replies: BTreeMap<String, VecDeque<Reply>> = script
        .iter()
        .map(|(name, replies)| ((*name).to_owned(), replies.iter().cloned().collect()))
        .collect();
    let replies = Mutex::new(replies);
    let book = Mutex::new(Book::default());
    let on_send = |_: &str, body: &Value, _: Option<&str>| {
        let name = body["task"].as_str().unwrap().to_owned();
        let mut replies = lock(&replies);
        let replies = replies.get_mut(&name).unwrap_or_else(|| panic!("`{name}` is not scripted"));
        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }.unwrap();
        let mut book = lock(&book);
        let now = time.now_ms() - START_MS;
        book.sent.push(format!("{now} {name}"));
        book.bodies.push(body.clone());
        let (after_ms, result) = match reply {
            Reply::Refused(error) => return Sent::Refused(Failure::new(error, "refused")),
            Reply::Silence => return Sent::Taken,
            Reply::Ok(after_ms, value) => (after_ms, Ok(value)),
            Reply::Err(after_ms, error) => (after_ms, Err(Failure::new(error, "scripted"))),
        };
        book.ends.retain(|end| *end > now);
        book.ends.push(now + after_ms);
        book.most_at_once = book.most_at_once.max(book.ends.len());
        Sent::Answered { after_ms, result }
    };
    let watcher = Watcher(Mutex::default());
    let execution = Execution { name: "run-1".to_owned(), input: input.clone() };
    let ended = {
        let mut executor = Executor::new(time.clone(), 1);
        let (machine, execution, watcher, on_send) = (&machine, &execution, &watcher, &on_send);
        let (clock, random) = (&*time, &random);
        executor
            .block_on(async move { walk_script(machine, execution, (clock, random), watcher, on_send).await })
            .expect("the walk is stuck")
    };
    let took_ms = time.now_ms() - START_MS;
    let Book { sent, bodies, most_at_once, .. } = book.into_inner().unwrap();
    Seen { ended, took_ms, sent, bodies, most_at_once, moments: watcher.0.into_inner().unwrap() }
}

struct Watcher(Mutex<Vec<String>>);

impl Observer for Watcher {
    fn see(&self, execution: &str, at_ms: u64, moment: Moment<'_>) {
        assert_eq!(execution, "run-1");
        let at = at_ms - START_MS;
        lock(&self.0).push(match moment {
            Moment::Entered { state } => format!("{at} entered {state}"),
            Moment::Left { state } => format!("{at} left {state}"),
            Moment::Retrying { state, failure, delay_ms } => {
                format!("{at} retrying {state} {} {delay_ms}", failure.error)
            }
            Moment::Caught { state, failure, next } => {
                format!("{at} caught {state} {} {next}", failure.error)
            }
            Moment::Failed { state, failure } => format!("{at} failed {state} {}", failure.error),
        });
    }
}

/// Walks `asl` and compares its output, or the name of the error it failed with.
#[track_caller]
fn check(asl: &Value, input: &Value, script: Script<'_>, expected: Result<Value, &str>) -> Seen {
    let seen = walk(asl, input, script);
    let outcome = match (&seen.ended.status, &seen.ended.output, &seen.ended.failure) {
        (Status::Succeeded, Some(output), None) => Ok(output.clone()),
        (Status::Failed | Status::TimedOut, None, Some(failure)) => Err(failure.error.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome, expected, "{:?}", seen.ended);
    seen
}

/// A machine of these states that starts at the first.
fn machine(states: &[(&str, Value)]) -> Value {
    json!({"StartAt": states[0].0, "States": named(states)})
}

fn named(states: &[(&str, Value)]) -> Value {
    Value::Object(states.iter().map(|(name, state)| ((*name).to_owned(), state.clone())).collect())
}

/// A waiting task of that name, with more fields; it ends unless they say `Next`.
fn task(name: &str, more: Value) -> Value {
    let base = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": {"task": name, "task_token.$": "$$.Task.Token"}},
    });
    ending(merged(base, more))
}

/// The state with `End` unless it has `Next`.
fn ending(mut state: Value) -> Value {
    if state.get("Next").is_none() {
        state["End"] = json!(true);
    }
    state
}

fn merged(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}
