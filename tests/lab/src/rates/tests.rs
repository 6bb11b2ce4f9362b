use std::sync::Arc;
use std::time::Duration;

use engine::contract;
use engine::limits::{AT_ONCE_SPAN_MS, Book, Dimension, MINUTE_MS, Rates, Rule, Scope};
use engine::memory::{MemoryLimits, SeededRandom};
use engine::model::{AgentId, TakeId, TenantId};
use engine::ports::{Admission, Backend, Clock, Limits, Random as _, Take, Used};
use redis_ports::{RedisLimits, Settings, Spare};

use super::fleet::wait_ms;
use crate::kept_clock::{KeptClock, block_on};
use crate::stack::Valkey;

async fn limits_on(clock: &KeptClock, process: &str, rates: Rates) -> RedisLimits {
    let settings =
        Settings { clock: Some(KeptClock::SCRIPT.to_owned()), patience_ms: 5_000, ..Settings::of(process) };
    RedisLimits::open(&clock.valkey.url(), rates, settings, None).await.unwrap()
}

fn rule(scope: Scope, dimension: Dimension, capacity: u64, span_ms: u64) -> Rule {
    Rule { scope, of: None, dimension, capacity, span_ms }
}

/// A call of a tenant that asks for ten tokens and five.
pub(crate) fn take(id: &str, tenant: &str) -> Take {
    Take {
        id: TakeId::new(id),
        tenant: TenantId::new(tenant),
        agent: AgentId::new("planner"),
        model: "model".to_owned(),
        provider: "provider".to_owned(),
        input_tokens: 10,
        output_tokens: 5,
    }
}

#[test]
fn limits_in_valkey_keep_the_contract() {
    for per_minute in [1, 7, 60] {
        let clock = KeptClock::new(&[]);
        block_on(async {
            let limits = limits_on(&clock, "one", contract::contract_rates(per_minute)).await;
            contract::limits_contract(&limits, clock.as_ref(), per_minute as usize).await.unwrap();
        });
    }
}

/// The same calls at the same moments: the script and the engine's own book give the same answers, number for number.
#[test]
fn the_script_decides_as_the_engine_does() {
    let rates = Rates::new(vec![
        rule(Scope::Tenant, Dimension::Requests, 9, MINUTE_MS),
        rule(Scope::Tenant, Dimension::InputTokens, 100, 1_000),
        rule(Scope::Tenant, Dimension::OutputTokens, 70, 777),
        rule(Scope::Agent, Dimension::AtOnce, 4, AT_ONCE_SPAN_MS),
        rule(Scope::Agent, Dimension::Requests, 6, 17),
    ])
    .unwrap();
    let clock = KeptClock::new(&[]);
    let mut compared = 0;
    block_on(async {
        let limits = limits_on(&clock, "one", rates.clone()).await;
        for seed in 0..25 {
            let random = SeededRandom::new(seed);
            let draw = |most: u64| random.next_u64() % most;
            let mut book = Book::default();
            for step in 0..120 {
                let jump_ms = match draw(12) {
                    0 => draw(160_000),
                    1 => draw(70_000),
                    2..=4 => draw(1_200),
                    5..=8 => draw(20),
                    _ => 0,
                };
                let now_ms = clock.now_ms() + jump_ms;
                // Now and then the clock is set back, a little or a lot.
                clock.set(if draw(40) == 0 { now_ms - draw(300_000) } else { now_ms });
                let id = format!("{seed}/{}", step - if draw(5) == 0 { draw(step.min(4) + 1) } else { 0 });
                let tokens = |most| if draw(30) == 0 { most } else { draw(40) };
                let take = Take {
                    input_tokens: tokens(100),
                    output_tokens: tokens(70),
                    ..take(&id, &seed.to_string())
                };
                let used = Used { input_tokens: draw(60), output_tokens: draw(90) };
                match draw(5) {
                    0 => {
                        limits.refund(&take).await.unwrap();
                        book.settle(&take.id, None, clock.now_ms());
                    }
                    1 => {
                        limits.settle(&take, &used).await.unwrap();
                        book.settle(&take.id, Some(&used), clock.now_ms());
                    }
                    _ => {
                        let weights = rates.weights(&take).unwrap();
                        let expected = book.take(Some(&take.id), &weights, clock.now_ms(), Backend::Redis);
                        let got = limits.take(&take).await.unwrap();
                        assert_eq!(got, expected, "seed {seed}, step {step}, {take:?}");
                        compared += 1;
                    }
                }
            }
        }
    });
    assert!(compared > 1_000, "{compared}");
}

/// A call asked again in the next generation of reservations is known; in the one after that it is another, and nothing is
/// left of the first.
#[test]
fn a_reservation_lives_into_the_next_generation() {
    const GENERATION_MS: u64 = 256_000;
    let clock = KeptClock::new(&[]);
    let begins_ms = clock.now_ms().next_multiple_of(GENERATION_MS);
    block_on(async {
        let rates = Rates::new(vec![rule(Scope::Tenant, Dimension::Requests, 10, MINUTE_MS)]).unwrap();
        let limits = limits_on(&clock, "one", rates).await;
        let left = async |id: &str, at_ms: u64| {
            clock.set(begins_ms + at_ms);
            limits.take(&take(id, "acme")).await.unwrap().remaining.requests
        };
        assert_eq!(left("a", GENERATION_MS - 1).await, Some(9));
        assert_eq!(left("a", GENERATION_MS - 1).await, Some(9), "at once");
        assert_eq!(left("a", 2 * GENERATION_MS - 1).await, Some(10), "it is known, and counts no more");
        assert_eq!(left("b", 2 * GENERATION_MS - 1).await, Some(9));
        assert_eq!(left("a", 2 * GENERATION_MS).await, Some(8), "it is another");
    });
    let reservations: Vec<String> = [0, 1]
        .map(|parity| format!("HLEN rates:{{tenant/acme}}:takes:{GENERATION_MS}:{parity}"))
        .map(|length| clock.valkey.say(&length).unwrap())
        .into();
    assert_eq!(reservations, [":2", ":2"], "one of each generation beside its mark");
}

/// A window that is full when its span changes is left by what is in it when its time has come, however often somebody asks.
#[test]
fn a_full_window_whose_span_changes_empties() {
    for (before_ms, after_ms) in [(MINUTE_MS, MINUTE_MS / 2), (MINUTE_MS / 2, MINUTE_MS)] {
        let clock = KeptClock::new(&[]);
        let rates = |span_ms| Rates::new(vec![rule(Scope::Tenant, Dimension::Requests, 3, span_ms)]).unwrap();
        block_on(async {
            let limits = limits_on(&clock, "old", rates(before_ms)).await;
            for number in 0..3 {
                assert!(limits.take(&take(&format!("old {number}"), "acme")).await.unwrap().allowed);
            }
            let limits = limits_on(&clock, "new", rates(after_ms)).await;
            let began_ms = clock.now_ms();
            for number in 0.. {
                let admission = limits.take(&take(&format!("new {number}"), "acme")).await.unwrap();
                if admission.allowed {
                    break;
                }
                clock.set(clock.now_ms() + admission.retry_after_ms);
                assert!(clock.now_ms() - began_ms <= after_ms + after_ms / 16, "{number} times");
            }
            assert!(clock.now_ms() - began_ms >= after_ms - after_ms / 16);
        });
    }
}

/// A call may be settled when its windows are gone: what is written then ends by itself, and later calls are counted as ever.
#[test]
fn a_call_that_outlives_its_windows_leaves_nothing_behind() {
    let clock = KeptClock::new(&[]);
    let windows = "rates:{tenant/acme}:windows";
    let rates = Rates::new(vec![
        rule(Scope::Tenant, Dimension::Requests, 1_000, MINUTE_MS),
        rule(Scope::Agent, Dimension::AtOnce, 2, 30_000),
    ])
    .unwrap();
    let used = Used { input_tokens: 1, output_tokens: 1 };
    block_on(async {
        let limits = limits_on(&clock, "one", rates).await;
        let of = |agent: &str, id: &str| Take { agent: AgentId::new(agent), ..take(id, "acme") };
        assert!(limits.take(&of("x", "late")).await.unwrap().allowed);
        clock.valkey.say(&format!("DEL {windows}")).unwrap();
        clock.set(clock.now_ms() + 70_000);
        limits.settle(&of("x", "late"), &used).await.unwrap();
        let ends_in: i64 = clock.valkey.say(&format!("PTTL {windows}")).unwrap()[1..].parse().unwrap();
        assert!(ends_in > 0, "{ends_in}");
        assert!(limits.take(&of("y", "other")).await.unwrap().allowed);
        for round in 0..3 {
            let calls = [0, 1].map(|number| of("x", &format!("{round}/{number}")));
            for call in &calls {
                assert!(limits.take(call).await.unwrap().allowed, "{round}");
            }
            assert!(!limits.take(&of("x", &format!("{round}/third"))).await.unwrap().allowed, "two at once");
            for call in &calls {
                limits.settle(call, &used).await.unwrap();
            }
        }
    });
}

/// Whoever has another span for a rate counts what was taken before.
#[test]
fn a_changed_span_forgets_nothing() {
    let clock = KeptClock::new(&[]);
    block_on(async {
        for (span_ms, left) in [(MINUTE_MS, 9), (1_000, 8), (2 * MINUTE_MS, 7)] {
            let rates = Rates::new(vec![rule(Scope::Tenant, Dimension::Requests, 10, span_ms)]).unwrap();
            let limits = limits_on(&clock, "one", rates).await;
            let admission = limits.take(&take(&span_ms.to_string(), "acme")).await.unwrap();
            assert_eq!(admission.remaining.requests, Some(left), "{span_ms}");
            clock.set(clock.now_ms() + 900);
        }
    });
}

#[test]
fn every_call_stays_on_one_slot_of_a_cluster() {
    let valkey = Valkey::start(&["--cluster-enabled", "yes"]).unwrap();
    assert_eq!(valkey.say("CLUSTER ADDSLOTSRANGE 0 16383").unwrap(), "+OK");
    while !valkey.say("CLUSTER INFO").unwrap().contains("cluster_state:ok") {
        std::thread::sleep(Duration::from_millis(20));
    }
    block_on(async {
        let settings = Settings { patience_ms: 5_000, ..Settings::of("one") };
        let limits =
            RedisLimits::open(&valkey.url(), contract::contract_rates(5), settings, None).await.unwrap();
        for tenant in ["acme", "}", "{}", "a}b{c", "ü"] {
            let take = take(&format!("{tenant}/1"), tenant);
            let admission = limits.take(&take).await.unwrap();
            assert_eq!((admission.allowed, admission.backend), (true, Backend::Redis), "{tenant}");
            limits.settle(&take, &Used { input_tokens: 1, output_tokens: 1 }).await.unwrap();
            limits.refund(&take).await.unwrap();
            assert!(limits.allow(tenant, 1).await.unwrap().allowed);
        }
    });
}

#[test]
fn a_forgotten_script_is_loaded_again() {
    let valkey = Valkey::start(&[]).unwrap();
    block_on(async {
        let settings = Settings { patience_ms: 5_000, ..Settings::of("one") };
        let limits =
            RedisLimits::open(&valkey.url(), contract::contract_rates(5), settings, None).await.unwrap();
        assert!(limits.take(&take("1", "acme")).await.unwrap().allowed);
        assert_eq!(valkey.say("SCRIPT FLUSH SYNC").unwrap(), "+OK");
        let again = limits.take(&take("2", "acme")).await.unwrap();
        assert_eq!((again.allowed, again.backend), (true, Backend::Redis));
    });
}

/// A rate all tenants share is leased by processes in parts; what they lease together never passes it.
#[test]
fn processes_share_a_wide_rate() {
    let valkey = Valkey::start(&[]).unwrap();
    let rates = Rates::new(vec![
        rule(Scope::Tenant, Dimension::Requests, 10_000, MINUTE_MS),
        rule(Scope::Provider, Dimension::Requests, 300, MINUTE_MS),
        rule(Scope::Provider, Dimension::OutputTokens, 3_000, MINUTE_MS),
        rule(Scope::Model, Dimension::AtOnce, 40, AT_ONCE_SPAN_MS),
    ])
    .unwrap();
    block_on(async {
        let mut processes = Vec::new();
        for number in 0..4 {
            let settings = Settings { patience_ms: 5_000, ..Settings::of(&format!("process {number}")) };
            processes.push(RedisLimits::open(&valkey.url(), rates.clone(), settings, None).await.unwrap());
        }
        let (mut admitted, mut tokens, mut under_way) = (0, 0, Vec::new());
        for number in 0..600 {
            let process = &processes[number % processes.len()];
            let take = take(&number.to_string(), &format!("tenant {}", number % 7));
            if process.take(&take).await.unwrap().allowed {
                admitted += 1;
                tokens += 3;
                under_way.push((process, take));
            }
            assert!(under_way.len() <= 40, "{} under way", under_way.len());
            if under_way.len() > 30 {
                let (process, take) = under_way.remove(0);
                process.settle(&take, &Used { input_tokens: 1, output_tokens: 3 }).await.unwrap();
            }
        }
        assert!(admitted <= 300, "{admitted} requests");
        assert!(admitted >= 280, "{admitted} requests");
        assert!(tokens <= 3_000);
    });
}

fn shares() -> Rates {
    Rates::new(vec![
        rule(Scope::Tenant, Dimension::Requests, 2_000, 1_280),
        rule(Scope::Tenant, Dimension::OutputTokens, 1_000_000, 1_280),
    ])
    .unwrap()
}

async fn ask(limits: &RedisLimits, id: &str) -> Admission {
    limits.take(&take(id, "acme")).await.unwrap()
}

/// While Redis is away a process lives on its share: 5 % at first, its whole share later; when it is back, all is counted once.
#[test]
fn a_share_carries_a_process_through_an_outage() {
    for freeze in [true, false] {
        let mut valkey = Valkey::start(&[]).unwrap();
        block_on(async {
            let limits = RedisLimits::open(&valkey.url(), shares(), Settings::of("one"), None).await.unwrap();
            assert_eq!(ask(&limits, "before").await.backend, Backend::Redis);
            if freeze {
                valkey.freeze()
            } else {
                valkey.kill()
            }
            let first = ask(&limits, "first").await;
            assert_eq!((first.allowed, first.backend), (true, Backend::Share));
            assert!(ask(&limits, "first").await.allowed, "the same call again");
            let mut admitted = 1;
            for number in 0..200 {
                let answer = ask(&limits, &format!("away {number}")).await;
                assert_eq!(answer.backend, Backend::Share);
                admitted += u64::from(answer.allowed);
            }
            assert_eq!(admitted, 100, "5 % of 2,000 in the first span");
            wait_ms(1_400).await;
            for number in 0..3_000 {
                admitted += u64::from(ask(&limits, &format!("later {number}")).await.allowed);
            }
            assert!((1_950..=2_100).contains(&admitted), "{admitted}");
            limits
                .settle(&take("later 0", "acme"), &Used { input_tokens: 0, output_tokens: 0 })
                .await
                .unwrap();
            if freeze {
                valkey.thaw()
            } else {
                valkey.start_again().unwrap()
            }
            let mut back = ask(&limits, "back 0").await;
            for number in 1..100 {
                if back.backend == Backend::Redis {
                    break;
                }
                wait_ms(10).await;
                back = ask(&limits, &format!("back {number}")).await;
            }
            assert_eq!(back.backend, Backend::Redis, "not back within a second");
            // What it took a moment ago on its share is known to Redis, once.
            assert!(back.remaining.requests.is_some_and(|left| left <= 110), "{back:?}");
        });
    }
}

#[test]
fn a_process_born_in_an_outage_has_the_table_or_nothing() {
    let mut valkey = Valkey::start(&[]).unwrap();
    let url = valkey.url();
    valkey.kill();
    block_on(async {
        let limits = RedisLimits::open(&url, shares(), Settings::of("born"), None).await.unwrap();
        let answer = ask(&limits, "1").await;
        assert_eq!((answer.allowed, answer.backend), (false, Backend::Spare));
        let rates = shares();
        let spare = Spare::of(&rates, |rates| {
            Arc::new(MemoryLimits::with(Arc::new(boot::SystemClock), rates)) as Arc<dyn Limits>
        });
        let limits = RedisLimits::open(&url, rates, Settings::of("born too"), Some(spare)).await.unwrap();
        let mut admitted = 0;
        for number in 0..50 {
            admitted += u64::from(ask(&limits, &number.to_string()).await.allowed);
        }
        assert_eq!(admitted, 10, "half a percent of 2,000");
        valkey.start_again().unwrap();
        for _ in 0..100 {
            wait_ms(10).await;
            if ask(&limits, "back").await.backend == Backend::Redis {
                return;
            }
        }
        panic!("not back within a second");
    });
}

/// Whoever holds a share and has not told yet what it admitted keeps it; the others get the rest.
#[test]
fn shares_never_sum_to_more_than_all() {
    let valkey = Valkey::start(&[]).unwrap();
    block_on(async {
        let mut processes = Vec::new();
        for number in 0..3 {
            let settings = Settings::of(&format!("process {number}"));
            processes.push(RedisLimits::open(&valkey.url(), shares(), settings, None).await.unwrap());
            ask(&processes[number], &format!("{number}")).await;
        }
        for round in 0..4 {
            wait_ms(1_050).await;
            for (number, process) in processes.iter().enumerate() {
                ask(process, &format!("{round}/{number}")).await;
            }
        }
        valkey.freeze();
        let mut admitted = Vec::new();
        for (number, process) in processes.iter().enumerate() {
            let mut own = 0;
            for call in 0..100 {
                own += u64::from(ask(process, &format!("away {number}/{call}")).await.allowed);
            }
            admitted.push(own);
        }
        valkey.thaw();
        assert!(admitted.iter().sum::<u64>() <= 100, "{admitted:?}");
        assert!(admitted.iter().all(|own| (30..=35).contains(own)), "{admitted:?}");
    });
}
