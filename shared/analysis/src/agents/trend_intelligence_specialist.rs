//! How often topics and names came up over the days, with a forecast where there is enough history.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Record, Topic};
use super::topic_index::TopicIndex;
use crate::forecast::{self, Forecast};

/// Fewer days with runs than this allow no forecast.
const LEAST_DAYS: usize = 8;
const HORIZONS: [usize; 2] = [7, 30];
/// Days before the last that a forecast looks back at most.
const MOST_DAYS: u64 = 365;
const DAY_MS: u64 = 86_400_000;
/// Topics of this run, names of this run, and returning topics of earlier runs: at most this many of each.
const MOST: usize = 5;

enum Subject {
    Topic(Topic),
    Name(String),
}

/// Counts runs per day. What the series mean is for a model to say.
pub fn baseline(input: &StepInput) -> Analysis {
    let this = input::cartography(input).as_record(input);
    let mut runs = input::history(input);
    let subjects = subjects(&this, &runs);
    runs.push(this);
    let index = TopicIndex::new(&runs);
    let (mut series, mut forecasts, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for subject in &subjects {
        let points = points(subject, &runs, &index);
        let rows: Vec<Value> = points
            .iter()
            .map(|(day, count)| json!({"day": engine::calendar::day(day.saturating_mul(DAY_MS)), "count": count}))
            .collect();
        series.push(json!({"topic": subject.label(), "points": rows}));
        let counts = every_day(&points);
        for horizon in HORIZONS {
            match forecast(&points, &counts, horizon) {
                Ok(found) => forecasts.push(forecast_row(subject, horizon, &found)),
                Err(reason) => unknown.push(json!({"topic": subject.label(), "reason": reason})),
            }
        }
    }
    Analysis::Complete(json!({"series": series, "forecasts": forecasts, "unknown": unknown, "outlook": []}))
}

impl Subject {
    fn label(&self) -> &str {
        match self {
            Subject::Topic(topic) => &topic.label,
            Subject::Name(name) => name,
        }
    }

    /// The places of the runs it came up in.
    fn runs(&self, runs: &[Record], index: &TopicIndex) -> BTreeSet<usize> {
        match self {
            Subject::Topic(topic) => index.runs_with(topic),
            Subject::Name(name) => (0..runs.len()).filter(|run| runs[*run].has_entity(name)).collect(),
        }
    }
}

/// What to count: this run's topics and names, then topics of at least two earlier runs, so that a fall shows too.
fn subjects(this: &Record, history: &[Record]) -> Vec<Subject> {
    let names = this.entities.iter().map(|entity| Subject::Name(entity.name.clone())).take(MOST);
    let mut found: Vec<Subject> =
        this.topics.iter().cloned().map(Subject::Topic).take(MOST).chain(names).collect();
    let (index, own) = (TopicIndex::new(history), TopicIndex::new(std::slice::from_ref(this)));
    let mut returning: Vec<(usize, &Topic)> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for topic in history.iter().flat_map(|run| &run.topics) {
        if seen.insert(input::fold(&topic.label)) && own.runs_with(topic).is_empty() {
            let runs = index.runs_with(topic).len();
            if runs >= 2 {
                returning.push((runs, topic));
            }
        }
    }
    returning.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.label.cmp(&right.1.label)));
    found.extend(returning.into_iter().take(MOST).map(|(_, topic)| Subject::Topic(topic.clone())));
    let mut labels = BTreeSet::new();
    found.retain(|subject| !subject.label().trim().is_empty() && labels.insert(input::fold(subject.label())));
    found
}

/// Runs with the subject on every day that had a run, none included, by day since 1970.
fn points(subject: &Subject, runs: &[Record], index: &TopicIndex) -> BTreeMap<u64, u64> {
    let found = subject.runs(runs, index);
    let mut points = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        *points.entry(run.created_ms / DAY_MS).or_default() += u64::from(found.contains(&place));
    }
    points
}

/// The counts of all days from the first run to the last, 0 where there was none; of long histories the latest days.
fn every_day(points: &BTreeMap<u64, u64>) -> Vec<u64> {
    let Some((last, _)) = points.last_key_value() else { return Vec::new() };
    let oldest = last.saturating_sub(MOST_DAYS - 1);
    let Some((first, _)) = points.range(oldest..).next() else { return Vec::new() };
    (*first..=*last).map(|day| points.get(&day).copied().unwrap_or_default()).collect()
}

/// The forecast, or why there is none.
fn forecast(points: &BTreeMap<u64, u64>, counts: &[u64], horizon: usize) -> Result<Forecast, String> {
    if points.len() < LEAST_DAYS {
        let days = if points.len() == 1 { "day" } else { "days" };
        return Err(format!("{horizon} days ahead: {} {days} with runs, {LEAST_DAYS} needed", points.len()));
    }
    let needed = forecast::days_needed(horizon);
    forecast::forecast(counts, horizon).ok_or_else(|| {
        format!(
            "{horizon} days ahead: {} days from the first run to the last, {needed} needed to know the error",
            counts.len()
        )
    })
}

fn forecast_row(subject: &Subject, horizon: usize, found: &Forecast) -> Value {
    json!({
        "topic": subject.label(),
        "horizon_days": horizon,
        "value": input::rounded(found.value),
        "low": input::rounded(found.low),
        "high": input::rounded(found.high),
        "method": found.method,
        "sample": found.sample,
        "interval": forecast::INTERVAL,
        "tested": found.tested,
        "error": input::rounded(found.error),
        "naive_error": input::rounded(found.naive_error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::input::testing::{check, step};

    const NOW_MS: u64 = 1_700_000_000_000;

    /// Earlier runs, so many days ago each, with a topic that shares two keywords with this run's.
    fn data(days_ago: &[u64]) -> Value {
        let map = json!({"title": "t", "language": "en",
            "topics": [{"label": "Sea wall", "keywords": ["wall", "sea"]}],
            "entities": [{"name": "Dana Reyes", "kind": "person", "mentions": 2, "segments": ["s1"]}]});
        let run = |days: &u64| {
            json!({"run_id": format!("r{days}"), "created_ms": NOW_MS - days * DAY_MS, "topics": [
                {"label": "Walls", "keywords": ["Wall", "sea", "tide"]}, {"label": "Trams", "keywords": ["tram"]}]})
        };
        let history: Vec<Value> = days_ago.iter().map(run).collect();
        let input = step(Value::Null, json!({"analysis_cartographer": map}), json!({"history": history}));
        check("trend_intelligence_specialist", baseline, &input)
    }

    #[test]
    fn few_days_give_no_forecast() {
        let data = data(&[1, 1]);
        assert_eq!(
            data["series"][0],
            json!({"topic": "Sea wall", "points": [{"day": "2023-11-13", "count": 2}, {"day": "2023-11-14", "count": 1}]})
        );
        let topics: Vec<&Value> =
            data["series"].as_array().unwrap().iter().map(|row| &row["topic"]).collect();
        assert_eq!(topics, ["Sea wall", "Dana Reyes", "Trams"]);
        assert_eq!(data["unknown"][0]["reason"], "7 days ahead: 2 days with runs, 8 needed");
        assert_eq!(data["forecasts"], json!([]));
    }

    #[test]
    fn days_without_an_error_estimate_give_no_forecast() {
        let days: Vec<u64> = (1..18).collect();
        let data = data(&days);
        assert_eq!(data["forecasts"], json!([]));
        let reason = "7 days ahead: 18 days from the first run to the last, 19 needed to know the error";
        assert_eq!(data["unknown"][0]["reason"], reason);
    }

    #[test]
    fn enough_days_give_a_forecast_with_its_error() {
        let days: Vec<u64> = (1..20).collect();
        let data = data(&days);
        let wall = &data["forecasts"][0];
        assert_eq!(
            *wall,
            json!({"topic": "Sea wall", "horizon_days": 7, "value": 1.0, "low": 1.0, "high": 1.0,
                "method": "mean of all days", "sample": 20, "interval": 0.8, "tested": 7, "error": 0.0, "naive_error": 0.0})
        );
        // Nothing for 19 days, then one run today.
        let dana = &data["forecasts"][1];
        assert_eq!(dana["topic"], "Dana Reyes");
        assert!(dana["value"].as_f64() < Some(0.2) && dana["low"] == 0.0, "{dana}");
        assert_eq!(data["unknown"].as_array().unwrap().len(), 3, "30 days ahead needs more");
    }

    #[test]
    fn days_far_apart_are_bounded() {
        let points = BTreeMap::from([(0, 1), (1, 1), (u64::MAX / DAY_MS, 2), (u64::MAX / DAY_MS - 3, 1)]);
        assert_eq!(every_day(&points), [1, 0, 0, 2]);
        assert!(every_day(&BTreeMap::new()).is_empty());
    }
}
