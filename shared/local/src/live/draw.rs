//! From the state of a run to lines of text.

use super::{
    Basis, Event, EventKind, Group, ItemId, LiveView, NanoUsd, Row, RunStatus, State, Status, Style, Tone,
    safe, truncate, width_of,
};

/// The columns of the group's name, when there is room for it.
const GROUP_COLUMNS: usize = 12;
/// From this many columns on the groups are named.
const NAMED_FROM: usize = 72;
/// The turning mark of work under way, one after the other.
const TURNING: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠴", "⠦", "⠧", "⠇"];

/// A mark, its tone, and what is said beside the name.
struct Told {
    mark: &'static str,
    tone: Tone,
    words: String,
}

impl LiveView {
    /// The run at `now_ms` as lines of at most `width` columns, each ended by a newline.
    pub fn draw(&self, now_ms: u64, width: usize) -> String {
        self.draw_within(now_ms, width, usize::MAX)
    }

    /// The same in at most `height` lines: groups at rest are folded first, then everything that is not at work.
    pub fn draw_within(&self, now_ms: u64, width: usize, height: usize) -> String {
        let mut lines = Vec::new();
        for fold in [Fold::Nothing, Fold::GroupsAtRest, Fold::AllAtRest] {
            lines = vec![self.header(now_ms, width)];
            for group in Group::ALL {
                lines.extend(self.group(group, now_ms, width, fold));
            }
            if lines.len() <= height {
                break;
            }
        }
        if lines.len() > height {
            lines.truncate(height.max(1));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// `event` as one plain line, for a log or a pipe; call it after [`LiveView::apply`]. Without a newline.
    pub fn line(&self, event: &Event) -> String {
        let name = |agent: &super::AgentId, item: &ItemId| {
            if item.is_none() {
                safe(agent.as_str())
            } else {
                format!("{} {}", safe(agent.as_str()), safe(item.as_str()))
            }
        };
        let told = match &event.kind {
            EventKind::Accepted => format!("run accepted, depth {}", self.depth.name()),
            EventKind::StepStarted { agent, item, attempt: 1 } => format!("{} started", name(agent, item)),
            EventKind::StepStarted { agent, item, attempt } => {
                format!("{} started, attempt {attempt}", name(agent, item))
            }
            EventKind::StepDeferred { agent, item, after_ms, why, .. } => {
                format!("{} waits {}: {}", name(agent, item), render::seconds(*after_ms), render::reason(why))
            }
            EventKind::StepFinished { agent, item, status, reason, basis, cost, duration_ms } => {
                let mut facts = vec![render::seconds(*duration_ms)];
                facts.extend((*status != Status::Skipped).then(|| basis_words(*basis).to_owned()));
                facts.extend((*cost != NanoUsd::ZERO).then(|| render::dollars(*cost)));
                let reason = reason
                    .as_deref()
                    .map_or_else(String::new, |reason| format!(": {}", render::reason(reason)));
                format!("{} {}, {}{reason}", name(agent, item), status.name(), facts.join(", "))
            }
            EventKind::CancelRequested => "cancel requested".to_owned(),
            EventKind::BudgetAlert { window, percent, spent, limit } => {
                format!("{percent} % of the budget of {} are spent: {spent} of {limit}", safe(window))
            }
            EventKind::Finished { status } => {
                format!("run {}, {}", status.name(), render::dollars(self.cost()))
            }
            EventKind::Delivered { channel } => format!("delivered to {}", safe(channel)),
        };
        let elapsed = event.at_ms.saturating_sub(self.started_ms.unwrap_or(event.at_ms));
        format!("{} {told}", render::clock(elapsed))
    }

    fn header(&self, now_ms: u64, width: usize) -> String {
        let status = match self.finished {
            Some((_, status)) => status.name(),
            None if self.cancelling => "cancelling",
            None => "running",
        };
        let tone = match self.finished {
            Some((_, RunStatus::Complete)) => Tone::Good,
            Some((_, RunStatus::Failed)) => Tone::Bad,
            Some(_) => Tone::Warn,
            None => Tone::Strong,
        };
        let ended = self.rows.iter().filter(|row| row.is_ended()).count();
        let mut facts = vec![
            format!("depth {}", self.depth.name()),
            render::clock(self.elapsed_ms(now_ms)),
            format!("{ended}/{} agents", self.rows.len()),
            render::dollars(self.cost()),
        ];
        facts.extend(
            (!self.delivered.is_empty()).then(|| format!("delivered to {}", self.delivered.join(", "))),
        );
        facts.extend(self.budget_alerts.iter().cloned());
        let rest = truncate(&format!(" · {}", facts.join(" · ")), width.saturating_sub(width_of(status)));
        format!("{}{rest}", self.style.paint(tone, &truncate(status, width)))
    }

    fn group(&self, group: Group, now_ms: u64, width: usize, fold: Fold) -> Vec<String> {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.planned.group == group).collect();
        if rows.is_empty() {
            return Vec::new();
        }
        let at_rest = |row: &&Row| row.is_ended() || row.items.is_empty();
        if fold == Fold::GroupsAtRest && rows.iter().all(at_rest) {
            return vec![self.folded(group, &rows, width)];
        }
        let shown: Vec<&&Row> = rows.iter().filter(|row| fold != Fold::AllAtRest || !at_rest(row)).collect();
        let widest =
            |rows: &[Row]| rows.iter().map(|row| width_of(&row.planned.role)).max().unwrap_or(0).min(40);
        let name_columns = widest(&self.rows).min(width / 2);
        let line = |(index, row): (usize, &&&Row)| {
            let told = row.told(now_ms, self.style);
            let name = truncate(&row.planned.role, name_columns);
            let pad = " ".repeat(name_columns.saturating_sub(width_of(&name)));
            let lead = match (width >= NAMED_FROM, index) {
                (true, 0) => format!("{:<GROUP_COLUMNS$}", group.name()),
                (true, _) => " ".repeat(GROUP_COLUMNS),
                (false, _) => String::new(),
            };
            let room = width.saturating_sub(lead.len() + 2 + name_columns + 2);
            let words = truncate(&told.words, room);
            let gap = if words.is_empty() { "" } else { "  " };
            let name = if row.items.is_empty() { self.style.paint(Tone::Faint, &name) } else { name };
            let pad = if words.is_empty() { "" } else { pad.as_str() };
            let (lead, mark) = (self.style.paint(Tone::Faint, &lead), self.style.paint(told.tone, told.mark));
            let words =
                self.style.paint(if told.tone == Tone::Good { Tone::Faint } else { told.tone }, &words);
            format!("{lead}{mark} {name}{pad}{gap}{words}")
        };
        shown.iter().enumerate().map(line).collect()
    }

    /// A group in one line.
    fn folded(&self, group: Group, rows: &[&Row], width: usize) -> String {
        let ended = rows.iter().filter(|row| row.is_ended()).count();
        let (mark, tone, words) = match ended {
            0 => ("○", Tone::Faint, format!("{} to come", rows.len())),
            n if n == rows.len() => ("✓", Tone::Good, format!("{n} ended")),
            n => ("○", Tone::Faint, format!("{n} of {} ended", rows.len())),
        };
        let text = truncate(&format!("{}: {words}", group.name()), width.saturating_sub(2));
        format!("{} {text}", self.style.paint(tone, mark))
    }
}

/// What is left out to save lines.
#[derive(Clone, Copy, PartialEq)]
enum Fold {
    Nothing,
    GroupsAtRest,
    AllAtRest,
}

impl Row {
    /// True if every item that is known of has ended.
    fn is_ended(&self) -> bool {
        let ended = self.items.values().filter(|state| matches!(state, State::Ended { .. })).count();
        !self.items.is_empty() && ended == self.items.len()
    }

    fn told(&self, now_ms: u64, style: Style) -> Told {
        match &self.planned.items {
            Some(noun) if !self.items.is_empty() => self.told_of_items(noun, now_ms, style),
            _ => match self.items.values().next() {
                None => Told { mark: "○", tone: Tone::Faint, words: String::new() },
                Some(state) => told(state, now_ms, style),
            },
        }
    }

    /// Many items in one line: `3/8 claims · 2 running · $0.01`.
    fn told_of_items(&self, noun: &str, now_ms: u64, style: Style) -> Told {
        // Work shows before waiting, waiting before the worst end.
        let rank = |state: &&State| match state {
            State::Running { .. } => 6,
            State::Waiting { .. } => 5,
            State::Ended { status: Status::Failed, .. } => 4,
            State::Ended { status: Status::Uncertain, .. } => 3,
            State::Ended { status: Status::Ok, .. } => 2,
            State::Ended { status: Status::Skipped, .. } => 1,
        };
        let count = |wanted: u32| self.items.values().filter(|state| rank(state) == wanted).count();
        let all = self.items.len();
        let ended = self.items.values().filter(|state| rank(state) <= 4).count();
        let mut facts = vec![format!("{ended}/{all} {}", safe(noun))];
        for (wanted, word) in
            [(6, "running"), (5, "waiting"), (4, "failed"), (3, "uncertain"), (1, "skipped")]
        {
            let items = count(wanted);
            facts.extend((items > 0).then(|| format!("{items} {word}")));
        }
        let ends = self.items.values().filter_map(|state| match state {
            State::Ended { cost, reason, .. } => Some((*cost, reason)),
            _ => None,
        });
        let cost: NanoUsd = ends.clone().map(|(cost, _)| cost).sum();
        facts.extend((cost != NanoUsd::ZERO).then(|| render::dollars(cost)));
        let mut reasons: Vec<&String> =
            ends.map(|(_, reason)| reason).filter(|reason| !reason.is_empty()).collect();
        reasons.dedup();
        if let ([reason], true) = (reasons.as_slice(), ended == all) {
            facts.push((*reason).clone());
        }
        let worst = self.items.values().max_by_key(rank).map(|state| told(state, now_ms, style));
        let (mark, tone) = worst.map_or(("○", Tone::Faint), |worst| (worst.mark, worst.tone));
        Told { mark, tone, words: facts.join(" · ") }
    }
}

/// One state in a mark and words.
fn told(state: &State, now_ms: u64, style: Style) -> Told {
    match state {
        State::Running { since_ms, attempt } => {
            let elapsed = now_ms.saturating_sub(*since_ms);
            let again = if *attempt > 1 { format!(" · attempt {attempt}") } else { String::new() };
            let mark = match style {
                Style::Plain => "●",
                Style::Ansi => TURNING[usize::try_from(now_ms / 100 % 8).unwrap_or(0)],
            };
            Told { mark, tone: Tone::Accent, words: format!("{}{again}", render::seconds(elapsed)) }
        }
        State::Waiting { until_ms, why } => {
            let left = until_ms.saturating_sub(now_ms).div_ceil(1_000);
            Told { mark: "◌", tone: Tone::Warn, words: format!("waits {left} s: {why}") }
        }
        State::Ended { status, reason, basis, cost, duration_ms } => {
            let mut facts = vec![render::seconds(*duration_ms), basis_words(*basis).to_owned()];
            facts.extend((*cost != NanoUsd::ZERO).then(|| render::dollars(*cost)));
            let facts = facts.join(" · ");
            match status {
                Status::Ok => Told { mark: "✓", tone: Tone::Good, words: facts },
                Status::Skipped => {
                    Told { mark: "–", tone: Tone::Faint, words: format!("skipped: {reason}") }
                }
                Status::Uncertain => {
                    Told { mark: "?", tone: Tone::Warn, words: format!("{facts} · uncertain: {reason}") }
                }
                Status::Failed => Told { mark: "✗", tone: Tone::Bad, words: format!("failed: {reason}") },
            }
        }
    }
}

fn basis_words(basis: Basis) -> &'static str {
    match basis {
        Basis::Model => "model",
        Basis::Deterministic => "rules",
        Basis::Cache { .. } => "cache",
    }
}
