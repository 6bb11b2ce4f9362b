//! The walk itself.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::{BoxFuture, Either, FutureExt, select};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;

use super::failure::{Failure, within_limit};
use super::host::{Execution, Host, Moment};
use super::machine::{Action, Kind, Machine, PassResult, State, States, Work};
use super::template::{Scope, Template};

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its last status.
    pub status: Status,
    /// Its output, if it succeeded.
    pub output: Option<Value>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// What the service bills: states entered, and retries.
    pub transitions: u64,
}

/// The last status of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It reached its end.
    Succeeded,
    /// A state failed and nothing caught it.
    Failed,
    /// It took longer than the machine allows.
    TimedOut,
    /// It was stopped from outside.
    Aborted,
}

impl Status {
    /// The name the service gives it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
        }
    }
}

/// Walks a machine to its end.
pub async fn execute(host: Host<'_>, machine: &Machine, execution: &Execution) -> Ended {
    execute_until(host, machine, execution, pending()).await
}

/// Walks a machine to its end, or until `stop` gives the cause to abort it for.
pub async fn execute_until(
    host: Host<'_>,
    machine: &Machine,
    execution: &Execution,
    stop: impl Future<Output = String> + Send,
) -> Ended {
    let walk = Walk { host, execution, started_ms: host.clock.now_ms(), transitions: AtomicU64::new(0) };
    let stop = Box::pin(stop);
    let (status, output, failure) = match select(stop, walk.within_time(machine)).await {
        Either::Left((cause, _)) => (Status::Aborted, None, Some(Failure::new("", cause))),
        Either::Right((None, _)) => {
            let cause = "the execution took longer than `TimeoutSeconds` of the machine";
            (Status::TimedOut, None, Some(Failure::timeout(cause)))
        }
        Either::Right((Some(Ok(output)), _)) => (Status::Succeeded, Some(output), None),
        Either::Right((Some(Err(failure)), _)) => (Status::Failed, None, Some(failure)),
    };
    Ended { status, output, failure, transitions: walk.transitions.load(Ordering::Relaxed) }
}

struct Walk<'a> {
    host: Host<'a>,
    execution: &'a Execution,
    started_ms: u64,
    transitions: AtomicU64,
}

/// A state that is being run.
#[derive(Clone, Copy)]
struct At<'a> {
    name: &'a str,
    entered_ms: u64,
}

impl<'a> Walk<'a> {
    /// Walks the machine; `None` if it took too long.
    fn within_time<'w>(&'w self, machine: &'w Machine) -> BoxFuture<'w, Option<Result<Value, Failure>>> {
        async move {
            let input = self.execution.input.clone();
            if let Err(failure) = within_limit("the input of the execution", &input) {
                return Some(Err(failure));
            }
            let walked = self.states(&machine.states, input);
            let Some(seconds) = machine.timeout_seconds else {
                return Some(walked.await);
            };
            match select(walked, self.host.clock.sleep(seconds * 1000)).await {
                Either::Left((result, _)) => Some(result),
                Either::Right(_) => None,
            }
        }
        .boxed()
    }

    /// Walks states that name each other, to the end of the last one.
    fn states<'w>(&'w self, states: &'w States, mut input: Value) -> BoxFuture<'w, Result<Value, Failure>> {
        async move {
            let mut name = states.start_at.as_str();
            loop {
                let found = states.states.get_key_value(name);
                let (name_of_state, state) =
                    found.ok_or_else(|| Failure::runtime(format!("there is no state `{name}`")))?;
                let at = At { name: name_of_state, entered_ms: self.host.clock.now_ms() };
                self.transitions.fetch_add(1, Ordering::Relaxed);
                self.see(Moment::Entered { state: at.name });
                let (output, next) = match self.state(at, state, input).await {
                    Ok(done) => done,
                    Err(failure) => {
                        self.see(Moment::Failed { state: at.name, failure: &failure });
                        return Err(failure);
                    }
                };
                self.see(Moment::Left { state: at.name });
                input = output;
                match next {
                    Some(next) => name = next,
                    None => return Ok(input),
                }
            }
        }
        .boxed()
    }

    /// Runs one state: its output, and the state that follows.
    async fn state<'w>(
        &'w self,
        at: At<'w>,
        state: &'w State,
        raw: Value,
    ) -> Result<(Value, Option<&'w str>), Failure> {
        if let Kind::Work(work) = &state.kind {
            return self.work(at, state, work, raw).await;
        }
        let input = state.input.of(&raw)?;
        let (output, next) = match &state.kind {
            Kind::Work(_) | Kind::Succeed => (input.into_owned(), None),
            Kind::Choice { rules, default } => {
                let mut next = default.as_deref();
                for (rule, target) in rules {
                    if rule.holds(&input)? {
                        next = Some(target);
                        break;
                    }
                }
                let unmatched =
                    || Failure::new("States.NoChoiceMatched", "no rule holds and there is no default");
                (input.into_owned(), Some(next.ok_or_else(unmatched)?))
            }
            Kind::Pass { result, result_path, next } => {
                let result = match result {
                    PassResult::Input => input.into_owned(),
                    PassResult::Literal(value) => value.clone(),
                    PassResult::Parameters(template) => template.fill(&input, &self.scope(at, None))?,
                };
                (result_path.combine(&raw, result)?, next.state())
            }
            Kind::Wait { time, next } => {
                self.host.clock.sleep(time.ms(&input)?).await;
                (input.into_owned(), next.state())
            }
            Kind::Fail { error, cause } => return Err(Failure::new(error, cause)),
        };
        let output = state.output.of_owned(output)?;
        within_limit("the output of the state", &output)?;
        Ok((output, next))
    }

    /// Runs a state that may be tried again and caught.
    async fn work<'w>(
        &'w self,
        at: At<'w>,
        state: &'w State,
        work: &'w Work,
        raw: Value,
    ) -> Result<(Value, Option<&'w str>), Failure> {
        let mut attempts = vec![0; work.retry.len()];
        loop {
            let failure = match self.attempt(at, state, work, &raw).await {
                Ok(output) => return Ok((output, work.next.state())),
                Err(failure) => failure,
            };
            // The first retrier that matches decides, even when its attempts are used up.
            let retrier = work.retry.iter().zip(&mut attempts).find(|(retrier, _)| retrier.is_for(&failure));
            if let Some((retrier, attempt)) = retrier
                && let Some(delay_ms) = retrier.delay_ms(*attempt, self.host.random)
            {
                *attempt += 1;
                self.see(Moment::Retrying { state: at.name, failure: &failure, delay_ms });
                self.host.clock.sleep(delay_ms).await;
                self.transitions.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let Some(catcher) = work.catch.iter().find(|catcher| catcher.is_for(&failure)) else {
                return Err(failure);
            };
            self.see(Moment::Caught { state: at.name, failure: &failure, next: &catcher.next });
            let output = catcher.result_path.combine(&raw, failure.output())?;
            within_limit("the output of the state", &output)?;
            return Ok((output, Some(&catcher.next)));
        }
    }

    async fn attempt<'w>(
        &'w self,
        at: At<'w>,
        state: &'w State,
        work: &'w Work,
        raw: &Value,
    ) -> Result<Value, Failure> {
        let input = state.input.of(raw)?;
        let scope = self.scope(at, None);
        let result = match &work.action {
            Action::Send(send) => send.run(self.host, &input, scope).await?,
            Action::Parallel { parameters, branches } => {
                let input = filled(parameters.as_ref(), input.into_owned(), &scope)?;
                within_limit("the input of the branches", &input)?;
                let branches = branches.iter().map(|branch| self.states(branch, input.clone())).collect();
                all(branches, usize::MAX).await?
            }
            Action::Map { items, selector, concurrency, processor } => {
                let values = items.get(&input)?.as_array();
                let values = values.ok_or_else(|| Failure::runtime("`ItemsPath` is not at a list"))?;
                let mut walks = Vec::new();
                for (index, value) in values.iter().enumerate() {
                    let item = match selector {
                        None => value.clone(),
                        Some(selector) => selector.fill(&input, &self.scope(at, Some((index, value))))?,
                    };
                    within_limit("an item", &item)?;
                    walks.push(self.states(processor, item));
                }
                all(walks, *concurrency).await?
            }
        };
        within_limit("the result", &result)?;
        let result = filled(work.selector.as_ref(), result, &scope)?;
        let output = state.output.of_owned(work.result_path.combine(raw, result)?)?;
        within_limit("the output of the state", &output)?;
        Ok(output)
    }

    fn scope<'w>(&'w self, at: At<'w>, item: Option<(usize, &'w Value)>) -> Scope<'w> {
        Scope {
            execution: self.execution,
            started_ms: self.started_ms,
            state: at.name,
            entered_ms: at.entered_ms,
            token: None,
            item,
        }
    }

    fn see(&self, moment: Moment<'_>) {
        self.host.observer.see(&self.execution.name, self.host.clock.now_ms(), moment);
    }
}

fn filled(template: Option<&Template>, value: Value, scope: &Scope<'_>) -> Result<Value, Failure> {
    match template {
        None => Ok(value),
        Some(template) => template.fill(&value, scope),
    }
}

/// Runs walks side by side, `concurrency` at a time, begun in their order; the first failure drops the others.
async fn all(
    walks: Vec<BoxFuture<'_, Result<Value, Failure>>>,
    concurrency: usize,
) -> Result<Value, Failure> {
    let mut results = vec![Value::Null; walks.len()];
    let mut waiting = walks.into_iter().enumerate();
    let mut running: FuturesUnordered<_> =
        waiting.by_ref().take(concurrency).map(|(index, walk)| numbered(index, walk)).collect();
    while let Some((index, result)) = running.next().await {
        let result = result?;
        if let Some(slot) = results.get_mut(index) {
            *slot = result;
        }
        if let Some((index, walk)) = waiting.next() {
            running.push(numbered(index, walk));
        }
    }
    Ok(Value::Array(results))
}

async fn numbered<T>(index: usize, walk: BoxFuture<'_, T>) -> (usize, T) {
    (index, walk.await)
}
