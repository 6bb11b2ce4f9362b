//! `assay cache`.

use std::fmt::Write as _;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{
    AgentId, CacheLevel, Counters, RecallNote, Run, StepKey, StepResult, TenantId, Told, Used,
};
use engine::recall::guards::Refusal;
use engine::recall::trust::{self, Standing};
use render::{Report, dollars, seconds};
use serde_json::json;

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
    let standings = engine::recall::standings(&session.ports).await?;
    super::print(&page(&counters, &standings, config.recall.is_on))?;
    Ok(ExitCode::SUCCESS)
}

fn page(counters: &Counters, standings: &[(AgentId, String, Standing)], is_on: bool) -> String {
    let hits: u64 = counters.cache_hits.values().sum();
    let runs: u64 = counters.runs.values().sum();
    let share = |hits: u64| match counters.recall_lookups {
        0 => String::new(),
        lookups => format!(" ({:.1} %)", 100.0 * hits as f64 / lookups as f64),
    };
    let mut text = format!("looked for  {}\nfound       {hits}{}\n", counters.recall_lookups, share(hits));
    for level in [CacheLevel::L1, CacheLevel::L2, CacheLevel::L3] {
        let found = counters.cache_hits.get(level.name()).copied().unwrap_or(0);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}        {found}{}", level.name(), share(found));
    }
    let saved = dollars(counters.saved);
    let _ = writeln!(
        text,
        "saved       {} tokens, {saved}\nin          {runs} ended runs",
        counters.saved_tokens
    );
    if counters.spared_tokens > 0 {
        let sent = counters.usage.prompt_tokens();
        let share = 100.0 * counters.spared_tokens as f64 / (sent + counters.spared_tokens) as f64;
        let spared = counters.spared_tokens;
        let _ =
            writeln!(text, "not sent    about {spared} input tokens ({share:.1} %), in shortened prompts");
    }
    if standings.is_empty() {
        text.push_str("by meaning  nothing was compared yet, so nothing was served and nothing is known\n");
    }
    for (agent, maker, standing) in standings {
        let _ = writeln!(text, "by meaning  {agent}, prompt and model {}", render::safe(maker));
        let _ = writeln!(text, "  {}", earned(standing).replace('\n', "\n  "));
    }
    text.push_str(&warming::line(&counters.warming));
    if !is_on {
        text.push_str("ASSAY_CACHE is off: nothing is looked for and nothing is stored\n");
    }
    text
}

/// What an agent's stored answers have earned, in three lines: never what was served without the bound.
fn earned(standing: &Standing) -> String {
    let percent = |millionths: u64| millionths as f64 / 10_000.0;
    let Standing { candidates, served, labels, labels_wrong, audits, audits_open, .. } = standing;
    let state = match standing.state {
        trust::State::Shadow => "shadow: stored answers are compared with the model's own, none is served",
        trust::State::Serving => "serving: stored answers are served, some of them audited",
        trust::State::Waiting => {
            "waiting: the model does not answer, so none could be audited and none is served"
        }
    };
    let bound = format!(
        "wrong served: at most {:.2} % of {candidates} candidates at 99 %, may be {:.2} %; {served} were served",
        percent(standing.bound_millionths),
        percent(standing.limit_millionths)
    );
    let open = if *audits_open > 0 {
        format!(", {audits_open} of them without a finding, which count as wrong")
    } else {
        String::new()
    };
    format!("{state}\n{bound}\n{labels} labels, {labels_wrong} of them wrong; {audits} audits begun{open}")
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
    text.push_str(&by_meaning(note));
    text
}

/// What was compared by meaning: how near, which guard refused it and at which words, what was done with it, and what the agent's
/// stored answers had earned then.
fn by_meaning(note: &RecallNote) -> String {
    let Some(compared) = &note.compared else {
        return match note.levels.contains_key(&CacheLevel::L3) {
            true => "  nearest no stored text was as near as 0.88\n".to_owned(),
            false => String::new(),
        };
    };
    let near = if compared.is_near { "near enough" } else { "too far" };
    let from = if compared.is_kept { ", kept under this key since it was served before" } else { "" };
    let mut text = format!("  nearest cosine {:.3}, {near}{from}\n", compared.cosine);
    match &compared.refused {
        None => text.push_str("  guards  let it through: every difference is explained\n"),
        Some(Refusal { guard, stored, asked }) => {
            let guard = json!(guard).as_str().unwrap_or_default().to_owned();
            let said = |word: &str| match word {
                "" => "nothing".to_owned(),
                word => format!("“{}”", render::safe(word)),
            };
            let _ = writeln!(
                text,
                "  guards  refused by {guard}: the stored text says {}, this one {}",
                said(stored),
                said(asked)
            );
        }
    }
    let used = match compared.used {
        None if compared.is_uncovered => {
            Some("not used: the model could not be asked or paid, so no audit could be made")
        }
        None if compared.is_near && compared.refused.is_none() => {
            Some("not used: its answer was gone, or nobody knew whether it may be served")
        }
        None => None,
        Some(Used::Shadow) => Some("compared with the model's own answer, not served"),
        Some(Used::Served) => Some("served"),
        Some(Used::Audited) => Some("audited: the model was asked as well"),
    };
    if let Some(used) = used {
        let agrees = match compared.agrees {
            Some(true) => ", which was the same",
            Some(false) => ", which was another: the stored one was wrong",
            None => "",
        };
        let _ = writeln!(text, "  used    {used}{agrees}");
    }
    if let Some(standing) = &compared.standing {
        let _ = writeln!(text, "  earned  {}", earned(standing).replace('\n', "\n          "));
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
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let tenant = TenantId::new(&arguments.state.tenant);
    engine::recall::purge(&session.ports, &tenant, &arguments.tag).await?;
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
        let page = |counters: &Counters, is_on| page(counters, &[], is_on);
        assert!(page(&counters, true).starts_with("looked for  8\nfound       0 (0.0 %)\n"));
        counters.cache_hits = [("l1".to_owned(), 3), ("l2".to_owned(), 1)].into();
        let text = page(&counters, false);
        assert!(
            text.contains(
                "found       4 (50.0 %)\n  l1        3 (37.5 %)\n  l2        1 (12.5 %)\n  l3        0 (0.0 %)\nsaved       0 tokens, $0"
            ),
            "{text}"
        );
        assert!(text.contains("ASSAY_CACHE is off"));
        counters.spared_tokens = 25;
        counters.usage.input_tokens = 975;
        let text = page(&counters, true);
        assert!(
            text.contains("\nnot sent    about 25 input tokens (2.5 %), in shortened prompts\n"),
            "{text}"
        );
        assert!(page(&Counters::default(), true).starts_with("looked for  0\nfound       0\n"));
    }

    #[test]
    fn what_was_compared_is_told_with_the_guard_and_the_bound() {
        use engine::model::Compared;
        use engine::recall::guards::judge;
        use engine::recall::trust::{Limit, Trust};

        let refused = judge("The council approved the plan", "The council did not approve the plan").err();
        let refused = Compared { cosine: 0.9712, is_near: true, refused, ..Compared::default() };
        let mut trust = Trust { shadow: 1_000, ..Trust::default() };
        trust.serve(0, true);
        let standing = Some(trust.standing(Limit::default()));
        let audited =
            Compared { used: Some(Used::Audited), agrees: Some(false), standing, ..Compared::default() };
        let told = |compared| by_meaning(&RecallNote { compared, ..RecallNote::default() });
        let text = told(Some(refused));
        assert!(
            text.contains("cosine 0.971, near enough\n  guards  refused by negation: the stored text says"),
            "{text}"
        );
        assert!(!text.contains("  used"), "{text}");
        let text = told(Some(audited.clone()));
        assert!(text.contains("audited: the model was asked as well, which was another"), "{text}");
        assert!(
            text.contains("wrong served: at most 0.10 % of 1001 candidates at 99 %, may be 1.00 %"),
            "{text}"
        );
        assert!(text.contains("1 audits begun, 1 of them without a finding"), "{text}");
        let uncovered = Compared { used: None, is_uncovered: true, is_near: true, ..audited };
        assert!(told(Some(uncovered)).contains("not used: the model could not be asked"));
        let none = RecallNote { levels: [(CacheLevel::L3, Told::Nothing)].into(), ..RecallNote::default() };
        assert!(by_meaning(&none).contains("no stored text") && told(None).is_empty());
        // Beside what was served there is always the bound.
        let standings = [(AgentId::new("a"), "1 p/m\u{1b}".to_owned(), trust.standing(Limit::default()))];
        let text = page(&Counters::default(), &standings, true);
        assert!(
            text.contains("by meaning  a, prompt and model 1 p/m")
                && text.contains("wrong served: at most 0.10 %")
        );
        assert!(!text.contains('\u{1b}'));
    }
}
