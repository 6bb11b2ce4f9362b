//! A validation over a Redis that takes connections and never answers.

use std::net::TcpListener;
use std::sync::Arc;

use boot::{Config, SystemClock};
use engine::model::TenantId;
use engine::ports::{Clock, Limits, Ports};
use local::validate::{COMPONENTS, Row, Site, Verdict, validate};
use redis_ports::{CacheSettings, RedisCache, RedisLimits, Settings, Spare};
use store::lite::LiteLimits;

use crate::healthy::{House, Profile};

/// In this time a validation has ended, whatever hangs, in milliseconds.
const IN_TIME_MS: u64 = 2_600;

/// The rows, and how long they took, in milliseconds.
async fn timed(ports: &Ports, site: &Site) -> (Vec<Row>, u64) {
    let began_ms = ports.clock.now_ms();
    let rows = validate(ports, &TenantId::new("lab"), site).await;
    (rows, ports.clock.now_ms() - began_ms)
}

#[tokio::test]
async fn a_redis_that_never_answers_is_told_in_time() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let house = House::on(Profile::Full, clock.clone()).unwrap();
    let ports = Ports { analysers: Arc::new(analysis::analysers()), ..house.ports };
    let site = Site::open().await.unwrap();
    let (well, _) = timed(&ports, &site).await;

    // The system takes connections for it, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let config = Config::from(|_| None).unwrap();
    let began_ms = clock.now_ms();
    let spare = Spare::of(&config.rates, |rates| {
        Arc::new(LiteLimits::spare(ports.store.clone(), clock.clone(), rates)) as Arc<dyn Limits>
    });
    let settings = Settings::of("validated");
    let limits = RedisLimits::open(&url, config.rates.clone(), settings, Some(spare)).await.unwrap();
    let cache = RedisCache::open(&url, CacheSettings::of(config.recall.most)).await.unwrap();
    let cache =
        config.recall.over(Arc::new(cache), config.recall.key_of_deployment(true).unwrap(), clock.clone());
    let opened_ms = clock.now_ms() - began_ms;
    let ports = Ports { limits: Arc::new(limits), cache, ..ports };
    let (rows, took_ms) = timed(&ports, &site).await;
    println!("opened without an answer in {opened_ms} ms, validated in {took_ms} ms");

    assert_eq!(rows.iter().map(|row| row.component).collect::<Vec<_>>(), COMPONENTS);
    for (row, well) in rows.iter().zip(&well) {
        let expected = match row.component {
            // Rates are held without it, and say so.
            "distributed_rate_limiting" => Verdict::Unknown,
            "advanced_caching" => Verdict::Fail,
            _ => well.verdict,
        };
        assert_eq!(row.verdict, expected, "{row:?}");
    }
    let well = |component: &str| well.iter().find(|row| row.component == component).unwrap().verdict;
    assert_eq!(well("distributed_rate_limiting"), Verdict::Pass);
    assert_eq!(well("advanced_caching"), Verdict::Pass);
    assert!(took_ms < IN_TIME_MS, "{took_ms} ms");
}
