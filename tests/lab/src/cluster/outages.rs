//! One primary of three that is gone.

use std::time::Duration;

use engine::model::TenantId;
use engine::ports::{Admission, Backend, Cache as _, Limits as _, Lookup};
use redis_ports::{CacheSettings, RedisCache, RedisLimits};

use super::{Cluster, answers_key, limits, member, rates, rates_key, take, until};
use crate::kept_clock::block_on;
use crate::rates::fleet::{moment, wait_ms};
use crate::rates::percentile;

const CAPACITY: u64 = 2_000;

/// Asks again until the server decides, for ten seconds at most.
async fn back(limits: &RedisLimits, tenant: &str) -> Admission {
    let began = moment();
    for number in 0.. {
        let answer = limits.take(&take(&format!("back/{number}"), tenant)).await.unwrap();
        if answer.backend == Backend::Redis && answer.remaining.requests.is_some() {
            return answer;
        }
        assert!(began.elapsed().as_secs() < 10, "not back: {answer:?}");
        wait_ms(20).await;
    }
    unreachable!()
}

/// Calls for tenants of servers that are there: they are decided there, and how long each takes, in milliseconds.
async fn usual(limits: &RedisLimits, tenants: &[String], name: &str) -> Vec<f64> {
    let mut took = Vec::new();
    for number in 0..150 {
        let tenant = &tenants[number % tenants.len()];
        let began = moment();
        let answer = limits.take(&take(&format!("{name}/{number}"), tenant)).await.unwrap();
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        assert_eq!((answer.allowed, answer.backend), (true, Backend::Redis), "{name} {tenant}");
        wait_ms(2).await;
    }
    took
}

/// Waits until the check of health says so of the cluster, asked at a server that is there.
async fn healthy(cluster: &Cluster, expected: bool) {
    let began = moment();
    while aws::redis::ping(&cluster.url(0), 500).await.is_ok() != expected {
        assert!(began.elapsed().as_secs() < 10, "never {expected}");
        wait_ms(50).await;
    }
}

#[test]
fn one_dead_primary_leaves_its_tenants_their_shares_and_others_as_they_were() {
    let check = |freeze: bool| {
        let mut cluster = Cluster::new();
        let tenants = [0, 1, 2].map(|place| cluster.tenants(place, 2, rates_key));
        let answers = [0, 1, 2].map(|place| cluster.tenants(place, 1, answers_key).remove(0));
        let others = [tenants[0].clone(), tenants[2].clone()].concat();
        let hit = &tenants[1][0];
        block_on(async {
            let process = limits(&cluster.url(1), rates(CAPACITY), "one").await;
            let cache = RedisCache::open(&cluster.url(0), CacheSettings::of(100)).await.unwrap();
            healthy(&cluster, true).await;
            assert_eq!(back(&process, hit).await.backend, Backend::Redis);
            let mut before = usual(&process, &others, "before").await;
            if freeze {
                cluster.servers[1].freeze();
            } else {
                cluster.servers[1].kill();
            }
            let gone = async {
                let mut admitted = 0;
                for number in 0..150 {
                    let answer = process.take(&take(&format!("gone/{number}"), hit)).await.unwrap();
                    assert_eq!(answer.backend, Backend::Share);
                    admitted += u64::from(answer.allowed);
                    wait_ms(4).await;
                }
                admitted
            };
            let (mut during, admitted) = futures::join!(usual(&process, &others, "during"), gone);
            assert_eq!(admitted, CAPACITY / 20, "5 % of the rate in the first span");
            let worst = during.iter().copied().fold(0.0, f64::max);
            let medians = [percentile(&mut before, 50.0), percentile(&mut during, 50.0)];
            assert!(medians[1] <= 3.0 * medians[0] + 1.0 && worst < 400.0, "{medians:?}, worst {worst}");
            for (place, tenant) in answers.iter().enumerate() {
                let lookup = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
                let began = moment();
                let looked = cache.look_up(&TenantId::new(tenant), &lookup).await;
                assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
                assert!(place != 1 || looked.is_err(), "{tenant}: {looked:?}");
                // A server that is there may be late where others need the machine as well.
                while place != 1 && cache.look_up(&TenantId::new(tenant), &lookup).await.is_err() {
                    assert!(began.elapsed().as_secs() < 10, "{tenant} is away");
                    wait_ms(20).await;
                }
            }
            healthy(&cluster, false).await;
            usual(&process, &others, "noticed").await;
            if freeze {
                cluster.servers[1].thaw();
            } else {
                cluster.servers[1].start_again().unwrap();
            }
            let answer = back(&process, hit).await;
            let counted = CAPACITY - answer.remaining.requests.unwrap();
            // What was admitted on the share is known, once, and so is what came before.
            assert!((CAPACITY / 20 + 1..CAPACITY / 20 + 50).contains(&counted), "{counted}");
            usual(&process, &others, "after").await;
            healthy(&cluster, true).await;
        });
    };
    check(true);
    check(false);
}

/// A copy takes the place of a primary that is gone: its tenants are on their shares until then, and all that this process knows
/// is told to the copy, on top of what it had heard, for nobody knows whether it heard all.
#[test]
fn a_copy_that_takes_a_primarys_place_is_found_and_told() {
    let mut cluster = Cluster::new();
    cluster.servers.push(member());
    cluster.introduce(3);
    let primary = cluster.id(1);
    until("the copy is known", || cluster.servers[3].say("CLUSTER NODES").unwrap().contains(&primary));
    cluster.order(3, &format!("CLUSTER REPLICATE {primary}"));
    until("the copy is whole", || cluster.say(3, "INFO replication").contains("master_link_status:up"));
    let hit = cluster.tenants(1, 1, rates_key).remove(0);
    block_on(async {
        let process = limits(&cluster.url(0), rates(CAPACITY), "one").await;
        for number in 0..200 {
            assert!(process.take(&take(&format!("before/{number}"), &hit)).await.unwrap().allowed);
        }
        cluster.servers[1].kill();
        let answer = process.take(&take("gone", &hit)).await.unwrap();
        assert_eq!((answer.allowed, answer.backend), (true, Backend::Share));
        let answer = back(&process, &hit).await;
        assert!(answer.allowed && answer.remaining.requests.unwrap() <= CAPACITY - 401, "{answer:?}");
        assert!(cluster.say(3, "INFO replication").contains("role:master"));
    });
}
