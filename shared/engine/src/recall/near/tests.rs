use futures::executor::block_on;

use super::*;
use crate::memory::{Broken, Fault, MemoryCache, VirtualTime};

struct House {
    time: Arc<VirtualTime>,
    shared: Arc<MemoryCache>,
    tenant: TenantId,
}

fn house() -> House {
    let time = VirtualTime::new(1_000_000);
    let shared = Arc::new(MemoryCache::new(time.clone(), 100));
    House { time, shared, tenant: TenantId::new("one") }
}

impl House {
    fn near(&self) -> Near {
        Near::new(self.shared.clone(), self.time.clone(), 10)
    }

    /// The same place for a process that cannot reach it.
    fn cut_off(&self) -> Near {
        let place: Arc<dyn Cache> = self.shared.clone();
        let broken: Arc<dyn Cache> = Arc::new(Broken::new(place, self.time.clone(), Fault::Down));
        Near::new(broken, self.time.clone(), 10)
    }

    fn look(&self, near: &Near, holder: &str) -> Result<Looked> {
        let flight = Some(Flight { holder: holder.to_owned(), holds_ms: 15_000 });
        block_on(near.look_up(&self.tenant, &Lookup { keys: vec!["key".to_owned()], flight, since: None }))
    }

    fn pass(&self, milliseconds: u64) {
        let time = self.time.clone();
        let mut executor = crate::memory::virtual_time::Executor::new(self.time.clone(), 1);
        executor.block_on(async move { time.sleep(milliseconds).await });
    }
}

fn entry(generation: Generation) -> Entry {
    Entry {
        value: Arc::from(*b"answer"),
        fresh_ms: 60_000,
        grace_ms: 0,
        tags: vec!["agent:a".to_owned()],
        generation,
        worth: 0,
    }
}

fn is_hit(looked: &Looked) -> bool {
    matches!(looked.found[..], [Found::Held(_)])
}

#[test]
fn what_another_process_purges_is_gone_within_two_seconds_and_here_at_once() {
    let house = house();
    let (one, other) = (house.near(), house.near());
    let generation = house.look(&one, "1").unwrap().generation;
    block_on(one.put(&house.tenant, "key", &entry(generation))).unwrap();
    assert!(is_hit(&house.look(&one, "1").unwrap()) && is_hit(&house.look(&other, "1").unwrap()));
    block_on(other.purge(&house.tenant, "agent:a")).unwrap();
    assert!(!is_hit(&house.look(&other, "1").unwrap()), "it purged itself");
    assert!(is_hit(&house.look(&one, "1").unwrap()), "it does not know yet");
    house.pass(NEAR_MS);
    assert!(!is_hit(&house.look(&one, "1").unwrap()));
}

#[test]
fn while_the_place_is_away_one_step_of_a_process_asks_for_the_others() {
    let house = house();
    let near = house.cut_off();
    let lead = |holder| house.look(&near, holder).unwrap();
    let first = lead("1");
    assert_eq!((first.lead, first.found), (Some(Lead::Own), vec![Found::Unknown]));
    assert!(matches!(lead("2").lead, Some(Lead::Other { left_ms: 15_000 })));
    assert!(block_on(near.put(&house.tenant, "key", &entry(first.generation))).is_err());
    assert!(is_hit(&lead("2")), "it waited for this");
    house.pass(NEAR_MS);
    assert_eq!(lead("2").lead, Some(Lead::Own), "it is not kept for longer");
    block_on(near.release(&house.tenant, "key", "2")).unwrap_err();
    assert_eq!(lead("3").lead, Some(Lead::Own));
    house.pass(15_000);
    assert_eq!(lead("4").lead, Some(Lead::Own), "nobody has heard of it for so long");
    let plain = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
    assert!(block_on(near.look_up(&house.tenant, &plain)).is_err());
}
