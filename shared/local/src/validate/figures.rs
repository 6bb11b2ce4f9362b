//! What ended runs say of performance, and that money has a bound.

use engine::error::Result;
use engine::model::TenantId;
use engine::performance::{Figure, Verdict, of_tenant, recommendations};
use engine::ports::Ports;

use super::Found;

/// The five figures of the tenant's ended runs.
pub(super) async fn performance(ports: &Ports, tenant: &TenantId) -> Result<Found> {
    let (counters, figures) = of_tenant(ports, tenant).await?;
    let told: Vec<String> = figures.iter().map(told).collect();
    let told = told.join("; ");
    let of = |verdict: Verdict| figures.iter().filter(|figure| figure.verdict == verdict).count();
    if of(Verdict::Missed) > 0 {
        let advice = recommendations(&counters, &figures).into_iter().next().map(|first| first.advice);
        return Ok(Found::fail(told, advice.unwrap_or_else(|| "see GET /optimizations".to_owned())));
    }
    if of(Verdict::Met) == 0 {
        return Ok(Found::unknown(told, "run something: figures need some tens of runs"));
    }
    Ok(Found::pass(told))
}

pub(super) fn told(figure: &Figure) -> String {
    let Figure { name, value, unit, target, samples, needed, verdict, .. } = figure;
    let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    match verdict {
        Verdict::Unknown => format!("{name} unknown ({samples} of {needed} samples)"),
        Verdict::Met => format!("{name} {value} {unit} meets {target} (n={samples})"),
        Verdict::Missed => format!("{name} {value} {unit} misses {target} (n={samples})"),
    }
}

/// A call that its run's money does not cover is refused.
pub(super) async fn cost(ports: &Ports) -> Result<Found> {
    engine::health::refuses_overspend(ports).await?;
    let priced = ports.catalogue.models.iter().filter(|model| model.price.is_some()).count();
    Ok(Found::pass(format!(
        "a call above its run's cap was refused and one at the cap was not; {priced} models have a price with its source"
    )))
}
