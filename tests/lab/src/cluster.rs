//! A cluster of three Valkeys with a third of the slots each, and what rates and stored answers do on it.

mod moves;
mod outages;
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine::limits::{Dimension, MINUTE_MS, Rates, Rule, Scope};
use engine::ports::Clock;
use redis_ports::{RedisLimits, Settings};

use crate::rates::fleet::moment;
use crate::rates::tests::take;
use crate::stack::Valkey;

const LAST: [u64; 3] = [5_460, 10_922, 16_383];
const PATIENCE: Duration = Duration::from_secs(20);

/// Primaries with slots, and copies of them if some were added.
struct Cluster {
    servers: Vec<Valkey>,
}

impl Cluster {
    /// Three primaries that know of each other.
    fn new() -> Self {
        let cluster = Self { servers: (0..3).map(|_| member()).collect() };
        for (place, last) in LAST.into_iter().enumerate() {
            let first = place.checked_sub(1).map_or(0, |before| LAST[before] + 1);
            cluster.order(place, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
            cluster.introduce(place);
        }
        until("the cluster is whole", || {
            (0..3).all(|place| {
                let told = cluster.say(place, "CLUSTER INFO");
                told.contains("cluster_state:ok") && told.contains("cluster_slots_ok:16384")
            })
        });
        cluster
    }

    /// Makes a server known to the first.
    fn introduce(&self, place: usize) {
        let first = &self.servers[0];
        let (address, bus) = (first.address, first.argument("--cluster-port").unwrap());
        if place > 0 {
            self.order(place, &format!("CLUSTER MEET {} {} {bus}", address.ip(), address.port()));
        }
    }

    fn url(&self, place: usize) -> String {
        self.servers[place].url()
    }

    fn say(&self, place: usize, command: &str) -> String {
        self.servers[place].say(command).unwrap()
    }

    fn order(&self, place: usize, command: &str) {
        assert_eq!(self.say(place, command), "+OK", "{command}");
    }

    fn id(&self, place: usize) -> String {
        self.say(place, "CLUSTER MYID").lines().last().unwrap().to_owned()
    }

    fn slot(&self, key: &str) -> u64 {
        self.say(0, &format!("CLUSTER KEYSLOT {key}")).trim_start_matches(':').parse().unwrap()
    }

    /// So many tenants whose keys, of which `key` makes one, are the server's from the beginning.
    fn tenants(&self, place: usize, count: usize, key: impl Fn(&str) -> String) -> Vec<String> {
        let all = (0..).map(|number| format!("tenant-{number}"));
        let of_place = |tenant: &String| LAST.iter().position(|last| self.slot(&key(tenant)) <= *last);
        all.filter(|tenant| of_place(tenant) == Some(place)).take(count).collect()
    }
}

fn member() -> Valkey {
    let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
    Valkey::start(&[&more[..], &["--cluster-require-full-coverage", "no"]].concat()).unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = moment();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A key of a tenant's rates.
fn rates_key(tenant: &str) -> String {
    format!("rates:{{tenant/{tenant}}}:windows")
}

/// A key of a tenant's stored answers.
fn answers_key(tenant: &str) -> String {
    format!("cache:{{{tenant}}}")
}

/// So many requests a minute for each tenant.
fn rates(capacity: u64) -> Rates {
    let (scope, dimension) = (Scope::Tenant, Dimension::Requests);
    Rates::new(vec![Rule { scope, of: None, dimension, capacity, span_ms: MINUTE_MS }]).unwrap()
}

async fn limits(url: &str, rates: Rates, process: &str) -> RedisLimits {
    RedisLimits::open(url, rates, Settings::of(process), None).await.unwrap()
}

/// A clock that every server of a cluster shows to scripts and that moves only when somebody sleeps. It stands in a setting
/// of no consequence, since no key is at every server.
struct ClusterClock {
    cluster: Cluster,
    now_ms: AtomicU64,
}

impl ClusterClock {
    const SCRIPT: &str = "local function now_ms()
  return tonumber(string.match(redis.call('INFO', 'memory'), 'maxmemory:(%d+)'))
end";

    fn new() -> Arc<Self> {
        let clock = Self { cluster: Cluster::new(), now_ms: AtomicU64::new(0) };
        clock.set(1_790_000_000_000);
        Arc::new(clock)
    }

    fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
        for place in 0..3 {
            self.cluster.order(place, &format!("CONFIG SET maxmemory {now_ms}"));
        }
    }
}

#[async_trait]
impl Clock for ClusterClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.set(self.now_ms() + milliseconds);
    }
}
