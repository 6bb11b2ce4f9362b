//! `cargo lab bench recall`: whether recall by meaning serves wrong answers, how much it finds, and how fast it is.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use engine::recall::vectors::Threshold;
use serde_json::{Value, json};

use super::print;
use crate::binary::build_example_for_deployment;
use crate::recall::drift::{self, Drift};
use crate::recall::embedded::Embedded;
use crate::recall::labelled::{self, Judged};
use crate::recall::{Pair, paraphrases, traps};
use crate::score::wilson;
use crate::stack::Result;

/// The labelled pairs, seen from the root of the workspace: they lie beside it, not in it.
const ROWS: &str = "../shared/data/semantic_dev.jsonl";

/// Entries of the namespace that is looked through.
const ENTRIES: usize = 10_000;

/// What to measure on.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file of labelled pairs, `{"a", "b", "duplicate"}` a line; without it, the one that lies beside this workspace
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Traps of each of the ten kinds
    #[arg(long, default_value_t = 600)]
    traps: usize,
    /// Which traps and paraphrases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Streams of each kind
    #[arg(long, default_value_t = 20)]
    streams: u64,
}

/// Measures and prints; ends with 1 if a trap was served or a bound did not hold.
pub(super) fn recall(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Ok(report) => {
            if arguments.json {
                print(&format!("{report:#}"));
            } else {
                show(&report);
            }
            let failed = report["traps"]["wrong"] != 0 || report["drift_over"] != 0;
            ExitCode::from(u8::from(failed))
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Value> {
    let threshold = Threshold::default().cosine();
    let traps = traps::generate(arguments.traps, arguments.seed);
    let paraphrases = paraphrases::generate(100, arguments.seed);
    let rows = rows(arguments);
    if let Err(why) = &rows {
        complain(&format!("no labelled pairs: {why}"));
    }
    let generated =
        traps.iter().chain(&paraphrases).flat_map(|pair| [pair.stored.as_str(), pair.asked.as_str()]);
    let labelled = rows.iter().flatten().flat_map(|row| [row.a.as_str(), row.b.as_str()]);
    let mut embedded = Embedded::default();
    embedded.add(labelled.chain(generated))?;

    let traps = judged(&traps, &embedded, false)?;
    let paraphrases = judged(&paraphrases, &embedded, true)?;
    let drift = drift::play(arguments.streams);
    let over = |drift: &Drift| drift.over_the_bound + drift.over_the_limit;
    let mut report = json!({
        "default": { "threshold": 0.92, "precision": null, "recall": null },
        "dataset": null,
        "thresholds": [],
        "traps": of_traps(&traps, threshold),
        "paraphrases": of_paraphrases(&paraphrases, threshold),
        "drift_over": drift.iter().map(over).sum::<u64>(),
        "drift": drift,
        "embed": of_times(&embedded),
        "scan": scan(&embedded)?,
    });
    match rows {
        Ok(rows) => {
            let judge = |row: &labelled::Row| {
                let cosine = embedded.cosine(&row.a, &row.b).ok_or("a labelled text was not embedded")?;
                Ok(Judged::of(&row.a, &row.b, cosine, row.duplicate))
            };
            let pairs = rows.iter().map(judge).collect::<Result<Vec<_>>>()?;
            report["default"] = json!(labelled::score(&pairs, threshold, true));
            report["default"]["threshold"] = json!(0.92);
            report["dataset"] =
                json!({ "pairs": pairs.len(), "same": pairs.iter().filter(|pair| pair.same).count() });
            report["thresholds"] = json!(labelled::table(&pairs));
            report["refused"] = json!(labelled::refusals(&pairs, threshold));
        }
        Err(why) => report["dataset"] = json!({ "missing": why }),
    }
    Ok(report)
}

fn rows(arguments: &Arguments) -> std::result::Result<Vec<labelled::Row>, String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(ROWS);
    let file = arguments.dataset.clone().unwrap_or_else(beside);
    labelled::rows(&file.canonicalize().unwrap_or(file))
}

fn judged(pairs: &[Pair], embedded: &Embedded, same: bool) -> Result<Vec<(&'static str, Judged)>> {
    let judge = |pair: &Pair| {
        let cosine = embedded.cosine(&pair.stored, &pair.asked).ok_or("a generated text was not embedded")?;
        Ok((pair.kind, Judged::of(&pair.stored, &pair.asked, cosine, same)))
    };
    pairs.iter().map(judge).collect()
}

/// By kind: how many there are, how many a threshold alone takes for the same, and how many of those the guards let through.
fn by_kind(pairs: &[(&'static str, Judged)], threshold: f32) -> BTreeMap<&'static str, [usize; 3]> {
    let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (kind, pair) in pairs {
        let counts = kinds.entry(kind).or_default();
        counts[0] += 1;
        counts[1] += usize::from(pair.is_served(threshold, false));
        counts[2] += usize::from(pair.is_served(threshold, true));
    }
    kinds
}

fn of_traps(traps: &[(&'static str, Judged)], threshold: f32) -> Value {
    let kinds = by_kind(traps, threshold);
    let sum = |place: usize| kinds.values().map(|counts| counts[place]).sum::<usize>();
    let unguarded = traps.iter().filter(|(_, trap)| trap.refused.is_none()).count();
    // The exact bound of Clopper and Pearson, one-sided, where none was seen.
    let at_most =
        if sum(2) == 0 { 1.0 - 0.05_f64.powf(1.0 / sum(0) as f64) } else { wilson(sum(2), sum(0)).1 };
    json!({
        "n": sum(0),
        "wrong": sum(2),
        "wrong_share_at_most": at_most,
        "wrong_by_threshold_alone": sum(1),
        "past_the_guards_at_any_cosine": unguarded,
        "kinds": kinds,
    })
}

fn of_paraphrases(pairs: &[(&'static str, Judged)], threshold: f32) -> Value {
    let kinds = by_kind(pairs, threshold);
    let sum = |place: usize| kinds.values().map(|counts| counts[place]).sum::<usize>();
    json!({
        "n": sum(0),
        "near": sum(1),
        "hit": sum(2),
        "share": sum(2) as f64 / sum(1).max(1) as f64,
        "interval": wilson(sum(2), sum(1)),
        "kinds": kinds,
    })
}

fn of_times(embedded: &Embedded) -> Value {
    let mut took_ms = embedded.took_ms.clone();
    took_ms.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (took_ms.len().saturating_sub(1) as f64 * share).round();
        took_ms.iter().copied().nth(place as usize)
    };
    json!({ "texts": took_ms.len(), "median_ms": at(0.5), "p95_ms": at(0.95), "build": "dev" })
}

/// What looking through a full namespace takes, by the example that is built as for deployment.
fn scan(embedded: &Embedded) -> Result<Value> {
    let binary = build_example_for_deployment("scan")?;
    let mut child = Command::new(binary)
        .env_clear()
        .arg(ENTRIES.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut into = child.stdin.take().ok_or("the scan has no input")?;
    let bytes: Vec<u8> =
        embedded.all().take(ENTRIES).flatten().flat_map(|number| number.to_le_bytes()).collect();
    into.write_all(&bytes)?;
    drop(into);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("the scan failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn show(report: &Value) {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let counts = |value: &Value| {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|count| format!("{:>7}", count.to_string()))
            .collect::<String>()
    };
    print(
        "generated pairs                           n   near served   (near: at or above 0.92; served: and past the guards)",
    );
    for group in ["traps", "paraphrases"] {
        for (kind, row) in report[group]["kinds"].as_object().into_iter().flatten() {
            print(&format!("{:<36}{}", format!("{group}: {kind}"), counts(row)));
        }
    }
    print(&format!(
        "traps served wrong: {} of {} (95 %: at most {:.3} %); by the threshold alone {}",
        report["traps"]["wrong"],
        report["traps"]["n"],
        number("/traps/wrong_share_at_most") * 100.0,
        report["traps"]["wrong_by_threshold_alone"]
    ));
    print(&format!(
        "paraphrases served: {} of {} that are near, {:.1} % ({:.1} to {:.1})",
        report["paraphrases"]["hit"],
        report["paraphrases"]["near"],
        number("/paraphrases/share") * 100.0,
        number("/paraphrases/interval/0") * 100.0,
        number("/paraphrases/interval/1") * 100.0
    ));
    if let Some(why) = report.pointer("/dataset/missing") {
        print(&format!("labelled pairs: not measured, {why}"));
    } else {
        print("labelled pairs      with guards: precision and its interval, recall      threshold alone");
        for row in report["thresholds"].as_array().into_iter().flatten() {
            print(&format!(
                "  {:.2}    {}    {}",
                row["threshold"].as_f64().unwrap_or_default(),
                of_score(&row["guards"]),
                of_score(&row["plain"])
            ));
        }
    }
    for row in report["drift"].as_array().into_iter().flatten() {
        print(&format!(
            "stream {:<23} over the bound {} and over 1 % {} times in {} checkpoints, {:.3} % wrong at worst, {:.1} % served, {:.1} % of that audited, {} audits lost",
            row["stream"].as_str().unwrap_or_default(),
            row["over_the_bound"],
            row["over_the_limit"],
            row["checkpoints"],
            row["worst_share"].as_f64().unwrap_or_default() * 100.0,
            row["served"].as_f64().unwrap_or_default() * 100.0,
            row["audited"].as_f64().unwrap_or_default() * 100.0,
            row["audits_lost"]
        ));
    }
    print(&format!(
        "a look through {} entries: {:.0} us, p99 {:.0}; where all are near {:.0} us",
        report["scan"]["entries"],
        number("/scan/usual_us/median"),
        number("/scan/usual_us/p99"),
        number("/scan/all_near_us/median")
    ));
    print(&format!(
        "a text embedded by one thread: {:.1} ms of a processor, p95 {:.1} (dev build, {} texts)",
        number("/embed/median_ms"),
        number("/embed/p95_ms"),
        report["embed"]["texts"]
    ));
}

fn of_score(score: &Value) -> String {
    let number = |pointer: &str| score.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN) * 100.0;
    format!(
        "{:>5} hits {:5.1} % ({:4.1} to {:4.1}), {:4.1} %",
        score["hits"].as_u64().unwrap_or_default(),
        number("/precision"),
        number("/precision_interval/0"),
        number("/precision_interval/1"),
        number("/recall")
    )
}

/// A line on standard error.
#[expect(clippy::print_stderr, reason = "this is the command line's own output")]
fn complain(line: &str) {
    eprintln!("{line}");
}
