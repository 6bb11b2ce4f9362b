use super::*;

const LIMIT: Limit = Limit(10_000);

/// A small generator of the same numbers everywhere.
struct Coins(u64);

impl Coins {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[1]
    }

    fn is_under(&mut self, millionths: u64) -> bool {
        self.next() % MILLION < millionths
    }
}

/// How often a candidate is wrong, in millionths, given its place and whether it is going to be served.
type Stream = fn(u64, bool) -> u64;

const STREAMS: [Stream; 6] = [
    // Good, and then bad at once.
    |place, _| if place < 20_000 { 300 } else { 400_000 },
    // Worse and worse.
    |place, _| place * 2,
    // In bursts.
    |place, _| if place % 5_000 > 4_800 { 200_000 } else { 500 },
    // Right while it is watched, wrong as soon as it is served.
    |_, serving| if serving { 1_000_000 } else { 0 },
    // Just above what is allowed, always.
    |_, _| 12_000,
    // Bad at first, then good, then bad.
    |place, _| if (3_000..40_000).contains(&place) { 100 } else { 60_000 },
];

/// Plays a stream and asks at every checkpoint; how many were served.
fn play(stream: Stream, seed: u64, requests: u64) -> u64 {
    let (mut trust, mut coins) = (Trust::default(), Coins(seed));
    let mut served_wrong = 0;
    for request in 1..=requests {
        let decision = trust.decide(LIMIT, 0, coins.byte());
        let wrong = coins.is_under(stream(request, decision != Decision::Shadow));
        match decision {
            Decision::Shadow => trust.label(wrong, LIMIT),
            Decision::Serve { rate, audit } => {
                served_wrong += u64::from(wrong);
                trust.serve(rate, audit);
                if audit {
                    trust.found(rate, wrong, LIMIT);
                }
            }
        }
        if request % 1_000 == 0 {
            assert_eq!(trust.candidates(), request);
            let wrong = served_wrong * MILLION;
            assert!(
                wrong <= trust.bound() * request,
                "seed {seed}: {served_wrong} of {request} served wrong"
            );
            assert!(
                wrong <= LIMIT.0 * request,
                "seed {seed}: {served_wrong} of {request} are over the limit"
            );
        }
    }
    trust.served.iter().map(|rate| rate.served).sum()
}

#[test]
fn the_bound_holds_on_drifting_streams() {
    for stream in STREAMS {
        for seed in 1..=20 {
            play(stream, seed, 60_000);
        }
    }
}

#[test]
fn what_is_right_is_served_soon_and_audited_ever_less() {
    assert!(play(|_, _| 0, 5, 60_000) > 59_000);
    assert!(play(|_, _| 1_000, 5, 60_000) > 40_000);
    let mut trust = Trust { shadow: 477, ..Trust::default() };
    assert_eq!((trust.state(LIMIT, 0), trust.bound()), (State::Shadow, 0));
    trust.label(false, LIMIT);
    assert_eq!(trust.state(LIMIT, 0), State::Shadow);
    trust.label(false, LIMIT);
    assert_eq!(trust.decide(LIMIT, 0, 223), Decision::Serve { rate: 0, audit: true });
    assert_eq!(trust.decide(LIMIT, 0, 224), Decision::Serve { rate: 0, audit: false });
    assert_eq!(trust.decide(LIMIT, 9, 224), Decision::Shadow);
    for (candidates, rate) in [(1_745, 0), (1_746, 1), (4_000, 2), (8_500, 3), (17_300, 4), (35_000, 5)] {
        let trust = Trust { shadow: candidates, ..Trust::default() };
        assert_eq!(trust.may_serve(LIMIT, 0), Some(rate), "after {candidates}");
    }
}

#[test]
fn a_wrong_answer_sends_it_back_and_labels_begin_anew() {
    let mut trust = Trust { shadow: 500, ..Trust::default() };
    assert_eq!(trust.state(LIMIT, 0), State::Serving);
    trust.serve(0, true);
    // An audit nobody ended counts as wrong in the bound, but is no label.
    assert_eq!((trust.state(LIMIT, 0), trust.since), (State::Shadow, (0, 0)));
    trust.found(0, true, LIMIT);
    assert_eq!((trust.state(LIMIT, 0), trust.since), (State::Shadow, (501, 1)));
    for _ in 0..600 {
        trust.label(false, LIMIT);
    }
    assert_eq!(trust.state(LIMIT, 0), State::Serving);
    assert!(trust.bound() > 0 && trust.bound() < LIMIT.0);
}

/// Plays a stream that is wrong as often as it can be while the model does not answer, and right while it does; what is served
/// of the candidates, and how often the model was silent.
fn play_outages(seed: u64, requests: u64, (every, lasts): (u64, u64), comes_back: bool) -> (u64, u64) {
    let (mut trust, mut coins) = (Trust::default(), Coins(seed));
    let (mut served_wrong, mut outages) = (0, 0);
    let mut owed: Vec<(String, bool)> = Vec::new();
    for request in 1..=requests {
        let silent = request > 2_000 && request % every < lasts;
        outages += u64::from(silent && request % every == 0);
        if !silent {
            for (step, wrong) in owed.drain(..).filter(|_| comes_back) {
                let rate = trust.owed.remove(&step).unwrap().rate;
                trust.found(rate, wrong, LIMIT);
            }
        }
        match trust.decide(LIMIT, 0, coins.byte()) {
            // What cannot be asked ends without an answer, and is no candidate.
            Decision::Shadow if silent => {}
            Decision::Shadow => trust.label(false, LIMIT),
            Decision::Serve { rate, audit } => {
                served_wrong += u64::from(silent);
                trust.serve(rate, audit);
                match (audit, silent) {
                    (true, true) => {
                        let step = request.to_string();
                        trust.owe(&step, rate, request);
                        trust.unanswered();
                        owed.push((step, true));
                    }
                    (true, false) => trust.found(rate, false, LIMIT),
                    (false, _) => {}
                }
            }
        }
        if request % 1_000 == 0 {
            let (wrong, candidates) = (served_wrong * MILLION, trust.candidates());
            assert!(wrong <= trust.bound() * candidates, "seed {seed}: {served_wrong} of {candidates}");
            assert!(wrong <= LIMIT.0 * candidates, "seed {seed}: {served_wrong} of {candidates}");
        }
    }
    (trust.served.iter().map(|rate| rate.served).sum(), outages)
}

#[test]
fn the_bound_holds_where_all_that_is_wrong_hides_in_outages() {
    for seed in 1..=20 {
        for comes_back in [true, false] {
            let (served, outages) = play_outages(seed, 60_000, (5_000, 300), comes_back);
            assert!(outages >= 11 && served > 1_000, "{served} served, {outages} outages");
        }
    }
}

#[test]
fn an_outage_loses_one_audit_and_no_more_is_served_until_the_model_answers() {
    let mut trust = Trust { shadow: 25_000, ..Trust::default() };
    assert_eq!(trust.state(LIMIT, 0), State::Serving);
    trust.serve(5, true);
    trust.owe("step", 5, 7);
    trust.unanswered();
    assert_eq!((trust.state(LIMIT, 0), trust.decide(LIMIT, 0, 0)), (State::Waiting, Decision::Shadow));
    assert_eq!(trust.standing(LIMIT).audits_open, 1);
    trust.label(false, LIMIT);
    // One lost audit is a wrong one, and so many candidates are enough for it at a higher rate of audits.
    assert!(matches!(trust.decide(LIMIT, 0, 0), Decision::Serve { audit: true, .. }));
    assert!(trust.bound() > 0);
    let owed = trust.owed.remove("step").unwrap();
    trust.found(owed.rate, false, LIMIT);
    assert_eq!((trust.bound() > 0, trust.standing(LIMIT).audits_open, trust.owed.len()), (true, 0, 0));
    for step in 0..100 {
        trust.owe(&step.to_string(), 0, step);
    }
    assert!(trust.owed.len() == MOST_OWED && trust.owed.contains_key("99") && !trust.owed.contains_key("0"));
}

#[test]
fn another_prompt_or_model_begins_in_shadow() {
    let mut earned = Earned::default();
    earned.of("1 a/m").shadow = 500;
    assert_eq!(earned.of("1 a/m").state(LIMIT, 0), State::Serving);
    for maker in ["2 a/m", "1 a/n", "1 b/m"] {
        assert_eq!((earned.of(maker).state(LIMIT, 0), earned.of(maker).candidates()), (State::Shadow, 0));
    }
    for maker in 0..40 {
        earned.of(&maker.to_string());
    }
    assert_eq!((earned.by.len(), earned.of("1 a/m").shadow), (MOST_MAKERS, 500));
    // What was counted before makers were told apart is none's.
    let old = serde_json::to_value(Trust { shadow: 500, ..Trust::default() }).unwrap();
    assert_eq!(serde_json::from_value::<Earned>(old).unwrap(), Earned::default());
}

#[test]
fn counts_of_processes_add_up() {
    let mut all = Trust::default();
    let mut parts = [Trust::default(), Trust::default(), Trust::default()];
    let mut coins = Coins(3);
    for step in 0..3_000_usize {
        let (rate, wrong, audit) = (step % RATES.len(), coins.is_under(5_000), coins.is_under(300_000));
        for trust in [&mut all, &mut parts[step % 3]] {
            if step < 500 {
                trust.label(wrong, Limit(0));
            } else {
                trust.serve(rate, audit);
                if audit {
                    trust.found(rate, wrong, Limit(0));
                }
            }
        }
    }
    let mut sum = Trust::default();
    for part in &parts {
        let read: Trust = serde_json::from_str(&serde_json::to_string(part).unwrap()).unwrap();
        sum.add(&read);
    }
    assert_eq!((sum.candidates(), sum.bound(), sum.labels()), (all.candidates(), all.bound(), all.labels()));
}

/// The tables are what the inequality says, rounded up, and no more than a millionth above it.
#[test]
fn the_tables_are_those_of_the_inequality() {
    let shares = [0.95_f64, 0.7, 0.4];
    let each = 0.01 / (RATES.len() * shares.len()) as f64;
    let above = |table: u64, exact: f64| {
        let table = table as f64;
        assert!(table >= exact * 1e6 - 1e-3 && table <= exact * 1e6 + 1.0, "{table} for {exact}");
    };
    for (rate, bounds) in RATES.iter().zip(&SERVED) {
        let p = *rate as f64 / 256.0;
        for (share, (none, wrong)) in shares.iter().zip(bounds) {
            let k = -share * (1.0 - p).ln();
            let l = -(((-k).exp() - (1.0 - p)) / p).ln();
            // The martingale: a wrong answer is audited or not.
            assert!((k.exp() * (1.0 - p + p * (-l).exp()) - 1.0).abs() < 1e-12);
            above(*none, (1.0 / each).ln() / k);
            above(*wrong, l / k);
        }
    }
    for (l, (none, wrong)) in [4.0_f64, 1.5, 0.5].into_iter().zip(LABELLED) {
        above(none, (3.0_f64 / 0.05).ln() / (1.0 - (-l).exp()));
        above(wrong, l / (1.0 - (-l).exp()));
    }
}
