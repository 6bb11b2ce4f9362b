//! What is written is read back by a reader of the format's grammar; the Python of Prometheus itself reads it in `tests/it`.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::{Usage, Warmed};
use proptest::prelude::*;

use super::*;

/// Samples by name and labels, with their value as it stands there.
type Samples = BTreeMap<(String, BTreeMap<String, String>), String>;

fn catalogue() -> Catalogue {
    boot::load_catalogue().unwrap()
}

/// Reads a page and holds it to what the format asks of it.
fn read(text: &str, format: Format) -> Samples {
    let mut samples = Samples::new();
    let (mut kinds, mut family) = (BTreeMap::new(), String::new());
    let lines = match format {
        Format::Prometheus => text.strip_suffix('\n').unwrap(),
        Format::OpenMetrics => text.strip_suffix("\n# EOF\n").unwrap(),
    };
    for line in lines.split('\n') {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (what, name, about) = (words.next(), words.next().unwrap(), words.next().unwrap());
            match what {
                Some("HELP") => assert!(kinds.insert(name.to_owned(), None).is_none(), "{name} twice"),
                Some("TYPE") => {
                    assert_eq!(kinds.insert(name.to_owned(), Some(about.to_owned())), Some(None));
                    family = name.to_owned();
                }
                what => panic!("{what:?}"),
            }
            continue;
        }
        let (named, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match named.split_once('{') {
            Some((name, labels)) => (name, labels_of(labels.strip_suffix('}').unwrap())),
            None => (named, BTreeMap::new()),
        };
        let bare = family.strip_suffix("_total").unwrap_or(&family);
        let endings: &[&str] = match kinds[&family].as_deref() {
            Some("counter") => &["_total"],
            Some("histogram") => &["_bucket", "_sum", "_count"],
            kind => panic!("{kind:?}"),
        };
        assert!(endings.contains(&name.strip_prefix(bare).unwrap()), "{name} under {family}");
        let number: f64 = value.parse().unwrap();
        assert!(number.is_finite() && number >= 0.0, "{line}");
        assert!(samples.insert((name.to_owned(), labels), value.to_owned()).is_none(), "{line} twice");
    }
    samples
}

fn labels_of(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        let (mut value, mut end) = (String::new(), None);
        let mut characters = after.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    other => other,
                }),
                '"' => {
                    end = Some(at);
                    break;
                }
                other => value.push(other),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none());
        rest = &after[end.unwrap() + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels
}

/// Every histogram's buckets rise to its count, and `+Inf` is it.
fn check_histograms(samples: &Samples) {
    for ((name, labels), count) in samples.iter().filter(|((name, _), _)| name.ends_with("_count")) {
        let bucket = name.replace("_count", "_bucket");
        let mut buckets: Vec<(f64, u64)> = samples
            .iter()
            .filter(|((other, with), _)| {
                *other == bucket && labels.iter().all(|label| with.get(label.0) == Some(label.1))
            })
            .map(|((_, with), value)| {
                let bound = if with["le"] == "+Inf" { f64::INFINITY } else { with["le"].parse().unwrap() };
                (bound, value.parse().unwrap())
            })
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert_eq!(buckets.len(), Histogram::BOUNDS_MS.len() + 1);
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{buckets:?}");
        assert_eq!(buckets.last().unwrap().1.to_string(), *count);
        assert!(samples.contains_key(&(name.replace("_count", "_sum"), labels.clone())));
    }
}

fn names() -> impl Strategy<Value = String> {
    let catalogue = catalogue();
    let mut known: Vec<String> = catalogue.agents.iter().map(|agent| agent.id.as_str().to_owned()).collect();
    known.extend(ErrorKind::ALL.iter().map(|kind| kind.name().to_owned()));
    known.extend(["complete", "quick", "l1", "openai", "127.0.0.1", "other"].map(str::to_owned));
    prop_oneof![proptest::sample::select(known), "\\PC{0,6}[\"\\\\\n]?\\PC{0,6}"]
}

fn counts() -> impl Strategy<Value = BTreeMap<String, u64>> {
    proptest::collection::btree_map(names(), 1..1_000_000u64, 0..40)
}

fn histograms() -> impl Strategy<Value = BTreeMap<String, Histogram>> {
    let histogram = proptest::collection::vec(0..10_000_000u64, 1..9).prop_map(|durations| {
        let mut histogram = Histogram::default();
        durations.into_iter().for_each(|milliseconds| histogram.observe(milliseconds));
        histogram
    });
    proptest::collection::btree_map(names(), histogram, 0..12)
}

prop_compose! {
    fn counters()(
        runs in counts(), steps in counts(), step_errors in counts(), cache_hits in counts(), calls in counts(),
        call_errors in counts(), step_ms in histograms(), level_ms in histograms(), call_ms in histograms(),
        numbers in any::<[u32; 6]>(),
    ) -> Counters {
        let [recall_lookups, makespan_ms, critical_path_ms, ..] = numbers.map(u64::from);
        Counters {
            runs, step_errors, cache_hits, calls, call_errors, step_ms, level_ms, call_ms, recall_lookups,
            makespan_ms, critical_path_ms,
            steps: steps.into_iter().map(|(name, count)| (format!("{name}/ok"), count)).collect(),
            usage: Usage { input_tokens: numbers[3].into(), ..Usage::default() },
            cost: NanoUsd(numbers[4].into()),
            saved: NanoUsd(numbers[5].into()),
            warming: Warmed { expected_permille: numbers[0].into(), spared: 3, ..Warmed::default() },
            ..Counters::default()
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_stored_is_told_whole_and_in_the_format(counters in counters()) {
        let catalogue = catalogue();
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let samples = read(&write(&counters, &catalogue, format), format);
            check_histograms(&samples);
            prop_assert!(samples.len() <= MOST_SERIES, "{}", samples.len());
            for (name, counts) in [
                ("assay_runs_total", &counters.runs), ("assay_steps_total", &counters.steps),
                ("assay_step_errors_total", &counters.step_errors), ("assay_cache_hits_total", &counters.cache_hits),
                ("assay_model_calls_total", &counters.calls), ("assay_model_call_errors_total", &counters.call_errors),
            ] {
                let told = samples.iter().filter(|((of, _), _)| of == name);
                let told: u64 = told.map(|(_, value)| value.parse::<u64>().unwrap()).sum();
                prop_assert_eq!(told, counts.values().sum::<u64>(), "{}", name);
            }
            let dollars = &samples[&("assay_cost_usd_total".to_owned(), BTreeMap::new())];
            prop_assert_eq!(NanoUsd::parse_usd(dollars), Some(counters.cost));
            let uses = &samples[&("assay_warming_expected_uses_total".to_owned(), BTreeMap::new())];
            prop_assert_eq!(engine::model::decimal(uses, 3).unwrap().0, i128::from(counters.warming.expected_permille));
            let spared = [("outcome".to_owned(), "spared".to_owned())].into();
            prop_assert_eq!(&samples[&("assay_warming_answers_total".to_owned(), spared)], "3");
            let seconds = &samples[&("assay_run_makespan_seconds_total".to_owned(), BTreeMap::new())];
            prop_assert_eq!(engine::model::decimal(seconds, 3).unwrap().0, i128::from(counters.makespan_ms));
        }
    }
}

/// Every agent in every status, every kind of error, more providers than are shown, everything unknown too.
#[test]
fn the_most_series_there_can_be() {
    let catalogue = catalogue();
    let mut full = Histogram::default();
    (0..40).for_each(|power| full.observe(1 << power));
    let mut counters = Counters::default();
    let agents = catalogue.agents.iter().map(|agent| agent.id.as_str()).chain(["gone"]);
    for agent in agents {
        for status in ["ok", "skipped", "uncertain", "failed", "new"] {
            counters.steps.insert(format!("{agent}/{status}"), 1);
        }
        counters.step_ms.insert(agent.to_owned(), full.clone());
    }
    for name in ErrorKind::ALL.iter().map(|kind| kind.name()).chain(["gone"]) {
        counters.step_errors.insert(name.to_owned(), 1);
    }
    for name in ["complete", "partial", "failed", "cancelled", "l1", "l2", "l3", "gone"] {
        counters.runs.insert(name.to_owned(), 1);
        counters.cache_hits.insert(name.to_owned(), 1);
    }
    for depth in Depth::ALL.map(Depth::name).into_iter().chain(["gone"]) {
        counters.level_ms.insert(depth.to_owned(), full.clone());
    }
    for provider in (0..300).map(|number| format!("host-{number}")) {
        counters.calls.insert(provider.clone(), 1);
        counters.call_errors.insert(provider.clone(), 1);
        counters.call_ms.insert(provider, full.clone());
    }
    let samples = read(&write(&counters, &catalogue, Format::Prometheus), Format::Prometheus);
    assert!(samples.len() <= MOST_SERIES, "{} series", samples.len());
    let distinct = |label: &str| {
        samples.keys().filter_map(|(_, labels)| labels.get(label)).collect::<BTreeSet<_>>().len()
    };
    assert_eq!([distinct("agent"), distinct("provider"), distinct("depth")], [27, 9, 6]);
    println!("{} series", samples.len());
}

#[test]
fn a_provider_that_joins_takes_nothing_from_the_rest() {
    let other = |providers: u64| {
        let calls = (0..providers).map(|number| (format!("host-{:03}", 500 - number), number + 1)).collect();
        let counters = Counters { calls, ..Counters::default() };
        let samples = read(&write(&counters, &catalogue(), Format::Prometheus), Format::Prometheus);
        let label = [("provider".to_owned(), OTHER.to_owned())].into();
        samples
            .get(&("assay_model_calls_total".to_owned(), label))
            .map_or(0, |value| value.parse::<u64>().unwrap())
    };
    let rest: Vec<u64> = (1..30).map(other).collect();
    assert!(rest.windows(2).all(|pair| pair[0] <= pair[1]), "{rest:?}");
    assert_eq!((rest[0], rest[28]), (0, (1..=21).sum()));
}
