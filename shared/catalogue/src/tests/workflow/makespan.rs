//! How much slower the workflow is than its dependencies: step times are lognormal with sigma 1.

use std::collections::BTreeMap;

use engine::agent::Catalogue;
use engine::model::Depth;

use super::walk::{Plan, Shape, walk};
use super::workflow;
use crate::tests::embedded;

const DRAWS: usize = 10_000;

type Seconds = BTreeMap<String, f64>;

/// When the last of these steps ends.
fn makespan(shape: &[Shape], seconds: &Seconds) -> f64 {
    let of = |part: &Shape| match part {
        Shape::Step(agent) => seconds[agent],
        Shape::Beside(branches) => {
            branches.iter().map(|branch| makespan(branch, seconds)).fold(0.0, f64::max)
        }
    };
    shape.iter().map(of).sum()
}

/// When the last agent ends if each starts as soon as all it needs and uses has ended.
fn critical_path(catalogue: &Catalogue, seconds: &Seconds) -> f64 {
    fn end(agent: &str, catalogue: &Catalogue, seconds: &Seconds, ends: &mut Seconds) -> f64 {
        if let Some(end) = ends.get(agent) {
            return *end;
        }
        let spec = catalogue.agents.iter().find(|spec| spec.id.as_str() == agent).unwrap();
        let start =
            spec.inputs().map(|input| end(input.as_str(), catalogue, seconds, ends)).fold(0.0, f64::max);
        ends.insert(agent.to_owned(), start + seconds[agent]);
        start + seconds[agent]
    }
    let mut ends = Seconds::new();
    catalogue
        .agents
        .iter()
        .map(|agent| end(agent.id.as_str(), catalogue, seconds, &mut ends))
        .fold(0.0, f64::max)
}

/// Lognormal numbers with median 1, from a seed.
fn lognormal(seed: u64, sigma: f64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    std::iter::repeat_with(move || {
        let (radius, angle) = (uniform().max(f64::MIN_POSITIVE), uniform());
        (sigma * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()).exp()
    })
}

#[test]
fn the_workflow_is_nearly_as_fast_as_its_dependencies_allow() {
    let catalogue = embedded();
    let shape = walk(&workflow(), &Plan::of(&catalogue, Depth::Comprehensive)).shape;
    let mut numbers = lognormal(1, 1.0);
    let mut draw = || -> (f64, f64) {
        let seconds: Seconds =
            catalogue.agents.iter().map(|agent| agent.id.as_str().to_owned()).zip(&mut numbers).collect();
        (makespan(&shape, &seconds), critical_path(&catalogue, &seconds))
    };
    let draws: Vec<(f64, f64)> = (0..DRAWS).map(|_| draw()).collect();
    let mut ratios: Vec<f64> = draws.iter().map(|(makespan, path)| makespan / path).collect();
    ratios.sort_by(f64::total_cmp);
    let (mean, p95) = (ratios.iter().sum::<f64>() / DRAWS as f64, ratios[DRAWS * 95 / 100]);
    println!("makespan over critical path: mean {mean:.4}, p95 {p95:.4}");
    assert!(ratios[0] >= 1.0 - 1e-9, "nothing is faster than its critical path");
    assert!(mean <= 1.03, "mean {mean:.4}");
    assert!(p95 <= 1.10, "p95 {p95:.4}");
}

#[test]
fn the_critical_path_has_few_steps() {
    let catalogue = embedded();
    for (depth, steps) in
        [(Depth::Quick, 5.0), (Depth::Standard, 9.0), (Depth::Deep, 10.0), (Depth::Comprehensive, 10.0)]
    {
        let seconds = catalogue
            .agents
            .iter()
            .map(|agent| (agent.id.as_str().to_owned(), f64::from(u8::from(agent.is_in(depth)))))
            .collect();
        assert_eq!(critical_path(&catalogue, &seconds), steps, "{}", depth.name());
    }
}
