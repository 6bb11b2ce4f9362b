use futures::executor::block_on;

use super::*;
use crate::memory::{MemoryCache, SeededRandom, VirtualTime};
use crate::ports::{Clock, Cursor};

struct House {
    bare: Arc<MemoryCache>,
    sealed: Sealed,
    random: SeededRandom,
}

fn house(secret: &str) -> House {
    let clock: Arc<dyn Clock> = VirtualTime::new(1_000_000);
    let bare = Arc::new(MemoryCache::new(clock, 1_000));
    let random = Arc::new(SeededRandom::new(7));
    let sealed = Sealed::new(bare.clone(), SealingKey::from_text(secret), random);
    House { bare, sealed, random: SeededRandom::new(8) }
}

fn entry(value: Vec<u8>) -> Entry {
    Entry {
        value: Arc::from(value),
        fresh_ms: 60_000,
        grace_ms: 0,
        tags: vec!["agent:a".to_owned(), "model:m".to_owned()],
        generation: Generation(3),
        worth: 5,
    }
}

fn find(cache: &dyn Cache, tenant: &TenantId, key: &str) -> Found {
    let lookup = Lookup { keys: vec![key.to_owned()], ..Lookup::default() };
    block_on(cache.look_up(tenant, &lookup)).unwrap().found.remove(0)
}

fn held(cache: &dyn Cache, tenant: &TenantId, key: &str) -> Entry {
    match find(cache, tenant, key) {
        Found::Held(held) => held.entry,
        other => panic!("{other:?}"),
    }
}

fn some_value(random: &SeededRandom, number: usize) -> Vec<u8> {
    let words = ["claim", "verdict", "supported", "{\"answer\":", "0.97", "\u{1f980}", "evidence"];
    let word = |_| words[(random.next_u64() % words.len() as u64) as usize].bytes();
    (0..number % 90).flat_map(word).collect()
}

/// Each tenant stores under random keys of a small space, so that tenants' keys meet all the time.
#[test]
fn a_hundred_thousand_look_ups_in_others_places_find_nothing() {
    const TENANTS: u64 = 40;
    const KEYS: u64 = 250;
    let House { bare, sealed, random } = house("secret");
    let tenant = |number: u64| TenantId::new(format!("tenant {number}"));
    let mut stored = std::collections::BTreeSet::new();
    for number in 0..4_000 {
        let (of, key) = (random.next_u64() % TENANTS, random.next_u64() % KEYS);
        block_on(sealed.put(&tenant(of), &key.to_string(), &entry(some_value(&random, number)))).unwrap();
        stored.insert((of, key));
    }
    let (mut asked, mut hits, mut moved) = (0, 0, 0);
    while asked < 100_000 {
        let (of, other, key) =
            (random.next_u64() % TENANTS, random.next_u64() % TENANTS, random.next_u64() % KEYS);
        if of == other || !stored.contains(&(of, key)) || stored.contains(&(other, key)) {
            continue;
        }
        asked += 1;
        hits += u64::from(!matches!(find(&sealed, &tenant(other), &key.to_string()), Found::Nothing));
        // And if who writes to the place carries it over.
        if asked % 10 == 0 {
            let carried = held(bare.as_ref(), &tenant(of), &key.to_string());
            let place = format!("carried {asked}");
            block_on(bare.put(&tenant(other), &place, &carried)).unwrap();
            moved += u64::from(find(&sealed, &tenant(other), &place) != Found::Unreadable);
        }
    }
    assert_eq!((hits, moved), (0, 0));
}

#[test]
fn what_was_flipped_moved_or_relabelled_is_refused() {
    let House { bare, sealed, random } = house("secret");
    let (tenant, other) = (TenantId::new("one"), TenantId::new("two"));
    for number in 0..400 {
        let value = some_value(&random, number);
        block_on(sealed.put(&tenant, "key", &entry(value.clone()))).unwrap();
        assert_eq!(held(&sealed, &tenant, "key"), entry(value));
        let kept = held(bare.as_ref(), &tenant, "key");
        let refused = |tenant: &TenantId, key: &str, changed: &Entry| {
            block_on(bare.put(tenant, key, changed)).unwrap();
            assert_eq!(find(&sealed, tenant, key), Found::Unreadable, "{number}");
        };
        let bits = kept.value.len() * 8;
        let flips: Vec<usize> = if number < 3 {
            (0..bits).collect()
        } else {
            (0..20).map(|_| random.next_u64() as usize % bits).collect()
        };
        for bit in flips {
            let mut value = kept.value.to_vec();
            value[bit / 8] ^= 1 << (bit % 8);
            refused(&tenant, "key", &Entry { value: Arc::from(value), ..kept.clone() });
        }
        let cut = kept.value[..random.next_u64() as usize % kept.value.len()].to_vec();
        refused(&tenant, "key", &Entry { value: Arc::from(cut), ..kept.clone() });
        refused(&tenant, "another key", &kept);
        refused(&other, "key", &kept);
        refused(&tenant, "key", &Entry { generation: Generation(4), ..kept.clone() });
        refused(&tenant, "key", &Entry { tags: vec!["agent:a".to_owned()], ..kept.clone() });
        refused(&tenant, "key", &Entry { tags: vec!["agent:am".to_owned(), "odel:m".to_owned()], ..kept });
    }
}

#[test]
fn another_secret_opens_nothing_and_none_is_printed() {
    let House { bare, sealed, .. } = house("secret");
    let tenant = TenantId::new("one");
    block_on(sealed.put(&tenant, "key", &entry(b"value".to_vec()))).unwrap();
    let random = Arc::new(SeededRandom::new(7));
    let stranger = Sealed::new(bare.clone(), SealingKey::from_text("another"), random);
    assert_eq!(find(&stranger, &tenant, "key"), Found::Unreadable);
    assert_eq!(format!("{:?}", SealingKey::from_text("secret")), "[sealing key]");
}

#[test]
fn the_place_sees_no_text_and_less_bytes() {
    let House { bare, sealed, .. } = house("secret");
    let tenant = TenantId::new("one");
    let value = "the claim is supported by two sources; ".repeat(60).into_bytes();
    block_on(sealed.put(&tenant, "key", &entry(value.clone()))).unwrap();
    let kept = held(bare.as_ref(), &tenant, "key").value;
    assert!(kept.len() < value.len() / 5, "{} of {} bytes", kept.len(), value.len());
    assert!(!kept.windows(5).any(|bytes| bytes == b"claim"));
    let neighbour = Neighbour { key: "key".to_owned(), text: b"the claim".to_vec(), vector: vec![1, 2, 255] };
    block_on(sealed.add(&tenant, "space", &neighbour, 60_000)).unwrap();
    let read = |cache: &dyn Cache| {
        let since = Some(("space".to_owned(), Cursor::default()));
        let looked = block_on(cache.look_up(&tenant, &Lookup { since, ..Lookup::default() })).unwrap();
        looked.delta.unwrap().neighbours
    };
    assert_eq!(read(&sealed), [neighbour]);
    let bare_one = read(bare.as_ref()).remove(0);
    assert!(!bare_one.text.windows(5).any(|bytes| bytes == b"claim") && bare_one.vector.is_empty());
    // In another namespace, or under another key, it is nobody's.
    let moved = Neighbour { key: "other".to_owned(), ..bare_one };
    block_on(bare.add(&tenant, "space", &moved, 60_000)).unwrap();
    assert_eq!(read(&sealed).len(), 1);
}
