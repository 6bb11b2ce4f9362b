//! `assay cache`.

use std::fmt::Write as _;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{CacheLevel, Counters, Run, StepKey, StepResult, TenantId, Told};
use engine::recall::TAG_KINDS;
use render::{Report, dollars, seconds};

use super::{session, show, warming};
use crate::cli::{CacheCommand, ExplainArguments, PurgeArguments, StateArguments};
use crate::state::State;

pub(super) async fn cache(config: &Config, command: &CacheCommand) -> Result<ExitCode> {
    match command {
        CacheCommand::Stats(arguments) => stats(config, arguments).await,
        CacheCommand::Explain(arguments) => explain(config, arguments).await,
        CacheCommand::Purge(arguments) => purge(config, arguments).await,
    }
}

/// Prints how often a stored answer was looked for and found, and what that saved.
async fn stats(config: &Config, arguments: &StateArguments) -> Result<ExitCode> {
    let mut state = State::open(&arguments.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let tenant = TenantId::new(&arguments.tenant);
    let counters = engine::figures::read(&session.ports, &tenant).await?;
    super::print(&page(&counters, config.recall.is_on))?;
    Ok(ExitCode::SUCCESS)
}

fn page(counters: &Counters, is_on: bool) -> String {
    let hits: u64 = counters.cache_hits.values().sum();
    let runs: u64 = counters.runs.values().sum();
    let share = if counters.recall_lookups == 0 {
        String::new()
    } else {
        format!(" ({:.1} %)", 100.0 * hits as f64 / counters.recall_lookups as f64)
    };
    let mut text = format!("looked for  {}\nfound       {hits}{share}\n", counters.recall_lookups);
    for level in [CacheLevel::L1, CacheLevel::L2, CacheLevel::L3] {
        let found = counters.cache_hits.get(level.name()).copied().unwrap_or(0);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}        {found}", level.name());
    }
    let _ = writeln!(text, "saved       {}\nin          {runs} ended runs", dollars(counters.saved));
    text.push_str(&warming::line(&counters.warming));
    if !is_on {
        text.push_str("ASSAY_CACHE is off: nothing is looked for and nothing is stored\n");
    }
    text
}

/// Says why a step's answer was a stored one, or was not.
async fn explain(config: &Config, arguments: &ExplainArguments) -> Result<ExitCode> {
    let key = show::find_run(config, &arguments.state, &arguments.run).await?;
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let report = Report::load(&session.ports, &key).await?;
    let mut found = report.steps.iter().filter(|(key, ..)| is_named(key, &arguments.step)).peekable();
    if found.peek().is_none() {
        let names: Vec<String> = report.steps.iter().map(|(key, ..)| name(key)).collect();
        let what = format!("the run has no step {}; it has {}", arguments.step, names.join(", "));
        return Err(Error::new(ErrorKind::NotFound, what));
    }
    let catalogue = &session.ports.catalogue;
    let told = found.map(|(key, result, _)| {
        let allows = catalogue.agent(&key.agent).is_some_and(|agent| agent.cache.exact);
        explained(&report.run, key, result, allows)
    });
    super::print(&told.collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn is_named(key: &StepKey, wanted: &str) -> bool {
    key.agent.as_str() == wanted || name(key) == wanted
}

fn name(key: &StepKey) -> String {
    if key.item.as_str() == "-" { key.agent.to_string() } else { format!("{}/{}", key.agent, key.item) }
}

/// What became of a step's look-up, a line for each level.
fn explained(run: &Run, key: &StepKey, result: &StepResult, allows: bool) -> String {
    let meta = &result.meta;
    let mut text = format!("{}\n  basis   {}", name(key), meta.basis.name());
    if meta.saved.0 > 0 {
        let _ = write!(text, ", saved {}", dollars(meta.saved));
    }
    text.push('\n');
    let Some(note) = &meta.recall else {
        let why = match (meta.looked_up, run.use_cache, allows) {
            (true, ..) => "it was looked for by a release that did not note what became of it",
            (_, false, _) => "the run asked every question anew",
            (_, _, false) => "this agent's answers are not stored, or ASSAY_CACHE is off",
            _ => "no model was asked, or not before a tool had been used",
        };
        let _ = writeln!(text, "  nothing was looked for: {why}");
        return text;
    };
    let _ = write!(text, "  key     {}…", note.key);
    match (note.led, note.waited_ms) {
        (_, waited_ms @ 1..) => {
            let _ = write!(text, ", waited {} for another step's answer", seconds(waited_ms));
        }
        (true, _) => text.push_str(", others that ask the same wait for this one"),
        _ => {}
    }
    text.push('\n');
    for level in [CacheLevel::L1, CacheLevel::L2, CacheLevel::L3] {
        let told = note.levels.get(&level).map_or_else(|| "not asked".to_owned(), words);
        let _ = writeln!(text, "  {:<6}  {told}", level.name());
    }
    text
}

fn words(told: &Told) -> String {
    match told {
        Told::Hit { age_ms, stale: false } => format!("hit: an answer of {} ago", seconds(*age_ms)),
        Told::Hit { age_ms, stale: true } => {
            format!(
                "hit: an answer of {} ago, past its time, while another step made a new one",
                seconds(*age_ms)
            )
        }
        Told::Renewed { age_ms } => {
            format!("miss: an answer of {} ago was past its time; this step made a new one", seconds(*age_ms))
        }
        Told::Nothing => "miss: no answer was stored, or it had ended or been pushed out".to_owned(),
        Told::Void { tag } => format!("miss: an answer was void, because {} was purged", render::safe(tag)),
        Told::Unreadable => {
            "miss: what is stored is damaged, or not sealed for this tenant and key".to_owned()
        }
        Told::Unfit => "miss: the stored answer does not hold for what this step was given".to_owned(),
        Told::Away => "miss: the cache did not answer".to_owned(),
    }
}

/// Makes void what is stored under a tag.
async fn purge(config: &Config, arguments: &PurgeArguments) -> Result<ExitCode> {
    let is_known =
        |kind: &str| arguments.tag.split_once(':').is_some_and(|(named, of)| named == kind && !of.is_empty());
    if !TAG_KINDS.iter().any(|kind| is_known(kind)) {
        let kinds: Vec<String> = TAG_KINDS.iter().map(|kind| format!("{kind}:…")).collect();
        let what = format!("a tag is one of {}, such as agent:verification_director", kinds.join(", "));
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let tenant = TenantId::new(&arguments.state.tenant);
    session.ports.cache.purge(&tenant, &arguments.tag).await?;
    session.rows.settled().await?;
    super::print(&format!("what was stored under {} is void\n", render::safe(&arguments.tag)))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &Told, expected: &str) {
        let words = words(told);
        assert!(words.contains(expected), "{words}");
    }

    #[test]
    fn what_each_level_had_is_said_in_words() {
        check(&Told::Hit { age_ms: 190_000, stale: false }, "hit: an answer of 3 min 10 s ago");
        check(&Told::Hit { age_ms: 1_500, stale: true }, "past its time");
        check(&Told::Renewed { age_ms: 1_500 }, "miss: an answer of 1.5 s ago");
        check(&Told::Nothing, "miss");
        check(&Told::Void { tag: "agent:a\u{1b}[0m".to_owned() }, "agent:a");
        check(&Told::Unreadable, "sealed");
        check(&Told::Unfit, "does not hold");
        check(&Told::Away, "did not answer");
        assert!(!words(&Told::Void { tag: "\u{1b}[0m".to_owned() }).contains('\u{1b}'));
    }

    #[test]
    fn figures_are_told_by_level() {
        let mut counters = Counters { recall_lookups: 8, ..Counters::default() };
        assert!(page(&counters, true).starts_with("looked for  8\nfound       0 (0.0 %)\n"));
        counters.cache_hits = [("l1".to_owned(), 3), ("l2".to_owned(), 1)].into();
        let text = page(&counters, false);
        assert!(
            text.contains("found       4 (50.0 %)\n  l1        3\n  l2        1\n  l3        0\n"),
            "{text}"
        );
        assert!(text.contains("ASSAY_CACHE is off"));
        assert!(page(&Counters::default(), true).starts_with("looked for  0\nfound       0\n"));
    }
}
