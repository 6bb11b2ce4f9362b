//! All alarms of a template, evaluated each minute.

use std::collections::BTreeMap;

use crate::composite::AlarmRule;
use crate::figures::{Figures, Metric};
use crate::metric_alarm::{MetricAlarm, actions, text};
use crate::state::{State, next_state};
use crate::template::Template;

const MINUTE_MS: u64 = 60_000;

/// What AWS does not say, or does not promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// How many periods more than it evaluates an alarm retrieves. In the user guide's examples it is two.
    pub more_points: usize,
    /// How many minutes late the figures of AWS's own services are.
    pub aws_late_minutes: u64,
    /// How many minutes late those are that come out of logs.
    pub logs_late_minutes: u64,
    /// Whether `FILL` makes data points of a metric that has none at all in what was retrieved.
    pub fills_nothing: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { more_points: 2, aws_late_minutes: 0, logs_late_minutes: 0, fills_nothing: false }
    }
}

/// An alarm changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The end of the minute after which it was evaluated, in milliseconds.
    pub at_ms: u64,
    /// The alarm's name.
    pub alarm: String,
    /// Its state before.
    pub from: State,
    /// Its state since.
    pub to: State,
    /// Who is told.
    pub told: Vec<String>,
}

/// The alarms of a template.
#[derive(Clone, Debug)]
pub struct Watch {
    alarms: Vec<MetricAlarm>,
    composites: Vec<Composite>,
}

#[derive(Clone, Debug)]
struct Composite {
    name: String,
    rule: AlarmRule,
    actions: [Vec<String>; 3],
}

impl Watch {
    /// # Errors
    /// If an alarm is not understood, or a composite one names an alarm that there is not.
    pub fn of(template: &Template) -> Result<Self, String> {
        let alarms = template.resources("AWS::CloudWatch::Alarm")?;
        let alarms: Result<Vec<_>, _> =
            alarms.iter().map(|(_, properties)| MetricAlarm::parse(properties)).collect();
        let mut watch = Self { alarms: alarms?, composites: Vec::new() };
        for (id, properties) in template.resources("AWS::CloudWatch::CompositeAlarm")? {
            let known = ["AlarmName", "AlarmDescription", "AlarmRule", "AlarmActions", "OKActions"];
            let mut names = properties.as_object().into_iter().flatten().map(|(name, _)| name);
            if let Some(unknown) = names.find(|name| !known.contains(&name.as_str())) {
                return Err(format!("{id}: {unknown} is not implemented"));
            }
            let rule = AlarmRule::parse(&text(&properties, "AlarmRule")?)?;
            if let Some(name) = rule.names().into_iter().find(|name| watch.alarm(name).is_none()) {
                return Err(format!("{id}: there is no alarm {name}"));
            }
            let (name, actions) = (text(&properties, "AlarmName")?, actions(&properties));
            watch.composites.push(Composite { name, rule, actions });
        }
        Ok(watch)
    }

    /// The metric alarms.
    pub fn alarms(&self) -> &[MetricAlarm] {
        &self.alarms
    }

    /// The names of the composite ones.
    pub fn composites(&self) -> impl Iterator<Item = &str> {
        self.composites.iter().map(|composite| composite.name.as_str())
    }

    fn alarm(&self, name: &str) -> Option<&MetricAlarm> {
        self.alarms.iter().find(|alarm| alarm.name == name)
    }

    /// Evaluates every alarm at the end of every minute between two times, in the order of time. At first nothing is
    /// known.
    pub fn play<'a>(
        &'a self,
        figures: &Figures,
        from_ms: u64,
        to_ms: u64,
        assumptions: Assumptions,
    ) -> Vec<Change> {
        let mut states: BTreeMap<&'a str, State> = BTreeMap::new();
        let mut changes = Vec::new();
        for end in from_ms / MINUTE_MS + 1..=to_ms / MINUTE_MS {
            let known_until = |metric: &Metric| {
                let aws = metric.namespace.starts_with("AWS/");
                end - if aws { assumptions.aws_late_minutes } else { assumptions.logs_late_minutes }
            };
            let mut change =
                |name: &'a str, actions: &[Vec<String>; 3], states: &mut BTreeMap<&'a str, State>, to| {
                    let from = states.insert(name, to).unwrap_or(State::InsufficientData);
                    if from != to {
                        let told = match to {
                            State::Alarm => &actions[0],
                            State::Ok => &actions[1],
                            State::InsufficientData => &actions[2],
                        };
                        let alarm = name.to_owned();
                        changes.push(Change { at_ms: end * MINUTE_MS, alarm, from, to, told: told.clone() });
                    }
                };
            for alarm in &self.alarms {
                let count = alarm.evaluated + assumptions.more_points;
                let points = alarm.points(figures, end, count, assumptions.fills_nothing, &known_until);
                let before = states.get(alarm.name.as_str()).copied().unwrap_or(State::InsufficientData);
                let to = next_state(&points, alarm.evaluated, alarm.to_alarm, alarm.missing, before);
                change(alarm.name.as_str(), &alarm.actions, &mut states, to);
            }
            for composite in &self.composites {
                let holds = composite.rule.holds(&|name: &str| states.get(name).copied());
                let to = if holds { State::Alarm } else { State::Ok };
                change(composite.name.as_str(), &composite.actions, &mut states, to);
            }
        }
        changes
    }
}
