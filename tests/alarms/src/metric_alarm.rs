//! A metric alarm as its properties say it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expression::{Expression, Period};
use crate::figures::{Figures, Metric, Statistic};
use crate::state::Missing;

/// An alarm over one metric or one expression.
#[derive(Clone, Debug)]
pub struct MetricAlarm {
    /// Its name.
    pub name: String,
    /// What it says to people.
    pub description: String,
    /// Who is told that it rings, that it is over, that nothing is known.
    pub actions: [Vec<String>; 3],
    /// How many periods count.
    pub evaluated: usize,
    /// How many of them must be beyond the threshold.
    pub to_alarm: usize,
    /// How periods without data count.
    pub missing: Missing,
    /// The length of a period in minutes.
    pub period_minutes: u64,
    comparison: Comparison,
    threshold: f64,
    rows: BTreeMap<String, (Metric, Statistic)>,
    figure: Expression,
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

const KNOWN: [&str; 17] = [
    "AlarmName",
    "AlarmDescription",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "TreatMissingData",
    "ComparisonOperator",
    "Threshold",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Metrics",
];

impl MetricAlarm {
    /// Reads resolved properties.
    ///
    /// # Errors
    /// If something is not there, has a value that is not implemented, or is a property that is not known.
    pub fn parse(properties: &Value) -> Result<Self, String> {
        let name = text(properties, "AlarmName")?;
        Self::read(properties, &name).map_err(|error| format!("{name}: {error}"))
    }

    fn read(properties: &Value, name: &str) -> Result<Self, String> {
        let unknown = properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        if let Some(unknown) = unknown.into_iter().find(|name| !KNOWN.contains(name)) {
            return Err(format!("{unknown} is not implemented"));
        }
        let mut periods = Vec::new();
        let (rows, figure) = match properties["Metrics"].as_array() {
            Some(metrics) => rows_of(metrics, &mut periods)?,
            None => {
                periods.push(number(properties, "Period")?);
                let row = (metric(properties)?, statistic(properties)?);
                (BTreeMap::from([("figure".to_owned(), row)]), Expression::Row("figure".to_owned()))
            }
        };
        for row in figure.rows() {
            if !rows.contains_key(row) {
                return Err(format!("there is no row {row}"));
            }
        }
        let period_s = *periods.first().ok_or("there is no metric")?;
        if period_s == 0 || period_s % 60 != 0 || periods.iter().any(|other| *other != period_s) {
            return Err(format!("periods of {periods:?} s: one, of whole minutes, is implemented"));
        }
        let evaluated = number(properties, "EvaluationPeriods")?;
        let to_alarm = match properties.get("DatapointsToAlarm") {
            Some(_) => number(properties, "DatapointsToAlarm")?,
            None => evaluated,
        };
        if evaluated * period_s > 86_400 || !(1..=evaluated).contains(&to_alarm) {
            return Err(format!("{to_alarm} of {evaluated} periods of {period_s} s"));
        }
        let comparison = match text(properties, "ComparisonOperator")?.as_str() {
            "GreaterThanThreshold" => Comparison::Above,
            "GreaterThanOrEqualToThreshold" => Comparison::AtLeast,
            "LessThanThreshold" => Comparison::Below,
            "LessThanOrEqualToThreshold" => Comparison::AtMost,
            other => return Err(format!("{other} is not implemented")),
        };
        let missing = properties["TreatMissingData"].as_str().unwrap_or("missing");
        let threshold = match &properties["Threshold"] {
            Value::String(text) => text.parse().ok(),
            other => other.as_f64(),
        };
        Ok(Self {
            name: name.to_owned(),
            description: text(properties, "AlarmDescription")?,
            actions: actions(properties),
            evaluated: evaluated as usize,
            to_alarm: to_alarm as usize,
            missing: Missing::parse(missing).ok_or_else(|| format!("missing data as {missing}"))?,
            period_minutes: period_s / 60,
            comparison,
            threshold: threshold.ok_or("the threshold is no number")?,
            rows,
            figure,
        })
    }

    /// The metrics it looks at.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.rows.values().map(|(metric, _)| metric)
    }

    /// The data points of `count` periods before the minute `end`, the newest last: whether each is beyond the threshold.
    /// Of each metric the minutes before what `known_until` says are known.
    pub(crate) fn points(
        &self,
        figures: &Figures,
        end: u64,
        count: usize,
        fills_nothing: bool,
        known_until: &dyn Fn(&Metric) -> u64,
    ) -> Vec<Option<bool>> {
        let starts: Vec<u64> =
            (1..=count as u64).rev().map(|back| end.saturating_sub(back * self.period_minutes)).collect();
        let values: BTreeMap<&str, Vec<Option<f64>>> = self
            .rows
            .iter()
            .map(|(id, (metric, statistic))| {
                let until = known_until(metric);
                let value = |start: &u64| {
                    let to = (start + self.period_minutes).min(until);
                    (*start < to).then(|| figures.value(metric, *statistic, *start, to))?
                };
                (id.as_str(), starts.iter().map(value).collect())
            })
            .collect();
        let point = |at: usize| {
            let value = |id: &str| values.get(id).and_then(|values| values[at]);
            let exists = |id: &str| {
                fills_nothing || values.get(id).is_some_and(|values| values.iter().any(Option::is_some))
            };
            self.figure.value(&Period { value: &value, exists: &exists })
        };
        (0..count).map(|at| point(at).map(|value| self.is_beyond(value))).collect()
    }

    fn is_beyond(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.threshold,
            Comparison::AtLeast => value >= self.threshold,
            Comparison::Below => value < self.threshold,
            Comparison::AtMost => value <= self.threshold,
        }
    }
}

type Rows = (BTreeMap<String, (Metric, Statistic)>, Expression);

fn rows_of(metrics: &[Value], periods: &mut Vec<u64>) -> Result<Rows, String> {
    let mut rows = BTreeMap::new();
    let mut figure = None;
    for row in metrics {
        let returned = row["ReturnData"] == true;
        let id = text(row, "Id")?;
        match (&row["MetricStat"], row["Expression"].as_str()) {
            (Value::Null, Some(expression)) if returned && figure.is_none() => {
                figure = Some(Expression::parse(expression)?);
            }
            (of @ Value::Object(_), None) if !returned => {
                periods.push(number(of, "Period")?);
                let name = text(of, "Stat")?;
                let statistic = Statistic::parse(&name).ok_or_else(|| format!("statistic {name}"))?;
                rows.insert(id, (metric(&of["Metric"])?, statistic));
            }
            _ => {
                return Err(format!(
                    "row {id}: metrics, and one expression that is returned, are implemented"
                ));
            }
        }
    }
    Ok((rows, figure.ok_or("no expression is returned")?))
}

fn metric(value: &Value) -> Result<Metric, String> {
    let mut dimensions = BTreeMap::new();
    for row in value["Dimensions"].as_array().into_iter().flatten() {
        dimensions.insert(text(row, "Name")?, text(row, "Value")?);
    }
    Ok(Metric { namespace: text(value, "Namespace")?, name: text(value, "MetricName")?, dimensions })
}

fn statistic(properties: &Value) -> Result<Statistic, String> {
    let name = match (properties["Statistic"].as_str(), properties["ExtendedStatistic"].as_str()) {
        (Some(name), None) | (None, Some(name)) => name,
        other => return Err(format!("one statistic, not {other:?}")),
    };
    Statistic::parse(name).ok_or_else(|| format!("statistic {name}"))
}

/// Actions by the state that they tell of: ALARM, OK, INSUFFICIENT_DATA.
pub(crate) fn actions(properties: &Value) -> [Vec<String>; 3] {
    ["AlarmActions", "OKActions", "InsufficientDataActions"].map(|name| {
        let list = properties[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    })
}

pub(crate) fn text(value: &Value, name: &str) -> Result<String, String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("{name} is no text: {}", value[name]))
}

fn number(value: &Value, name: &str) -> Result<u64, String> {
    value[name].as_u64().ok_or_else(|| format!("{name} is no number: {}", value[name]))
}
