//! `/metrics`: the tenant's own figures, in the form asked for.

use engine::model::{Counters, Scope, TenantId};
use engine::ports::{Becomes, Change, Expect, Key, Row, Store as _};

use super::house::{Ask, House};

fn store_runs(house: &House, tenant: &str, shard: u32, complete: u64) {
    let counters = Counters { runs: [("complete".to_owned(), complete)].into(), ..Counters::default() };
    let (key, store) = (Key::Counters(TenantId::new(tenant), shard), house.store.clone());
    let to = Becomes::Row(Row::Counters(counters));
    let change = Change { key, expect: Expect::Absent, to, due_ms: None };
    house.block_on(async move { store.write(&[change]).await }).unwrap();
}

#[test]
fn a_tenant_reads_the_sum_of_its_own_rows_in_either_form() {
    let house = House::new();
    store_runs(&house, "acme", 0, 3);
    store_runs(&house, "acme", 15, 4);
    store_runs(&house, "other", 0, 90);
    let key = house.key("acme", &[Scope::Read], None).text;
    for (accept, media_type, last) in [
        ("", "text/plain; version=0.0.4; charset=utf-8", "assay_saved_usd_total 0.000000000\n"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
    ] {
        let mut ask = Ask::new("GET", "/metrics").key(&key);
        if !accept.is_empty() {
            ask = ask.header("accept", accept);
        }
        let answer = house.check(&ask, (200, "-"));
        let text = answer.body.as_str().unwrap();
        assert_eq!(answer.headers["content-type"], media_type);
        assert!(text.contains("assay_runs_total{status=\"complete\"} 7\n"), "{text}");
        assert!(text.contains("assay_runs_total{status=\"failed\"} 0\n"), "{text}");
        assert!(text.ends_with(last), "{text}");
    }
    let other = house.key("acme", &[Scope::Run], None).text;
    house.check(&Ask::new("GET", "/metrics").key(&other), (403, "Forbidden"));
}
