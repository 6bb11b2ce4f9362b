//! Streams of requests that drift, and whether the bound on wrong serves holds on them; also where the model is silent for a
//! while, audits fail, and what is wrong hides there.

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
    silent: bool,
}

/// When the model does not answer, by a request's place.
type Silence = fn(u64) -> bool;

const NEVER: Silence = |_| false;
/// A fiftieth of the time, in long pieces; an audit's step has given up before such a piece ends.
const LONG: Silence = |place| place % 10_000 >= 9_800;
/// The same share, in pieces in which a step waits for its audit.
const SHORT: Silence = |place| place % 1_000 >= 980;
/// A step comes back for its audit over so many requests.
const RETRIED_OVER: u64 = 100;

/// How likely the next candidate is wrong, in millionths.
type Stream = fn(Moment, &mut Lcg) -> usize;

const STREAMS: &[(&str, Stream, Silence)] = &[
    ("steady", |_, _| 1_000, NEVER),
    ("a jump", |moment, _| if moment.place < 50_000 { 500 } else { 300_000 }, NEVER),
    ("a slope", |moment, _| usize::try_from(moment.place / 5).unwrap_or(0), NEVER),
    ("seasons", |moment, _| if moment.place / 7_000 % 2 == 0 { 200 } else { 40_000 }, NEVER),
    (
        "contagion",
        |moment, random| {
            // A wrong candidate is followed by wrong ones.
            if moment.last_wrong > 0 && moment.place - moment.last_wrong < 40 {
                300_000
            } else {
                200 + random.below(400)
            }
        },
        NEVER,
    ),
    ("an enemy", |moment, _| if moment.serving { 1_000_000 } else { 0 }, NEVER),
    ("a patient enemy", |moment, _| if moment.serving && moment.place > 60_000 { 500_000 } else { 0 }, NEVER),
    ("short outages", |_, _| 200, SHORT),
    ("long outages", |_, _| 200, LONG),
    ("wrong in short outages", |moment, _| if moment.silent { 1_000_000 } else { 0 }, SHORT),
    ("wrong in long outages", |moment, _| if moment.silent { 1_000_000 } else { 0 }, LONG),
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
    /// The share of requests that were served.
    pub served: f64,
    /// Audits without a finding at the end: lost in outages.
    pub audits_lost: u64,
    /// The share of served answers that were audited.
    pub audited: f64,
}

/// Plays each kind of stream with so many seeds.
pub fn play(seeds: u64) -> Vec<Drift> {
    STREAMS.iter().map(|(name, stream, silence)| of_kind(name, (*stream, *silence), seeds)).collect()
}

fn of_kind(name: &'static str, stream: (Stream, Silence), seeds: u64) -> Drift {
    let mut drift = Drift {
        stream: name,
        seeds,
        checkpoints: 0,
        over_the_bound: 0,
        over_the_limit: 0,
        worst_share: 0.0,
        served: 0.0,
        audits_lost: 0,
        audited: 0.0,
    };
    let (mut served, mut audited) = (0, 0);
    for seed in 1..=seeds {
        let trust = one(stream, seed, &mut drift);
        served += trust.served.iter().map(|rate| rate.served).sum::<u64>();
        audited += trust.served.iter().map(|rate| rate.audited).sum::<u64>();
        drift.audits_lost += trust.standing(Limit::default()).audits_open;
    }
    drift.served = served as f64 / (seeds * REQUESTS) as f64;
    drift.audited = audited as f64 / served.max(1) as f64;
    drift
}

fn one((stream, silence): (Stream, Silence), seed: u64, drift: &mut Drift) -> Trust {
    let limit = Limit::default();
    let (mut trust, mut random) = (Trust::default(), Lcg(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let (mut served_wrong, mut last_wrong) = (0_u64, 0);
    // Audits whose steps come back for them: where they began, at which rate, and what they will find.
    let mut owed: Vec<(u64, usize, bool)> = Vec::new();
    for place in 1..=REQUESTS {
        let silent = silence(place);
        owed.retain(|(since, ..)| place - since < RETRIED_OVER);
        if !silent {
            owed.drain(..).for_each(|(_, rate, wrong)| trust.found(rate, wrong, limit));
        }
        let coin = u8::try_from(random.below(256)).unwrap_or(0);
        let decision = trust.decide(limit, 0, coin);
        // The stream knows whether it is served, but not the coin.
        let serving = decision != Decision::Shadow;
        let chance = stream(Moment { place, last_wrong, serving, silent }, &mut random);
        let wrong = random.below(1_000_000) < chance;
        last_wrong = if wrong { place } else { last_wrong };
        match decision {
            // The model is asked as on any miss, and says nothing: there is no candidate.
            Decision::Shadow if silent => {}
            Decision::Shadow => trust.label(wrong, limit),
            Decision::Serve { rate, audit } => {
                served_wrong += u64::from(wrong);
                trust.serve(rate, audit);
                match (audit, silent) {
                    (true, true) => {
                        trust.unanswered();
                        owed.push((place, rate, wrong));
                    }
                    (true, false) => trust.found(rate, wrong, limit),
                    (false, _) => {}
                }
            }
        }
        if place % CHECKPOINT == 0 {
            let (millionths, candidates) = (served_wrong * 1_000_000, trust.candidates().max(1));
            drift.checkpoints += 1;
            drift.over_the_bound += u64::from(millionths > trust.bound() * candidates);
            drift.over_the_limit += u64::from(millionths > limit.0 * candidates);
            drift.worst_share = drift.worst_share.max(served_wrong as f64 / candidates as f64);
        }
    }
    trust
}
