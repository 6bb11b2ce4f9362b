//! CloudWatch's alarms as far as `infra/alarms.yaml` uses them, and a site to try them on: the platform's functions over
//! services in memory, on virtual time, broken in one way at a time.
//!
//! - [`Figures`] holds data points as CloudWatch does, from embedded metrics and from what AWS writes by itself.
//! - [`Watch`] reads the alarms of a template and evaluates them minute by minute.
//! - [`site`] plays hours and days of the platform, and leaves figures.
//!
//! What is not used by the template is refused and not guessed: an unknown property, function or operator is an error.

mod composite;
mod expression;
mod figures;
mod metric_alarm;
pub mod site;
mod state;
mod template;
mod watch;
pub mod yaml;

pub use composite::AlarmRule;
pub use figures::{Figures, Metric, Statistic};
pub use metric_alarm::MetricAlarm;
pub use state::{Missing, State, next_state};
pub use template::Template;
pub use watch::{Assumptions, Change, Watch};
