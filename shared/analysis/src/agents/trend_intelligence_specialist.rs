//! How often topics and names came up over the days, with a forecast where there is enough history.

use std::collections::{BTreeMap, BTreeSet};

use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use super::input::{self, Record, Topic};

/// Fewer days than this allow no forecast.
const LEAST_DAYS: usize = 8;
const HORIZONS: [u64; 2] = [7, 30];
const DAY_MS: u64 = 86_400_000;
/// Topics of this run, names of this run, and returning topics of earlier runs: at most this many of each.
const MOST: usize = 5;
const METHOD: &str = "linear trend over the days with runs; the range is two standard errors of prediction";

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
    let (mut series, mut forecasts, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for subject in &subjects {
        let points = points(subject, &runs);
        let rows: Vec<Value> = points
            .iter()
            .map(|(day, count)| json!({"day": engine::window(day.saturating_mul(DAY_MS)), "count": count}))
            .collect();
        series.push(json!({"topic": subject.label(), "points": rows}));
        if points.len() < LEAST_DAYS {
            let days = if points.len() == 1 { "day" } else { "days" };
            let reason = format!("{} {days} of history, {LEAST_DAYS} needed", points.len());
            unknown.push(json!({"topic": subject.label(), "reason": reason}));
        } else {
            forecasts.extend(HORIZONS.iter().map(|horizon| forecast(subject, &points, *horizon)));
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

    fn is_in(&self, run: &Record) -> bool {
        match self {
            Subject::Topic(topic) => run.has_topic(topic),
            Subject::Name(name) => run.has_entity(name),
        }
    }
}

/// What to count: this run's topics and names, then topics of at least two earlier runs, so that a fall shows too.
fn subjects(this: &Record, history: &[Record]) -> Vec<Subject> {
    let names = this.entities.iter().map(|entity| Subject::Name(entity.name.clone())).take(MOST);
    let mut found: Vec<Subject> =
        this.topics.iter().cloned().map(Subject::Topic).take(MOST).chain(names).collect();
    let mut returning: Vec<(usize, &Topic)> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for topic in history.iter().flat_map(|run| &run.topics).filter(|topic| !this.has_topic(topic)) {
        let runs = if seen.insert(input::fold(&topic.label)) {
            history.iter().filter(|run| run.has_topic(topic)).count()
        } else {
            0
        };
        if runs >= 2 {
            returning.push((runs, topic));
        }
    }
    returning.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.label.cmp(&right.1.label)));
    found.extend(returning.into_iter().take(MOST).map(|(_, topic)| Subject::Topic(topic.clone())));
    let mut labels = BTreeSet::new();
    found.retain(|subject| !subject.label().trim().is_empty() && labels.insert(input::fold(subject.label())));
    found
}

/// Runs with the subject on every day that had a run, none included, by day since 1970.
fn points(subject: &Subject, runs: &[Record]) -> BTreeMap<u64, u64> {
    let mut points = BTreeMap::new();
    for run in runs {
        *points.entry(run.created_ms / DAY_MS).or_default() += u64::from(subject.is_in(run));
    }
    points
}

/// Least squares over the days, with the standard error of a new observation.
fn forecast(subject: &Subject, points: &BTreeMap<u64, u64>, horizon: u64) -> Value {
    let sample = points.len() as f64;
    let first = points.keys().next().copied().unwrap_or_default();
    let last = points.keys().next_back().copied().unwrap_or_default();
    let days: Vec<(f64, f64)> =
        points.iter().map(|(day, count)| ((day - first) as f64, *count as f64)).collect();
    let mean_day = days.iter().map(|(day, _)| day).sum::<f64>() / sample;
    let mean_count = days.iter().map(|(_, count)| count).sum::<f64>() / sample;
    let spread: f64 = days.iter().map(|(day, _)| (day - mean_day).powi(2)).sum();
    let together: f64 = days.iter().map(|(day, count)| (day - mean_day) * (count - mean_count)).sum();
    let slope = together / spread;
    let at = |day: f64| mean_count + slope * (day - mean_day);
    let residual: f64 =
        days.iter().map(|(day, count)| (count - at(*day)).powi(2)).sum::<f64>() / (sample - 2.0);
    let ahead = (last - first) as f64 + horizon as f64;
    let error = (residual * (1.0 + 1.0 / sample + (ahead - mean_day).powi(2) / spread)).sqrt();
    let value = at(ahead);
    // Counts do not fall below nothing.
    let shown = |number: f64| input::rounded(number.max(0.0));
    json!({
        "topic": subject.label(),
        "horizon_days": horizon,
        "value": shown(value),
        "low": shown(value - 2.0 * error),
        "high": shown(value + 2.0 * error),
        "method": METHOD,
        "sample": points.len(),
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
        assert_eq!(data["unknown"][0]["reason"], "2 days of history, 8 needed");
        assert_eq!(data["forecasts"], json!([]));
    }

    #[test]
    fn eight_days_give_a_forecast_with_its_error() {
        let data = data(&[7, 6, 5, 4, 3, 2, 1]);
        let wall = &data["forecasts"][0];
        assert_eq!((&wall["value"], &wall["low"], &wall["high"]), (&json!(1.0), &json!(1.0), &json!(1.0)));
        assert_eq!((&wall["horizon_days"], &wall["sample"]), (&json!(7), &json!(8)));
        // Counts 0,0,0,0,0,0,0,1: by hand 1/8 in the middle, 1/12 more each day, 10.5 days from there.
        let dana = &data["forecasts"][2];
        assert_eq!(dana["value"], 1.0);
        assert!(dana["high"].as_f64() > dana["value"].as_f64() && dana["low"] == 0.0);
        assert_eq!(data["unknown"], json!([]));
    }
}
