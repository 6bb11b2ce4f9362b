//! The real process, killed for real: the same command goes on, nothing finished is done again, no money is lost sight of.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::memory::SeededRandom;
use engine::ports::{Clock as _, Random as _};
use lab::scripted::{Bill, Script, ScriptedServer};
use serde_json::Value;

use crate::assay::{assay, json, overdue, run, sample, start};

const KILLS: usize = 50;

fn command(url: &str, state: &str) -> Command {
    let path = sample("flood-budget.vtt");
    let mut command = assay(&["run", path.to_str().unwrap(), "--depth", "deep", "--json", "--state", state]);
    command.env("LLM_BASE_URL", url).env("LLM_MODEL", "scripted").env("LLM_PRICE", "0.15/0.60");
    command
}

#[test]
fn fifty_kills_lose_nothing_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bill_file = folder.path().join("bill.jsonl");
    let script = Script::new(Vec::new()).with_latency_ms(15);
    let server = ScriptedServer::with_bill_file(script, &bill_file).unwrap();
    let random = SeededRandom::new(50);
    let mut kills = 0;
    let mut round = 0;
    // So that it is known that the kills met work: steps that were done, and calls that were under way.
    let (mut done, mut unsettled) = (0, 0);
    while kills < KILLS {
        round += 1;
        let state = folder.path().join(format!("state-{round}"));
        let state = state.to_str().unwrap();
        let billed_before = bill(&bill_file).len();
        // Steps a process said were done, and when it was dead.
        let mut said: Vec<(String, u64)> = Vec::new();
        // Kill it again and again, at moments that move through the run, until it gets through.
        let report = loop {
            // Without stored answers: what is done twice is heard at the provider.
            let mut command = command(&server.url(), state);
            let mut child = start(command.arg("--fresh").env("ASSAY_REQUESTS_PER_MINUTE", "100000"));
            if kills >= KILLS {
                break json(&child.wait_with_output().unwrap());
            }
            std::thread::sleep(Duration::from_millis(40 + random.next_u64() % 500));
            match child.try_wait().unwrap() {
                Some(_) => break json(&child.wait_with_output().unwrap()),
                None => {
                    child.kill().unwrap();
                    let output = child.wait_with_output().unwrap();
                    kills += 1;
                    let dead_ms = boot::SystemClock.now_ms();
                    let told = String::from_utf8_lossy(&output.stderr);
                    said.extend(told.lines().filter_map(done_step).map(|step| (step, dead_ms)));
                }
            }
        };
        let bill = &bill(&bill_file)[billed_before..];
        // A kill just before the end may leave a finished run and a second one; together they are the bill.
        let reports = all_reports(state);
        assert!(reports.contains(&report));
        for report in &reports {
            assert_eq!(report["status"], "complete", "{:#} {:#}", report["failure"], report["gaps"]);
        }
        unsettled += check_money(&reports, bill);
        done += said.len();
        for (at, report) in reports.iter().enumerate() {
            let begun_ms = created_ms(report);
            let ended_ms = reports.get(at + 1).map_or(u64::MAX, created_ms);
            let of_run: Vec<_> =
                bill.iter().filter(|line| (begun_ms..ended_ms).contains(&line.at_ms)).cloned().collect();
            check_nothing_twice(report, &of_run);
            for (step, dead_ms) in said.iter().filter(|(_, dead_ms)| (begun_ms..ended_ms).contains(dead_ms)) {
                let late = of_run
                    .iter()
                    .find(|line| line.at_ms > *dead_ms && done_name(&line.agent, &line.item) == *step);
                assert!(late.is_none(), "{step} was said to be done, and asked again: {late:?}");
            }
        }
    }
    println!("{kills} kills in {round} rounds: {done} steps were done, {unsettled} nano-dollars unsettled");
    assert!(done >= 10 && unsettled > 0, "{done} {unsettled}");
}

fn created_ms(report: &Value) -> u64 {
    report["created_ms"].as_u64().unwrap()
}

/// The step of a line such as `00:01 verification_director c1 ok, 60 ms, $0.0002`.
fn done_step(line: &str) -> Option<String> {
    let (said, _) = line.split_once(" ok, ")?;
    let mut words = said.split_whitespace().skip(1);
    Some(done_name(words.next()?, words.next().unwrap_or("-")))
}

fn done_name(agent: &str, item: &str) -> String {
    format!("{agent}/{item}")
}

/// Every run of a state folder in its JSON form, the oldest first.
fn all_reports(state: &str) -> Vec<Value> {
    let listed = run(&mut assay(&["runs", "--state", state]));
    let text = String::from_utf8(listed.stdout).unwrap();
    let ids = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let shown = ids.map(|id| json(&run(&mut assay(&["show", id, "--json", "--state", state]))));
    let mut reports: Vec<Value> = shown.collect();
    reports.sort_by_key(created_ms);
    reports
}

fn bill(path: &std::path::Path) -> Vec<lab::scripted::BillLine> {
    Bill::read(path).unwrap_or_default()
}

/// The ledger is never below the bill, and exceeds it by the unsettled rows at most, whose sum this is.
fn check_money(reports: &[Value], bill: &[lab::scripted::BillLine]) -> i64 {
    let price = engine::model::Price {
        base: engine::model::PriceBand {
            input: 150_000_000,
            cached_input: 150_000_000,
            cache_write: 150_000_000,
            output: 600_000_000,
            ..Default::default()
        },
        ..Default::default()
    };
    let billed: i64 = bill.iter().filter(|line| line.billed).map(|line| price.cost(&line.usage).0).sum();
    let sum = |pointer: &str| {
        reports.iter().map(|report| report.pointer(pointer).unwrap().as_i64().unwrap()).sum::<i64>()
    };
    let (ledger, unsettled) = (sum("/cost/total_nano_usd"), sum("/cost/unsettled_nano_usd"));
    assert!(ledger >= billed, "ledger {ledger}, bill {billed}");
    assert!(ledger - billed <= unsettled, "ledger {ledger}, bill {billed}, unsettled {unsettled}");
    for report in reports {
        let steps =
            report["steps"].as_array().unwrap().iter().map(|step| step["cost_nano_usd"].as_i64().unwrap());
        assert_eq!(
            Some(steps.sum::<i64>()),
            report["cost"]["total_nano_usd"].as_i64(),
            "the steps' costs are the run's"
        );
    }
    unsettled
}

/// Once a step's result is stored, the provider hears nothing more of it.
fn check_nothing_twice(report: &Value, bill: &[lab::scripted::BillLine]) {
    for step in report["steps"].as_array().unwrap() {
        let (agent, item) = (step["agent"].as_str().unwrap(), step["item"].as_str().unwrap_or("-"));
        let stored_ms = step["finished_ms"].as_u64().unwrap();
        let late =
            bill.iter().find(|line| line.agent == agent && line.item == item && line.at_ms > stored_ms);
        assert!(late.is_none(), "{agent}/{item} was stored at {stored_ms} and called again: {late:?}");
    }
}

#[test]
fn a_run_that_was_not_killed_sends_each_request_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let state = folder.path().join("state");
    let report = json(&run(&mut command(&server.url(), state.to_str().unwrap())));
    assert_eq!(report["status"], "complete", "{report:#}");
    assert_eq!(report["cost"]["unsettled_nano_usd"], 0);
    let lines = server.bill().lines();
    let distinct: std::collections::BTreeSet<_> =
        lines.iter().map(|line| (&line.agent, &line.item, &line.request)).collect();
    assert_eq!(distinct.len(), lines.len());
    // The same content again: what was asked before is not asked again.
    let again = json(&run(command(&server.url(), state.to_str().unwrap()).arg("--tenant").arg("local")));
    assert!(again["cost"]["saved_nano_usd"].as_i64().unwrap() > 0);
    // Asked again is what depends on how this run went, or on a tool.
    let mut asked_again: std::collections::BTreeSet<String> =
        server.bill().lines()[lines.len()..].iter().map(|line| line.agent.clone()).collect();
    asked_again.remove("verification_director");
    assert!(asked_again.len() <= 4, "{asked_again:?}");
    let fresh = json(&run(command(&server.url(), state.to_str().unwrap()).arg("--fresh")));
    assert_eq!(fresh["cost"]["saved_nano_usd"], 0);
}

/// Interrupts the process when what it has said is so, and then does `meanwhile`; all it said.
#[cfg(unix)]
fn interrupt_then(mut command: Command, is_so: impl Fn(&str) -> bool, meanwhile: impl FnOnce()) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // Its output's other end is the process's alone from here on.
    drop(command);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !is_so(&said) {
        assert!(errors.read_line(&mut said).unwrap() > 0, "it ended by itself: {said}");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    meanwhile();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.ends_with("interrupted; the same command goes on where it stopped\n"), "{said}");
    said
}

/// The same with nothing to do.
#[cfg(unix)]
fn interrupt_when(mut command: Command, is_so: impl Fn(&str) -> bool) -> String {
    command.stdout(Stdio::null());
    interrupt_then(command, is_so, || ())
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(300)).unwrap();
    let state = folder.path().join("state");
    let two_done = |said: &str| said.lines().filter_map(done_step).count() >= 2;
    let said = interrupt_when(command(&server.url(), state.to_str().unwrap()), two_done);
    let billed = server.bill().lines().len();
    let again = run(&mut command(&server.url(), state.to_str().unwrap()));
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("going on with run"), "{told}");
    assert_eq!(json(&again)["status"], "complete");
    let lines = server.bill().lines();
    for step in said.lines().filter_map(done_step) {
        assert!(
            lines[billed..].iter().all(|line| done_name(&line.agent, &line.item) != step),
            "{step} again"
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_in_a_later_input_keeps_the_earlier_ones() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(300)).unwrap();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let later = sample("speech.txt");
    let both = || {
        let mut both = command(&server.url(), state);
        both.arg("--fresh").arg(&later);
        both
    };
    interrupt_when(both(), |said| {
        said.split_once("speech.txt:")
            .is_some_and(|(_, later)| later.lines().any(|line| done_step(line).is_some()))
    });
    let again = run(&mut both());
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("flood-budget.vtt: done before") && told.contains("going on with run"), "{told}");
    let printed = String::from_utf8_lossy(&again.stdout);
    let reports: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = reports.iter().map(|report| report["source"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flood-budget.vtt", "speech.txt"]);
    assert!(reports.iter().all(|report| report["status"] == "complete"));
    check_money(&reports, &server.bill().lines());
    assert_eq!(all_reports(state), reports, "there are no other runs");
}

#[cfg(unix)]
#[test]
fn an_interrupt_between_two_inputs_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let state = folder.path().join("state");
    // A pipe so full that the first report waits for somebody to read.
    let (mut output, mut full) = std::io::pipe().unwrap();
    full.write_all(" ".repeat(60_000).as_bytes()).unwrap();
    let both = || {
        let mut both = command(&server.url(), state.to_str().unwrap());
        both.arg(sample("speech.txt"));
        both
    };
    let mut first = both();
    first.stdout(full);
    let waits_for_a_reader = |said: &str| {
        let is_over = said.contains("delivered to ");
        if is_over {
            std::thread::sleep(Duration::from_millis(500));
        }
        is_over
    };
    let mut printed = String::new();
    interrupt_then(first, waits_for_a_reader, || {
        output.read_to_string(&mut printed).unwrap();
    });
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["source"]["name"], "flood-budget.vtt", "and nothing of the second");
    let again = run(&mut both());
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("flood-budget.vtt: done before") && told.contains("going on with run"), "{told}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_past_its_deadline_whatever_ran_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(Script::new(Vec::new()).with_latency_ms(300)).unwrap();
    let state = folder.path().join("state");
    let one_done = |said: &str| said.lines().any(|line| done_step(line).is_some());
    interrupt_when(command(&server.url(), state.to_str().unwrap()), one_done);
    let left = overdue(&state);
    let other = sample("speech.txt");
    let other =
        run(&mut assay(&["run", other.to_str().unwrap(), "--json", "--state", state.to_str().unwrap()]));
    assert_eq!(json(&other)["status"], "complete");
    let again = json(&run(&mut command(&server.url(), state.to_str().unwrap())));
    assert_eq!((again["run_id"].as_str(), &again["status"]), (Some(left.as_str()), &"complete".into()));
}
