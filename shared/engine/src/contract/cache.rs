//! What a cache must keep, and what it must never give.

use std::sync::Arc;

use super::{Verdict, done, ensure, same, samples};
use crate::model::TenantId;
use crate::ports::{
    Cache, Clock, Cursor, Delta, Entry, Flight, Found, Generation, Held, Lead, Looked, Lookup,
    NEIGHBOURS_AT_ONCE, Neighbour,
};

/// Tries everything the engine relies on. The cache must be empty; `clock` is the one it reads, and its `sleep` must
/// move it on.
pub async fn cache_contract(cache: &dyn Cache, clock: &dyn Clock) -> Verdict {
    let trial =
        Trial { cache, clock, owner: samples::tenant("owner"), stranger: samples::tenant("stranger") };
    trial.what_is_stored_is_found_by_its_tenant_and_key_only().await?;
    trial.entries_age_and_end().await?;
    trial.several_keys_are_looked_up_at_once().await?;
    trial.a_purge_makes_void_what_was_begun_before_it().await?;
    trial.one_asker_leads().await?;
    trial.who_leads_no_more_does_no_harm().await?;
    trial.a_namespace_is_read_as_it_grows().await?;
    trial.what_is_large_is_whole_or_not_there().await
}

struct Trial<'a> {
    cache: &'a dyn Cache,
    clock: &'a dyn Clock,
    owner: TenantId,
    stranger: TenantId,
}

fn entry(value: &[u8], generation: Generation) -> Entry {
    Entry {
        value: Arc::from(value),
        fresh_ms: 10_000,
        grace_ms: 5_000,
        tags: Vec::new(),
        generation,
        worth: 9,
    }
}

fn flight(holder: &str) -> Option<Flight> {
    Some(Flight { holder: holder.to_owned(), holds_ms: 3_000 })
}

impl Trial<'_> {
    async fn look(&self, tenant: &TenantId, keys: &[&str], flight: Option<Flight>) -> Verdict<Looked> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let count = keys.len();
        let looked = self.cache.look_up(tenant, &Lookup { keys, flight, since: None }).await;
        let looked = done(looked, "looking up")?;
        same(&looked.found.len(), &count, "answers of a look-up, one for each key")?;
        Ok(looked)
    }

    async fn find(&self, tenant: &TenantId, key: &str) -> Verdict<Found> {
        Ok(self.look(tenant, &[key], None).await?.found.remove(0))
    }

    async fn held(&self, key: &str, what: &str) -> Verdict<Held> {
        match self.find(&self.owner, key).await? {
            Found::Held(held) => Ok(held),
            other => Err(format!("{what}: got {other:?}")),
        }
    }

    async fn generation(&self) -> Verdict<Generation> {
        Ok(self.look(&self.owner, &[], None).await?.generation)
    }

    async fn put(&self, key: &str, entry: &Entry) -> Verdict {
        done(self.cache.put(&self.owner, key, entry).await, "storing")
    }

    async fn what_is_stored_is_found_by_its_tenant_and_key_only(&self) -> Verdict {
        let now = self.generation().await?;
        let every_byte: Vec<u8> = (0..=255).chain([0, 13, 10]).collect();
        let whole = Entry {
            tags: vec!["agent:a b".to_owned(), "content:\u{1f980}".to_owned(), String::new()],
            worth: u64::MAX >> 11,
            ..entry(&every_byte, now)
        };
        same(&self.find(&self.owner, "key").await?, &Found::Nothing, "an entry nobody stored")?;
        self.put("key", &whole).await?;
        same(&self.held("key", "a stored entry").await?.entry, &whole, "a stored entry")?;
        same(&self.find(&self.stranger, "key").await?, &Found::Nothing, "another tenant's entry")?;
        for key in ["KEY", "key ", "ke", "}key", "{key}"] {
            same(&self.find(&self.owner, key).await?, &Found::Nothing, "an entry under a similar key")?;
        }
        self.put("key", &entry(b"new", now)).await?;
        same(&self.held("key", "a replaced entry").await?.entry, &entry(b"new", now), "a replaced entry")?;
        self.put("empty", &entry(b"", now)).await?;
        same(&self.held("empty", "an empty entry").await?.entry, &entry(b"", now), "an empty entry")
    }

    async fn entries_age_and_end(&self) -> Verdict {
        let now = self.generation().await?;
        self.put("ages", &entry(b"1", now)).await?;
        self.clock.sleep(8_000).await;
        let held = self.held("ages", "a fresh entry").await?;
        ensure(held.is_fresh() && held.age_ms >= 8_000, || format!("an entry of eight seconds: {held:?}"))?;
        self.clock.sleep(3_000).await;
        let held = self.held("ages", "an entry past its freshness").await?;
        ensure(!held.is_fresh(), || format!("an entry of eleven seconds: {held:?}"))?;
        self.clock.sleep(4_000).await;
        same(&self.find(&self.owner, "ages").await?, &Found::Nothing, "an entry at its end")?;
        self.put("ages", &entry(b"2", now)).await?;
        same(
            &self.held("ages", "an entry stored after the end of another").await?.entry,
            &entry(b"2", now),
            "it",
        )?;
        self.put("late", &Entry { fresh_ms: 0, grace_ms: 0, ..entry(b"3", now) }).await?;
        same(&self.find(&self.owner, "late").await?, &Found::Nothing, "an entry stored at its end")
    }

    async fn several_keys_are_looked_up_at_once(&self) -> Verdict {
        let now = self.generation().await?;
        self.put("one", &entry(b"1", now)).await?;
        self.put("two", &entry(b"2", now)).await?;
        let looked = self.look(&self.owner, &["none", "two", "one"], flight("asker")).await?;
        let values: Vec<Option<Vec<u8>>> = looked
            .found
            .iter()
            .map(|found| match found {
                Found::Held(held) => Some(held.entry.value.to_vec()),
                _ => None,
            })
            .collect();
        same(&values, &vec![None, Some(b"2".to_vec()), Some(b"1".to_vec())], "three keys")?;
        same(&looked.lead, &None, "a flight where a fresh answer is there")
    }

    async fn a_purge_makes_void_what_was_begun_before_it(&self) -> Verdict {
        let before = self.generation().await?;
        let tagged = |value: &[u8], tags: &[&str], generation| Entry {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..entry(value, generation)
        };
        self.put("both", &tagged(b"1", &["x", "y"], before)).await?;
        self.put("other", &tagged(b"1", &["z"], before)).await?;
        self.put("bare", &tagged(b"1", &[], before)).await?;
        let elsewhere = done(self.cache.purge(&self.stranger, "z").await, "another tenant's purge")?;
        self.held("other", "an entry after another tenant's purge").await?;
        let purged = done(self.cache.purge(&self.owner, "y").await, "a purge")?;
        ensure(purged > before, || format!("a purge began {purged:?} after {before:?}, {elsewhere:?}"))?;
        let voided = Found::Void("y".to_owned());
        let is_gone = |found: &Found| *found == voided || *found == Found::Nothing;
        let found = self.find(&self.owner, "both").await?;
        ensure(is_gone(&found), || format!("a purged entry: {found:?}"))?;
        self.held("other", "an entry of another tag").await?;
        self.held("bare", "an entry of no tag").await?;
        self.put("other", &tagged(b"late", &["y"], before)).await?;
        let found = self.find(&self.owner, "other").await?;
        let is_late = |held: &Held| &*held.entry.value == b"late";
        ensure(!matches!(&found, Found::Held(held) if is_late(held)), || {
            "an answer that was begun before the purge was found after it".to_owned()
        })?;
        let after = self.generation().await?;
        ensure(after >= purged, || format!("{after:?} is told after a purge that began {purged:?}"))?;
        self.put("both", &tagged(b"2", &["x", "y"], after)).await?;
        let held = self.held("both", "an entry made after the purge").await?;
        same(&held.entry.value.to_vec(), &b"2".to_vec(), "an entry made after the purge")
    }

    async fn one_asker_leads(&self) -> Verdict {
        let first = self.look(&self.owner, &["made", "made too"], flight("first")).await?;
        same(&first.lead, &Some(Lead::Own), "the first asker")?;
        let second = self.look(&self.owner, &["made"], flight("second")).await?;
        ensure(matches!(second.lead, Some(Lead::Other { left_ms: 1..=3_000 })), || {
            format!("the second asker: {:?}", second.lead)
        })?;
        for (tenant, key) in [(&self.owner, "made too"), (&self.stranger, "made")] {
            let other = self.look(tenant, &[key], flight("second")).await?;
            same(&other.lead, &Some(Lead::Own), "the first asker of something else")?;
        }
        let bare = self.look(&self.owner, &["made"], None).await?;
        same(&bare.lead, &None, "a look-up without a flight")?;
        let now = first.generation;
        self.put("made", &entry(b"1", now)).await?;
        let second = self.look(&self.owner, &["made"], flight("second")).await?;
        same(&second.lead, &None, "the second asker, when the answer is there")?;
        // Past its freshness, one asker makes it anew.
        self.clock.sleep(11_000).await;
        let first = self.look(&self.owner, &["made"], flight("first")).await?;
        same(&first.lead, &Some(Lead::Own), "the first asker past the freshness")?;
        let second = self.look(&self.owner, &["made"], flight("second")).await?;
        ensure(matches!(second.lead, Some(Lead::Other { .. })), || "two make one answer anew".to_owned())?;
        ensure(matches!(second.found[..], [Found::Held(_)]), || {
            "an answer past its freshness is not there while it is made anew".to_owned()
        })
    }

    async fn who_leads_no_more_does_no_harm(&self) -> Verdict {
        let (one, two) = ("one", "two");
        let ask =
            async |holder| Ok::<_, String>(self.look(&self.owner, &["led"], flight(holder)).await?.lead);
        let go_on = async |holder: &str| {
            let flight = Flight { holder: holder.to_owned(), holds_ms: 3_000 };
            done(self.cache.lead(&self.owner, "led", &flight).await, "leading on")
        };
        let release =
            async |holder: &str| done(self.cache.release(&self.owner, "led", holder).await, "releasing");
        same(&ask(one).await?, &Some(Lead::Own), "a first asker")?;
        release(two).await?;
        ensure(matches!(ask(two).await?, Some(Lead::Other { .. })), || {
            "somebody else ended a flight".to_owned()
        })?;
        same(&ask(one).await?, &Some(Lead::Own), "who leads, asking again")?;
        self.clock.sleep(2_000).await;
        same(&go_on(two).await?, &false, "leading another's flight on")?;
        same(&go_on(one).await?, &true, "leading one's own flight on")?;
        self.clock.sleep(2_000).await;
        ensure(matches!(ask(two).await?, Some(Lead::Other { .. })), || {
            "a flight that was prolonged has ended".to_owned()
        })?;
        release(one).await?;
        same(&ask(two).await?, &Some(Lead::Own), "an asker after a release")?;
        // Whoever leads and is heard no more is replaced.
        self.clock.sleep(3_001).await;
        same(&ask(one).await?, &Some(Lead::Own), "an asker after the end of a flight")?;
        release(two).await?;
        same(&go_on(two).await?, &false, "leading on what another leads by now")?;
        ensure(matches!(ask(two).await?, Some(Lead::Other { .. })), || {
            "who led before ended a flight".to_owned()
        })
    }

    async fn since(&self, tenant: &TenantId, namespace: &str, cursor: Cursor) -> Verdict<Delta> {
        let since = Some((namespace.to_owned(), cursor));
        let looked = self.cache.look_up(tenant, &Lookup { since, ..Lookup::default() }).await;
        done(looked, "reading a namespace")?.delta.ok_or_else(|| "a namespace was not read".to_owned())
    }

    async fn a_namespace_is_read_as_it_grows(&self) -> Verdict {
        let neighbour = |number: usize| Neighbour {
            key: format!("key {number}"),
            text: format!("text {number}\0\u{1f980}").into_bytes(),
            vector: (0..=255).map(|at: u8| at.wrapping_add(number as u8)).collect(),
        };
        let add = async |number: usize, keep_ms| {
            let added = self.cache.add(&self.owner, "space", &neighbour(number), keep_ms).await;
            done(added, "adding a neighbour")
        };
        let empty = self.since(&self.owner, "space", Cursor::default()).await?;
        same(&empty.neighbours, &Vec::new(), "a namespace nobody added to")?;
        add(0, 60_000).await?;
        add(1, 1_000).await?;
        let two = self.since(&self.owner, "space", Cursor::default()).await?;
        same(&two.neighbours, &vec![neighbour(0), neighbour(1)], "two neighbours")?;
        ensure(two.is_whole && !two.has_more, || format!("two neighbours from the beginning: {two:?}"))?;
        for (tenant, namespace) in [(&self.owner, "spac"), (&self.stranger, "space")] {
            let other = self.since(tenant, namespace, Cursor::default()).await?;
            same(&other.neighbours, &Vec::new(), "another namespace")?;
        }
        let nothing = self.since(&self.owner, "space", two.cursor).await?;
        same(&(nothing.neighbours.len(), nothing.is_whole), &(0, false), "what was added since")?;
        self.clock.sleep(1_000).await;
        let one = self.since(&self.owner, "space", Cursor::default()).await?;
        same(&one.neighbours, &vec![neighbour(0)], "a neighbour whose time is over")?;
        let count = NEIGHBOURS_AT_ONCE + 9;
        for number in 2..2 + count {
            add(number, 60_000).await?;
        }
        let (mut cursor, mut read) = (two.cursor, Vec::new());
        loop {
            let delta = self.since(&self.owner, "space", cursor).await?;
            ensure(!delta.is_whole && delta.cursor > cursor, || {
                format!("{:?} after {cursor:?}", delta.cursor)
            })?;
            read.extend(delta.neighbours);
            cursor = delta.cursor;
            if !delta.has_more {
                break;
            }
        }
        let expected: Vec<Neighbour> = (2..2 + count).map(neighbour).collect();
        ensure(read == expected, || format!("{} of {count} neighbours came in parts", read.len()))?;
        let strange = Cursor { number: cursor.number + 1_000, ..cursor };
        let again = self.since(&self.owner, "space", strange).await?;
        ensure(again.is_whole && again.neighbours.first() == Some(&neighbour(0)), || {
            "whoever has read what is not there does not begin again".to_owned()
        })
    }

    async fn what_is_large_is_whole_or_not_there(&self) -> Verdict {
        let now = self.generation().await?;
        let large = entry(&[b'x'; 2_000_000], now);
        self.put("large", &large).await?;
        match self.find(&self.owner, "large").await? {
            Found::Nothing => Ok(()),
            Found::Held(held) => ensure(held.entry == large, || "a large entry is damaged".to_owned()),
            other @ (Found::Void(_) | Found::Unknown | Found::Unreadable) => {
                Err(format!("a large entry is {other:?}"))
            }
        }
    }
}
