//! Streams of requests that drift, and whether the bound on wrong serves holds on them.

use engine::recall::trust::{Decision, Limit, Trust};
use serde::Serialize;

use crate::score::Lcg;

/// Requests of one stream; after every thousandth it is looked.
pub const REQUESTS: u64 = 100_000;
const CHECKPOINT: u64 = 1_000;

/// What a stream knows when it chooses how likely the next candidate is wrong: its place, the last wrong one's, and
/// whether stored answers are being served.
#[derive(Clone, Copy, Debug)]
struct Moment {
    place: u64,
    last_wrong: u64,
    serving: bool,
}

/// How likely the next candidate is wrong, in millionths.
type Stream = fn(Moment, &mut Lcg) -> usize;

const STREAMS: &[(&str, Stream)] = &[
    ("steady", |_, _| 1_000),
    ("a jump", |moment, _| if moment.place < 50_000 { 500 } else { 300_000 }),
    ("a slope", |moment, _| usize::try_from(moment.place / 5).unwrap_or(0)),
    ("seasons", |moment, _| if moment.place / 7_000 % 2 == 0 { 200 } else { 40_000 }),
    ("contagion", |moment, random| {
        // A wrong candidate is followed by wrong ones.
        if moment.last_wrong > 0 && moment.place - moment.last_wrong < 40 {
            300_000
        } else {
            200 + random.below(400)
        }
    }),
    ("an enemy", |moment, _| if moment.serving { 1_000_000 } else { 0 }),
    ("a patient enemy", |moment, _| if moment.serving && moment.place > 60_000 { 500_000 } else { 0 }),
];

/// What came of one kind of stream over all seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// The kind.
    pub stream: &'static str,
    /// How many were played.
    pub seeds: u64,
    /// Checkpoints looked at.
    pub checkpoints: u64,
    /// Of these, with a larger share of wrong serves than the bound said.
    pub over_the_bound: u64,
    /// Of these, with a larger share than the limit.
    pub over_the_limit: u64,
    /// The largest share of wrong serves at a checkpoint.
    pub worst_share: f64,
    /// The share of candidates that were served.
    pub served: f64,
    /// The share of served answers that were audited.
    pub audited: f64,
}

/// Plays each kind of stream with so many seeds.
pub fn play(seeds: u64) -> Vec<Drift> {
    STREAMS.iter().map(|(name, stream)| of_kind(name, *stream, seeds)).collect()
}

fn of_kind(name: &'static str, stream: Stream, seeds: u64) -> Drift {
    let mut drift = Drift {
        stream: name,
        seeds,
        checkpoints: 0,
        over_the_bound: 0,
        over_the_limit: 0,
        worst_share: 0.0,
        served: 0.0,
        audited: 0.0,
    };
    let (mut served, mut audited) = (0, 0);
    for seed in 1..=seeds {
        let trust = one(stream, seed, &mut drift);
        served += trust.served.iter().map(|rate| rate.served).sum::<u64>();
        audited += trust.served.iter().map(|rate| rate.audited).sum::<u64>();
    }
    drift.served = served as f64 / (seeds * REQUESTS) as f64;
    drift.audited = audited as f64 / served.max(1) as f64;
    drift
}

fn one(stream: Stream, seed: u64, drift: &mut Drift) -> Trust {
    let limit = Limit::default();
    let (mut trust, mut random) = (Trust::default(), Lcg(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let (mut served_wrong, mut last_wrong) = (0_u64, 0);
    for place in 1..=REQUESTS {
        let coin = u8::try_from(random.below(256)).unwrap_or(0);
        let decision = trust.decide(limit, 0, coin);
        // The stream knows whether it is served, but not the coin.
        let chance = stream(Moment { place, last_wrong, serving: decision != Decision::Shadow }, &mut random);
        let wrong = random.below(1_000_000) < chance;
        last_wrong = if wrong { place } else { last_wrong };
        match decision {
            Decision::Shadow => trust.label(wrong, limit),
            Decision::Serve { rate, audit } => {
                served_wrong += u64::from(wrong);
                trust.serve(rate, audit);
                if audit {
                    trust.found(rate, wrong, limit);
                }
            }
        }
        if place % CHECKPOINT == 0 {
            let millionths = served_wrong * 1_000_000;
            drift.checkpoints += 1;
            drift.over_the_bound += u64::from(millionths > trust.bound() * place);
            drift.over_the_limit += u64::from(millionths > limit.0 * place);
            drift.worst_share = drift.worst_share.max(served_wrong as f64 / place as f64);
        }
    }
    trust
}
