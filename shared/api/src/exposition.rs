//! Figures as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0. Whatever is stored, there are no more than
//! [`MOST_SERIES`] series: labels are agents of the catalogue, names of the platform's own lists, and so many providers; all
//! else is summed under `other`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::agent::Catalogue;
use engine::error::ErrorKind;
use engine::figures::OTHER;
use engine::model::{CacheLevel, Counters, Depth, Histogram, NanoUsd, RunStatus, Status};

/// More series there never are.
#[cfg(test)]
pub(crate) const MOST_SERIES: usize = 2_000;

/// The first providers by name have series of their own. By name, so that a provider that joins them can only move another
/// into the sum of the rest, which then grows.
const PROVIDERS: usize = 8;

const RUN_ENDS: [RunStatus; 4] =
    [RunStatus::Complete, RunStatus::Partial, RunStatus::Failed, RunStatus::Cancelled];
const STATUSES: [Status; 4] = [Status::Ok, Status::Skipped, Status::Uncertain, Status::Failed];
const LEVELS: [CacheLevel; 3] = [CacheLevel::L1, CacheLevel::L2, CacheLevel::L3];

/// The two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// All figures as text.
pub(crate) fn write(counters: &Counters, catalogue: &Catalogue, format: Format) -> String {
    let mut page = Page { text: String::new(), format };
    let agents: Vec<&str> = catalogue.agents.iter().map(|agent| agent.id.as_str()).collect();
    let kinds: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
    let mut providers: Vec<&str> =
        counters.calls.keys().map(String::as_str).filter(|name| *name != OTHER).collect();
    providers.truncate(PROVIDERS);

    let ends = RUN_ENDS.map(RunStatus::name);
    page.counts("runs", "Ended runs by how they ended.", "status", &bounded(&counters.runs, &ends), &ends);
    let depths = Depth::ALL.map(Depth::name);
    let help = "From a run's request to its end, by depth.";
    page.histograms("run_duration", help, "depth", &bounded(&counters.level_ms, &depths));
    page.seconds("run_makespan", "All ended runs from request to end.", counters.makespan_ms);
    let help = "What they would have taken if no step had waited for anything but its inputs.";
    page.seconds("run_critical_path", help, counters.critical_path_ms);

    page.steps(&counters.steps, &agents);
    let help = "Failed steps by kind of error.";
    page.counts("step_errors", help, "kind", &bounded(&counters.step_errors, &kinds), &[]);
    let help = "From claim to result of steps that were not skipped, by agent.";
    page.histograms("step_duration", help, "agent", &bounded(&counters.step_ms, &agents));

    page.count(
        "recall_lookups",
        "Steps whose answer was looked for among the stored ones.",
        counters.recall_lookups,
    );
    let levels = LEVELS.map(CacheLevel::name);
    let help = "Steps that a stored answer was found for, by level.";
    page.counts("cache_hits", help, "level", &bounded(&counters.cache_hits, &levels), &levels);

    let help = "Calls to models by provider, those of unknown outcome included.";
    page.counts("model_calls", help, "provider", &bounded(&counters.calls, &providers), &[]);
    let help = "Calls to models that failed or whose end nobody saw, by provider.";
    page.counts("model_call_errors", help, "provider", &bounded(&counters.call_errors, &providers), &[]);
    let help = "Calls to models whose end was seen, by provider.";
    page.histograms("model_call_duration", help, "provider", &bounded(&counters.call_ms, &providers));

    let usage = &counters.usage;
    let tokens: BTreeMap<&str, u64> = [
        ("input", usage.input_tokens),
        ("cached", usage.cached_tokens),
        ("cache_write", usage.cache_write_tokens),
        ("cache_write_1h", usage.cache_write_1h_tokens),
        ("audio", usage.audio_tokens),
        ("output", usage.output_tokens),
        ("reasoning", usage.reasoning_tokens),
    ]
    .into();
    page.counts("model_tokens", "Tokens of settled calls by kind, each counted once.", "kind", &tokens, &[]);
    page.seconds("model_audio", "Sound that settled calls paid by its length.", usage.audio_ms);
    page.count("model_queries", "Searches that settled calls paid one by one.", usage.queries);

    page.warming(&counters.warming);
    let help = "What runs cost, as booked at their end; calls of unknown outcome at their worst case.";
    page.dollars("cost", help, counters.cost);
    let help = "What such calls turned out to have cost less once it was known.";
    page.dollars("cost_returned", help, counters.cost_returned);
    page.dollars("saved", "What stored answers would have cost.", counters.saved);
    if format == Format::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

/// The values under names that are `known`, and the sum of all others under `other`.
fn bounded<'a, T: Clone + Default + for<'b> std::ops::AddAssign<&'b T>>(
    values: &'a BTreeMap<String, T>,
    known: &[&'a str],
) -> BTreeMap<&'a str, T> {
    let mut bounded: BTreeMap<&str, T> = BTreeMap::new();
    for (name, value) in values {
        *bounded.entry(if known.contains(&name.as_str()) { name } else { OTHER }).or_default() += value;
    }
    bounded
}

struct Page {
    text: String,
    format: Format,
}

/// Writing to a text cannot fail.
macro_rules! line {
    ($page:expr, $($form:tt)+) => {{ let _ = writeln!($page.text, $($form)+); }};
}

impl Page {
    fn head(&mut self, family: &str, kind: &str, help: &str) {
        // OpenMetrics names a family of counters without the ending of its samples.
        let ending = if kind == "counter" && self.format == Format::Prometheus { "_total" } else { "" };
        line!(self, "# HELP assay_{family}{ending} {help}");
        line!(self, "# TYPE assay_{family}{ending} {kind}");
    }

    fn count(&mut self, name: &str, help: &str, count: u64) {
        self.head(name, "counter", help);
        line!(self, "assay_{name}_total {count}");
    }

    /// A counter by one label. Those named in `always` are there although they are 0.
    fn counts(&mut self, name: &str, help: &str, label: &str, counts: &BTreeMap<&str, u64>, always: &[&str]) {
        self.head(name, "counter", help);
        let mut shown: BTreeMap<&str, u64> = always.iter().map(|value| (*value, 0)).collect();
        shown.extend(counts);
        for (value, count) in shown {
            line!(self, "assay_{name}_total{{{label}=\"{}\"}} {count}", escaped(value));
        }
    }

    fn steps(&mut self, steps: &BTreeMap<String, u64>, agents: &[&str]) {
        self.head("steps", "counter", "Steps of ended runs by agent and how they ended.");
        let mut shown: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (name, count) in steps {
            let (agent, status) = name.split_once('/').unwrap_or((name, OTHER));
            let agent = if agents.contains(&agent) { agent } else { OTHER };
            let status =
                STATUSES.into_iter().map(Status::name).find(|known| *known == status).unwrap_or(OTHER);
            *shown.entry((agent, status)).or_default() += count;
        }
        for ((agent, status), count) in shown {
            line!(self, "assay_steps_total{{agent=\"{agent}\",status=\"{status}\"}} {count}");
        }
    }

    fn seconds(&mut self, name: &str, help: &str, milliseconds: u64) {
        self.head(&format!("{name}_seconds"), "counter", help);
        line!(self, "assay_{name}_seconds_total {}", thousandths(milliseconds));
    }

    fn dollars(&mut self, name: &str, help: &str, money: NanoUsd) {
        const NANO: u64 = 1_000_000_000;
        self.head(&format!("{name}_usd"), "counter", help);
        let nano_usd = u64::try_from(money.0).unwrap_or_default();
        line!(self, "assay_{name}_usd_total {}.{:09}", nano_usd / NANO, nano_usd % NANO);
    }

    fn histograms(&mut self, name: &str, help: &str, label: &str, histograms: &BTreeMap<&str, Histogram>) {
        let family = format!("{name}_seconds");
        self.head(&family, "histogram", help);
        for (value, histogram) in histograms {
            let value = escaped(value);
            for (bound_ms, count) in Histogram::BOUNDS_MS.into_iter().zip(histogram.cumulative()) {
                let bound = thousandths(bound_ms);
                line!(self, "assay_{family}_bucket{{{label}=\"{value}\",le=\"{bound}\"}} {count}");
            }
            line!(self, "assay_{family}_bucket{{{label}=\"{value}\",le=\"+Inf\"}} {}", histogram.count);
            line!(self, "assay_{family}_sum{{{label}=\"{value}\"}} {}", thousandths(histogram.sum_ms));
            line!(self, "assay_{family}_count{{{label}=\"{value}\"}} {}", histogram.count);
        }
    }
}

/// Milliseconds in seconds, as a decimal number with a point.
fn thousandths(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
    let shorter = text.trim_end_matches('0');
    if shorter.ends_with('.') { format!("{shorter}0") } else { shorter.to_owned() }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

mod warming;

#[cfg(test)]
mod tests;
