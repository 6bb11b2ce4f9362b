//! Slots that go to another primary while calls go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::ports::{Backend, Limits as _};
use futures::join;
use redis_ports::{RedisLimits, Settings};

use How::{ByKeys, Whole};

use super::{Cluster, rates, rates_key, take, until};
use crate::kept_clock::block_on;
use crate::rates::fleet::wait_ms;

const CAPACITY: u64 = 600;

/// How a slot is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Key by key; calls of the slot are neither here nor there for so many milliseconds.
    ByKeys { lasts_ms: u64 },
    /// All at once, which newer servers can.
    Whole,
}

const QUICKLY: How = ByKeys { lasts_ms: 200 };
/// Longer than calls are held up.
const SLOWLY: How = ByKeys { lasts_ms: 2_400 };

/// Moves a slot from the first server to the second.
fn move_slot(cluster: &Cluster, slot: u64, how: How) {
    let (from, to) = (cluster.id(0), cluster.id(1));
    let is_there = || (0..3).all(|place| owner(cluster, place, slot) == cluster.servers[1].address.port());
    let ByKeys { lasts_ms } = how else {
        cluster.order(0, &format!("CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {to}"));
        return until("the slot is there", is_there);
    };
    cluster.order(1, &format!("CLUSTER SETSLOT {slot} IMPORTING {from}"));
    cluster.order(0, &format!("CLUSTER SETSLOT {slot} MIGRATING {to}"));
    std::thread::sleep(Duration::from_millis(lasts_ms / 2));
    let port = cluster.servers[1].address.port();
    loop {
        let told = cluster.say(0, &format!("CLUSTER GETKEYSINSLOT {slot} 20"));
        let keys: Vec<&str> =
            told.lines().map(str::trim).filter(|line| !line.starts_with(['*', '$'])).collect();
        if keys.is_empty() {
            break;
        }
        let moved = cluster.say(0, &format!("MIGRATE 127.0.0.1 {port} \"\" 0 5000 KEYS {}", keys.join(" ")));
        assert_eq!(moved, "+OK");
    }
    std::thread::sleep(Duration::from_millis(lasts_ms / 2));
    for place in [1, 0, 2] {
        cluster.order(place, &format!("CLUSTER SETSLOT {slot} NODE {to}"));
    }
    until("the slot is there", is_there);
}

/// The port of the server that has a slot, as one of them says.
fn owner(cluster: &Cluster, place: usize, slot: u64) -> u16 {
    let told = cluster.say(place, "CLUSTER SLOTS");
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    let number = |line: &&str| line.strip_prefix(':').and_then(|number| number.parse::<u64>().ok());
    // A range is two numbers, then its primary's host and port.
    let ranges = lines.windows(7).filter_map(|lines| match lines {
        [first, last, _, _, _, port, ..] => Some((number(first)?, number(last)?, number(port)?)),
        _ => None,
    });
    let mut ranges = ranges.filter(|(first, last, _)| (first..=last).contains(&&slot));
    ranges.next().map_or(0, |(_, _, port)| port as u16)
}

/// Asks one call after the other until the move is over and the rate is full; says how many were admitted.
async fn ask(limits: &RedisLimits, name: &str, tenant: &str, is_over: &AtomicBool, how: How) -> u64 {
    let mut admitted = 0;
    for number in 0.. {
        let is_last = is_over.load(Ordering::SeqCst);
        let admission = limits.take(&take(&format!("{name}/{number}"), tenant)).await.unwrap();
        assert!(how == SLOWLY || admission.backend == Backend::Redis, "{how:?}: {admission:?}");
        admitted += u64::from(admission.allowed);
        if !admission.allowed && is_last && admission.retry_after_ms > 1_000 {
            break;
        }
        // Some are left for after the move.
        if !admission.allowed || admitted > CAPACITY / 4 && !is_last {
            wait_ms(5).await;
        }
    }
    admitted
}

#[test]
fn a_slot_that_moves_while_calls_go_on_loses_nothing_and_admits_no_more() {
    let check = |how: How, most: u64| {
        let cluster = Cluster::new();
        let tenants = cluster.tenants(0, 2, rates_key);
        let [busy, quiet] = [&tenants[0], &tenants[1]];
        let slots = [cluster.slot(&rates_key(busy)), cluster.slot(&rates_key(quiet))];
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mover = || {
                std::thread::sleep(Duration::from_millis(100));
                move_slot(&cluster, slots[0], how);
                move_slot(&cluster, slots[1], if how == Whole { Whole } else { QUICKLY });
                std::thread::sleep(Duration::from_millis(500));
                is_over.store(true, Ordering::SeqCst);
            };
            block_on(async {
                let open = async |place: usize| {
                    // A server that hands a slot over at once is silent for that.
                    let settings = Settings { patience_ms: 400, ..Settings::of(&place.to_string()) };
                    RedisLimits::open(&cluster.url(place), rates(CAPACITY), settings, None).await.unwrap()
                };
                let (one, other) = (open(0).await, open(2).await);
                for number in 0..10 {
                    assert!(one.take(&take(&format!("q/{number}"), quiet)).await.unwrap().allowed);
                }
                let moving = scope.spawn(mover);
                let asked = join!(ask(&one, "a", busy, &is_over, how), ask(&other, "b", busy, &is_over, how));
                moving.join().unwrap();
                let admitted = asked.0 + asked.1;
                assert!((CAPACITY..=most).contains(&admitted), "{how:?}: {asked:?}");
                // The other slot moved unseen; what was counted there is known, and counted once.
                let after = one.take(&take("q/after", quiet)).await.unwrap();
                assert_eq!((after.allowed, after.backend), (true, Backend::Redis), "{how:?}");
                assert_eq!(after.remaining.requests, Some(CAPACITY - 11), "{how:?}");
            });
        });
    };
    check(QUICKLY, CAPACITY);
    check(Whole, CAPACITY);
    // Calls are held up for a second; then shares admit 5 % at most.
    check(SLOWLY, CAPACITY + CAPACITY / 20);
}
