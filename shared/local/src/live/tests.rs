use super::*;

fn planned(agent: &str, group: Group, items: Option<&str>) -> Planned {
    Planned { group, items: items.map(str::to_owned), ..Planned::unknown(&AgentId::new(agent)) }
}

fn view(style: Style) -> LiveView {
    let planned = vec![
        planned("mission_orchestrator", Group::Foundation, None),
        planned("transcription_engineer", Group::Foundation, None),
        planned("verification_director", Group::Analysis, Some("claims")),
        planned("argument_strategist", Group::Analysis, None),
        planned("signal_recon_specialist", Group::Analysis, None),
        planned("deep_content_analyst", Group::Analysis, None),
        planned("intelligence_briefing_curator", Group::Briefing, None),
        planned("knowledge_integrator", Group::Afterwards, None),
    ];
    LiveView::new(Depth::Standard, planned, style)
}

fn started(agent: &str, item: &str) -> EventKind {
    EventKind::StepStarted { agent: AgentId::new(agent), item: ItemId::new(item), attempt: 1 }
}

fn ended(agent: &str, item: &str, status: Status, reason: Option<&str>, nano_usd: i64) -> EventKind {
    EventKind::StepFinished {
        agent: AgentId::new(agent),
        item: ItemId::new(item),
        status,
        reason: reason.map(str::to_owned),
        basis: if nano_usd > 0 { Basis::Model } else { Basis::Deterministic },
        cost: NanoUsd(nano_usd),
        duration_ms: 1_250,
    }
}

fn events() -> Vec<Event> {
    let deferred = EventKind::StepDeferred {
        agent: AgentId::new("signal_recon_specialist"),
        item: ItemId::none(),
        hop: 1,
        after_ms: 12_000,
        why: "rate limit of the provider".to_owned(),
    };
    let kinds = vec![
        EventKind::Accepted,
        started("mission_orchestrator", "-"),
        ended("mission_orchestrator", "-", Status::Ok, None, 1_200_000),
        started("transcription_engineer", "-"),
        ended("transcription_engineer", "-", Status::Ok, None, 0),
        started("verification_director", "c1"),
        started("verification_director", "c2"),
        ended("verification_director", "c1", Status::Ok, None, 4_000_000),
        ended("argument_strategist", "-", Status::Skipped, Some("no_model"), 0),
        ended("deep_content_analyst", "-", Status::Failed, Some("Timeout: took\x1b[2J too long"), 0),
        deferred,
    ];
    let event = |(index, kind)| Event { seq: index as u64 + 1, at_ms: 10_000 + 500 * index as u64, kind };
    kinds.into_iter().enumerate().map(event).collect()
}

fn working(style: Style) -> LiveView {
    let mut view = view(style);
    events().iter().for_each(|event| view.apply(event));
    view
}

#[test]
fn shows_how_every_agent_stands() {
    let drawn = working(Style::Plain).draw(17_000, 100);
    let expected = "\
running · depth standard · 00:07 · 4/8 agents · $0.0052
Foundation  ✓ Mission orchestrator           1.2 s · model · $0.0012
            ✓ Transcription engineer         1.2 s · rules
Analysis    ● Verification director          1/2 claims · 1 running · $0.004
            – Argument strategist            skipped: no model is configured
            ◌ Signal recon specialist        waits 10 s: rate limit of the provider
            ✗ Deep content analyst           failed: took\u{fffd}[2J too long
Briefing    ○ Intelligence briefing curator
Afterwards  ○ Knowledge integrator
";
    assert_eq!(drawn, expected);
}

#[test]
fn fits_any_terminal() {
    let view = working(Style::Plain);
    for width in [1, 10, 30, 50, 71, 72, 200] {
        for height in [1, 2, 4, 6, 9, 50] {
            let drawn = view.draw_within(17_000, width, height);
            assert!(drawn.lines().count() <= height, "{width}x{height}:\n{drawn}");
            assert!(
                width < 10 || drawn.lines().all(|line| width_of(line) <= width),
                "{width}x{height}:\n{drawn}"
            );
        }
    }
    let folded = view.draw_within(17_000, 80, 8);
    assert!(folded.contains("✓ Foundation: 2 ended") && folded.contains("○ Briefing: 1 to come"), "{folded}");
}

#[test]
fn the_screen_is_updated_in_place_and_not_too_often() {
    let view = working(Style::Ansi);
    let mut screen = Screen::default();
    let first = screen.frame(&view, 17_000, 80, 40).unwrap();
    assert!(!first.contains("\x1b[9A") && first.matches("\x1b[K\n").count() == 9);
    assert_eq!(screen.frame(&view, 17_050, 80, 40), None);
    let second = screen.frame(&view, 17_100, 80, 6).unwrap();
    assert!(second.starts_with("\x1b[9A\r") && second.ends_with("\x1b[J"));
    assert!(screen.clear().ends_with("\x1b[J"));
    assert_eq!(screen.clear(), "");
}

#[test]
fn the_clock_stops_with_the_run() {
    let mut view = working(Style::Plain);
    assert!(!view.is_finished());
    view.apply(&Event { seq: 20, at_ms: 40_000, kind: EventKind::CancelRequested });
    assert!(view.draw(41_000, 80).starts_with("cancelling · "));
    let status = RunStatus::Partial;
    view.apply(&Event { seq: 21, at_ms: 70_000, kind: EventKind::Finished { status } });
    assert!(view.draw(900_000, 80).starts_with("partial · depth standard · 01:00 · "));
    assert!(view.is_finished());
}

#[test]
fn one_plain_line_per_event() {
    let mut view = view(Style::Plain);
    let lines: Vec<String> = events()
        .iter()
        .map(|event| {
            view.apply(event);
            view.line(event)
        })
        .collect();
    assert_eq!(lines[0], "00:00 run accepted, depth standard");
    assert_eq!(lines[2], "00:01 mission_orchestrator ok, 1.2 s, model, $0.0012");
    assert_eq!(lines[5], "00:02 verification_director c1 started");
    assert_eq!(lines[8], "00:04 argument_strategist skipped, 1.2 s: no model is configured");
    assert_eq!(lines[9], "00:04 deep_content_analyst failed, 1.2 s, rules: took\u{fffd}[2J too long");
    assert_eq!(lines[10], "00:05 signal_recon_specialist waits 12.0 s: rate limit of the provider");
    assert!(lines.iter().all(|line| !line.contains(['\n', '\x1b'])));
}

#[test]
fn unplanned_agents_are_shown_all_the_same() {
    let mut view = LiveView::new(Depth::Quick, Vec::new(), Style::Plain);
    view.apply(&Event { seq: 1, at_ms: 0, kind: started("new_agent", "-") });
    assert!(view.draw(2_500, 80).contains("● New agent  2.5 s"));
}

/// Id, least depth, needs, uses, dispensable.
type AgentRow<'a> = (&'a str, Depth, &'a [&'a str], &'a [&'a str], bool);

/// A catalogue with these agents.
fn catalogue(rows: &[AgentRow<'_>]) -> Catalogue {
    use engine::agent::{AgentSpec, CachePolicy, FanOut, Profile, Prompt, StepLimits, Tier};
    let ids = |names: &[&str]| names.iter().map(AgentId::new).collect();
    let spec = |(number, row): (usize, &AgentRow<'_>)| AgentSpec {
        id: AgentId::new(row.0),
        number: number as u32 + 1,
        role: render::role(row.0),
        goal: String::new(),
        profile: Profile::Light,
        depth: row.1,
        needs: ids(row.2),
        uses: ids(row.3),
        facts: Default::default(),
        answer: Vec::new(),
        tools: Vec::new(),
        analyser: None,
        tier: Tier::Fast,
        without_model: String::new(),
        dispensable: row.4,
        fan_out: (row.0 == "checks").then(|| FanOut {
            over: AgentId::new("map"),
            field: "claims".to_owned(),
            id: "id".to_owned(),
        }),
        effects: Vec::new(),
        same_answer: Vec::new(),
        limits: StepLimits { turns: 1, output_tokens: 1, cost: NanoUsd::ZERO },
        cache: CachePolicy {
            exact: false,
            compressed: None,
            ttl_seconds: 0,
            semantic_text: None,
            passages: None,
            threshold: Default::default(),
        },
        shortens: None,
        temperature: 0.0,
        prompt: Prompt { system: String::new(), user: String::new() },
        schema: serde_json::Value::Null,
        prompt_version: String::new(),
        answer_schema: Default::default(),
        compiled: Default::default(),
    };
    let agents = rows.iter().enumerate().map(|row| spec(row).into()).collect();
    Catalogue { version: String::new(), agents, models: Vec::new(), prices_hold_days: 0 }
}

#[test]
fn agents_are_grouped_by_what_needs_what() {
    let catalogue = catalogue(&[
        ("start", Depth::Quick, &[], &[], false),
        ("map", Depth::Quick, &["start"], &[], false),
        ("checks", Depth::Standard, &["map"], &[], true),
        ("memory", Depth::Standard, &["map"], &["briefing"], true),
        ("briefing", Depth::Quick, &["map"], &["checks", "people"], false),
        ("people", Depth::Deep, &["map"], &[], true),
        ("report", Depth::Standard, &[], &["memory"], true),
    ]);
    let told = |depth| {
        let planned = plan(&catalogue, depth);
        let told: Vec<String> =
            planned.iter().map(|agent| format!("{} {}", agent.group.name(), agent.agent)).collect();
        told.join(", ")
    };
    assert_eq!(told(Depth::Quick), "Foundation start, Foundation map, Briefing briefing");
    assert_eq!(
        told(Depth::Standard),
        "Foundation start, Foundation map, Analysis checks, Briefing briefing, Afterwards memory, Afterwards report"
    );
    assert_eq!(plan(&catalogue, Depth::Standard)[2].items.as_deref(), Some("claims"));
}
