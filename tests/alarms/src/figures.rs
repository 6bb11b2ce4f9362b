//! Data points by metric and minute, and statistics over them.

use std::collections::BTreeMap;

use serde_json::Value;

const MINUTE_MS: u64 = 60_000;

/// What a data point is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Such as `AWS/SQS`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Names and values; other dimensions are another metric.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric of no or one dimension.
    pub fn new(namespace: &str, name: &str, dimension: Option<(&str, &str)>) -> Self {
        let dimensions = dimension.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.collect() }
    }
}

/// How the values of a period become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// How many there are.
    SampleCount,
    /// The least value that so many percent of them do not pass.
    Percentile(f64),
}

impl Statistic {
    /// Reads `Sum` or `p95`; `None` for what is not implemented.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Sum" => Self::Sum,
            "Average" => Self::Average,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                (percent > 0.0 && percent <= 100.0).then_some(Self::Percentile(percent))?
            }
        })
    }

    fn of(self, values: &mut [f64]) -> Option<f64> {
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let sum: f64 = values.iter().sum();
        Some(match self {
            Self::Sum => sum,
            Self::Average => sum / values.len() as f64,
            Self::Minimum => *values.first()?,
            Self::Maximum => *values.last()?,
            Self::SampleCount => values.len() as f64,
            Self::Percentile(percent) => {
                let rank = (percent / 100.0 * values.len() as f64).ceil().max(1.0);
                values[(rank as usize).min(values.len()) - 1]
            }
        })
    }
}

/// All data points there are, at standard resolution: a minute is the smallest thing told apart.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    series: BTreeMap<Metric, BTreeMap<u64, Vec<f64>>>,
}

impl Figures {
    /// One value of a metric at a time in milliseconds.
    pub fn record(&mut self, metric: Metric, at_ms: u64, value: f64) {
        self.series.entry(metric).or_default().entry(at_ms / MINUTE_MS).or_default().push(value);
    }

    /// The metrics of a line of a function's log, in the embedded metric format; false if it is another line.
    ///
    /// # Errors
    /// If it is in that format and does not keep to it: a metric without a value, a value that is no number, a dimension
    /// that has no text.
    pub fn record_line(&mut self, line: &Value) -> Result<bool, String> {
        let Some(directives) = line["_aws"]["CloudWatchMetrics"].as_array() else { return Ok(false) };
        let at_ms = line["_aws"]["Timestamp"].as_u64().ok_or("an embedded metric has no time")?;
        for directive in directives {
            let namespace = directive["Namespace"].as_str().ok_or("an embedded metric has no namespace")?;
            for names in directive["Dimensions"].as_array().into_iter().flatten() {
                let mut dimensions = BTreeMap::new();
                for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let value = line[name].as_str().ok_or_else(|| format!("dimension {name} has no text"))?;
                    dimensions.insert(name.to_owned(), value.to_owned());
                }
                for metric in directive["Metrics"].as_array().into_iter().flatten() {
                    let name = metric["Name"].as_str().ok_or("an embedded metric has no name")?;
                    for value in values(&line[name]).ok_or_else(|| format!("{name} has no value"))? {
                        let (namespace, name) = (namespace.to_owned(), name.to_owned());
                        let metric = Metric { namespace, name, dimensions: dimensions.clone() };
                        self.record(metric, at_ms, value);
                    }
                }
            }
        }
        Ok(true)
    }

    /// The statistic of the values from minute `from` up to but without minute `to`; `None` if there are none.
    pub fn value(&self, metric: &Metric, statistic: Statistic, from: u64, to: u64) -> Option<f64> {
        let minutes = self.series.get(metric)?.range(from..to);
        let mut values: Vec<f64> = minutes.flat_map(|(_, values)| values).copied().collect();
        statistic.of(&mut values)
    }

    /// Adds all that others hold.
    pub fn add(&mut self, others: Self) {
        for (metric, minutes) in others.series {
            let series = self.series.entry(metric).or_default();
            for (minute, values) in minutes {
                series.entry(minute).or_default().extend(values);
            }
        }
    }

    /// The metrics that have any value.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.series.keys()
    }
}

fn values(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(values) => values.iter().map(Value::as_f64).collect(),
        value => Some(vec![value.as_f64()?]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statistics_are_of_the_values_of_the_minutes_asked_for() {
        let metric = Metric::new("Assay", "Steps", None);
        let mut figures = Figures::default();
        for (minute, value) in [(1, 100.0), (2, 3.0), (2, 1.0), (4, 8.0), (5, 100.0)] {
            figures.record(metric.clone(), minute * MINUTE_MS + 59_999, value);
        }
        let check = |name: &str, expected: f64| {
            let statistic = Statistic::parse(name).unwrap();
            assert_eq!(figures.value(&metric, statistic, 2, 5), Some(expected), "{name}");
            assert_eq!(figures.value(&metric, statistic, 3, 4), None, "{name}");
        };
        check("Sum", 12.0);
        check("Average", 4.0);
        check("Minimum", 1.0);
        check("Maximum", 8.0);
        check("SampleCount", 3.0);
        check("p50", 3.0);
        check("p95", 8.0);
        for unknown in ["tm90", "p0", "p101", "p", "Median"] {
            assert_eq!(Statistic::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn lines_are_read_as_functions_write_them() {
        use engine::ports::Metrics as _;
        let emf = lambda::Emf::new("assay".to_owned());
        emf.count("run_cost_nano_usd", 1_500_000_000);
        emf.duration_ms("step_duration_ms", 30);
        emf.duration_ms("step_duration_ms", 50);
        let mut figures = Figures::default();
        assert_eq!(figures.record_line(&emf.take(7 * MINUTE_MS).unwrap()), Ok(true));
        let check = |name: &str, statistic: Statistic, expected: f64| {
            let metric = Metric::new("Assay", name, Some(("Stack", "assay")));
            assert_eq!(figures.value(&metric, statistic, 7, 8), Some(expected), "{name}");
        };
        check("RunCostUsd", Statistic::Sum, 1.5);
        check("StepDurationMs", Statistic::Maximum, 50.0);
        check("StepDurationMs", Statistic::SampleCount, 2.0);
        assert_eq!(figures.record_line(&json!({"level": "WARN", "fields": {}})), Ok(false));
        let mut broken = json!({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [
            {"Namespace": "Assay", "Dimensions": [["Stack"]], "Metrics": [{"Name": "Steps", "Unit": "Count"}]}]}});
        assert!(figures.record_line(&broken).is_err(), "no dimension");
        broken["Stack"] = json!("assay");
        assert!(figures.record_line(&broken).is_err(), "no value");
    }
}
