//! Earlier runs on other versions of the same content: a transcript of which some lines were edited since. Looked for once, when
//! the content is mapped: what a run repeats is the same for all of its steps.
//!
//! Only uploads are compared: the same talk under two links was seen in two places, and that is news.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::Value;

use crate::agent::{Effect, Fact};
use crate::error::{Error, Result};
use crate::gather;
use crate::model::{MemoryRecord, Run, RunId, RunKey, Sketch};
use crate::ports::{Key, Ports, Row};
use crate::start_run::{DEADLINE_GRACE_MS, SEEN_MS, is_recalling, load_run};
use crate::transact::{Decision, again, transact};

/// The content is compared with that of so many runs before this one.
const COMPARED: usize = 100;

/// Asks memory what a run that has begun will ask it: what its content is compared with, and what its steps are shown of earlier
/// runs, unless the comparison changes that. So a store that keeps what it has read has it at hand. Whatever fails here fails
/// nothing: whoever needs it asks again.
pub async fn remind(ports: &Ports, run: &RunKey) {
    let Ok(Some(run)) = load_run(ports, run).await else { return };
    if is_compared(ports, &run) {
        let _ = recent(ports, &run).await;
    }
    if has_memory(ports, &run) {
        let _ = gather::history(ports, &run).await;
    }
}

/// Whether the run's content is still to be compared.
fn is_compared(ports: &Ports, run: &Run) -> bool {
    run.source.link.is_none() && run.sketch.is_none() && has_memory(ports, run)
}

/// Whether steps of a run look at memory or leave some. Those of a quick run do not.
fn has_memory(ports: &Ports, run: &Run) -> bool {
    ports.catalogue.agents.iter().any(|agent| {
        agent.is_in(run.depth)
            && (agent.facts.contains(&Fact::History) || agent.effects.contains(&Effect::Remember))
    })
}

/// What the run's content is compared with.
async fn recent(ports: &Ports, run: &Run) -> Result<Vec<MemoryRecord>> {
    let recent = || ports.memory.recent(&run.key.tenant, Some(&run.key.run), COMPARED);
    again(ports, recent).await
}

/// Notes in a run's row what its content is told by, and which runs before it were on other versions, by the map's data. If one of
/// them was the first of the last day, this run repeats it. Doing it again changes nothing.
pub(crate) async fn compare(ports: &Ports, run: &Run, map: Option<&Value>) -> Result<()> {
    let sketch = map.and_then(|map| Sketch::deserialize(&map["sketch"]).ok());
    let Some(sketch) = sketch.filter(|_| is_compared(ports, run)) else {
        return Ok(());
    };
    let records = recent(ports, run).await?;
    let earlier = earlier_versions(&sketch, &records);
    let mut versions: BTreeSet<RunId> = earlier.iter().map(|record| record.run_id.clone()).collect();
    let first = first(ports, run, &earlier).await?;
    // What that one was shown is what this one is shown.
    let repeats = first.map(|first| {
        versions.extend(first.versions);
        first.repeats.unwrap_or(first.key.run)
    });
    let key = Key::Run(run.key.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        let is_open = |stored: &&Run| stored.sketch.is_none() && !stored.status.is_final();
        let Some(stored) = rows.run(&key).filter(is_open) else {
            return Ok(Decision::Leave(()));
        };
        let compared = Run {
            sketch: Some(sketch.clone()),
            versions: versions.iter().cloned().collect(),
            repeats: repeats.clone().or_else(|| stored.repeats.clone()),
            ..stored.clone()
        };
        let due_ms = Some(stored.deadline_ms + DEADLINE_GRACE_MS);
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Run(compared), due_ms)], ()))
    })
    .await
}

/// The run whose memory this one is shown: the first on the very same content, else one on another version that, or whose first
/// one, was within a day. Nobody's, if this one asks anew.
async fn first(ports: &Ports, run: &Run, earlier: &[&MemoryRecord]) -> Result<Option<Run>> {
    let load = async |id: &RunId| {
        let row = load_run(ports, &RunKey { tenant: run.key.tenant.clone(), run: id.clone() }).await?;
        Ok::<_, Error>(row.filter(|row| row.catalogue_version == run.catalogue_version))
    };
    if let Some(first) = &run.repeats {
        return load(first).await;
    }
    if !run.use_cache || !is_recalling(ports) {
        return Ok(None);
    }
    let is_lately = |created_ms: u64| created_ms.saturating_add(SEEN_MS) > run.created_ms;
    let mut lately: Vec<&&MemoryRecord> =
        earlier.iter().filter(|record| is_lately(record.created_ms)).collect();
    lately.sort_by_key(|record| (record.created_ms, &record.run_id));
    for record in lately {
        let Some(row) = load(&record.run_id).await? else { continue };
        let began_ms = match &row.repeats {
            None => Some(row.created_ms),
            Some(first) => load(first).await?.map(|first| first.created_ms),
        };
        if began_ms.is_some_and(is_lately) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The records of runs on versions of this content, and on versions of these: what was edited again and again is still the
/// same content.
fn earlier_versions<'a>(sketch: &Sketch, records: &'a [MemoryRecord]) -> Vec<&'a MemoryRecord> {
    let mut others: Vec<&MemoryRecord> = records.iter().collect();
    let mut found: Vec<&MemoryRecord> = Vec::new();
    let mut next = Some(sketch);
    let mut looked_at = 0;
    while let Some(version) = next {
        let is_version = |record: &&MemoryRecord| {
            record.sketch.as_ref().is_some_and(|sketch| sketch.is_version_of(version))
        };
        let (same, rest) = others.into_iter().partition(is_version);
        others = rest;
        found.extend::<Vec<_>>(same);
        next = found.get(looked_at).and_then(|record| record.sketch.as_ref());
        looked_at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::model::{ContentRef, TenantId};
    use crate::ports::Memory;
    use crate::scenarios::house::{House, request};

    /// A run on content that is told by runs of words from a number on.
    struct Told {
        at_hour: u64,
        from: u32,
        fresh: bool,
        link: bool,
    }

    /// What each run repeats, and which runs were on other versions of its content; runs by their number.
    fn check(runs: &[Told], expected: &[(Option<usize>, &[usize])]) {
        let mut house = House::new(None, Some(Vec::new()));
        house.with_row("reader", |row| row.facts.extend([Fact::History]));
        let mut keys: Vec<RunKey> = Vec::new();
        for (told, (repeats, versions)) in runs.iter().zip(expected) {
            let ports = house.ports.clone();
            let (at_ms, from, fresh, link) = (told.at_hour * 3_600_000, told.from, told.fresh, told.link);
            let first = keys.first().cloned();
            let run = house.block_on(async move {
                let since = match &first {
                    Some(first) => load_run(&ports, first).await.unwrap().unwrap().created_ms,
                    None => ports.clock.now_ms(),
                };
                ports.clock.sleep((since + at_ms).saturating_sub(ports.clock.now_ms())).await;
                let mut request = request(&ports, None).await;
                request.use_cache = !fresh;
                request.source.content = ContentRef::new(format!("{from} {link}"));
                request.source.link = link.then(|| format!("https://example.org/{from}"));
                let key = crate::start_run(&ports, &request).await.unwrap().0;
                let run = load_run(&ports, &key).await.unwrap().unwrap();
                let data = json!({"sketch": Sketch::of(Vec::new(), (from..from + 100).collect())});
                compare(&ports, &run, Some(&data)).await.unwrap();
                compare(&ports, &run, Some(&data)).await.unwrap();
                let run = load_run(&ports, &key).await.unwrap().unwrap();
                let record = MemoryRecord {
                    run_id: key.run.clone(),
                    created_ms: run.created_ms,
                    content: run.source.content.clone(),
                    sketch: run.sketch.clone(),
                    record: json!({}),
                };
                ports.memory.remember(&key.tenant, &record).await.unwrap();
                run
            });
            let number = |of: &RunId| keys.iter().position(|key| key.run == *of).unwrap();
            let mut found: Vec<usize> = run.versions.iter().map(number).collect();
            found.sort_unstable();
            assert_eq!(
                (run.repeats.as_ref().map(number), found),
                (*repeats, versions.to_vec()),
                "run {}",
                keys.len()
            );
            keys.push(run.key);
        }
    }

    #[test]
    fn a_run_without_memory_is_not_compared_and_a_version_that_ends_meanwhile_is_known_by_its_sketch() {
        let house = House::new(None, Some(Vec::new()));
        let ports = house.ports.clone();
        house.block_on(async move {
            let sketch = |from: u32| Sketch::of(Vec::new(), (from..from + 100).collect());
            let request = request(&ports, None).await;
            let key = crate::start_run(&ports, &request).await.unwrap().0;
            let run = load_run(&ports, &key).await.unwrap().unwrap();
            compare(&ports, &run, Some(&json!({"sketch": sketch(0)}))).await.unwrap();
            assert_eq!(load_run(&ports, &run.key).await.unwrap().unwrap().sketch, None);
            let run = Run { sketch: sketch(0), ..run };
            let record = |from: u32| MemoryRecord {
                run_id: RunId::new("another"),
                created_ms: run.created_ms,
                content: ContentRef::new("another"),
                sketch: sketch(from),
                record: json!({}),
            };
            assert_eq!([5, 60].map(|from| run.about().is_of(&record(from))), [true, false]);
        });
    }

    /// Memory that notes what it is asked.
    struct Noting {
        memory: Arc<dyn Memory>,
        asked: Mutex<BTreeSet<(TenantId, Option<RunId>, usize)>>,
    }

    #[async_trait]
    impl Memory for Noting {
        async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()> {
            self.memory.remember(tenant, record).await
        }

        async fn recent(
            &self,
            tenant: &TenantId,
            before: Option<&RunId>,
            limit: usize,
        ) -> Result<Vec<MemoryRecord>> {
            self.asked.lock().unwrap().insert((tenant.clone(), before.cloned(), limit));
            self.memory.recent(tenant, before, limit).await
        }
    }

    /// What a run, the first on its content or one that repeats it, is reminded of, and what it then asks memory for.
    fn reminded(with_memory: bool, link: bool, repeats: bool, questions: usize) {
        let mut house = House::new(None, Some(Vec::new()));
        if with_memory {
            house.with_row("reader", |row| row.facts.extend([Fact::History]));
        }
        let memory = Arc::new(Noting { memory: house.ports.memory.clone(), asked: Mutex::default() });
        let ports = Ports { memory: memory.clone(), ..house.ports.clone() };
        house.block_on(async move {
            let mut request = request(&ports, None).await;
            request.source.content = ContentRef::new("another");
            request.source.link = link.then(|| "https://example.org/1".to_owned());
            if repeats {
                crate::start_run(&ports, &request).await.unwrap();
                ports.clock.sleep(1).await;
            }
            let key = crate::start_run(&ports, &request).await.unwrap().0;
            remind(&ports, &key).await;
            let reminded = std::mem::take(&mut *memory.asked.lock().unwrap());
            assert_eq!(reminded.len(), questions);
            let run = load_run(&ports, &key).await.unwrap().unwrap();
            assert_eq!(run.repeats.is_some(), repeats);
            let data = json!({"sketch": Sketch::of(Vec::new(), (0..100).collect())});
            compare(&ports, &run, Some(&data)).await.unwrap();
            if with_memory {
                gather::history(&ports, &run).await.unwrap();
            }
            assert_eq!(*memory.asked.lock().unwrap(), reminded);
        });
    }

    #[test]
    fn a_run_is_reminded_of_what_it_is_compared_with_and_shown() {
        reminded(true, false, false, 2);
        reminded(true, false, true, 2);
        reminded(true, true, false, 1);
        reminded(false, false, false, 0);
    }

    fn told(at_hour: u64, from: u32) -> Told {
        Told { at_hour, from, fresh: false, link: false }
    }

    #[test]
    fn a_run_on_an_edited_version_repeats_the_first_one_for_a_day() {
        check(
            &[told(0, 0), told(1, 500), told(2, 5), told(20, 5), told(23, 3), told(30, 4), told(60, 1)],
            &[
                (None, &[]),
                (None, &[]),
                (Some(0), &[0]),
                (Some(0), &[0, 2]),
                (Some(0), &[0, 2, 3]),
                // That one is over a day ago, and so this is a first one itself.
                (None, &[0, 2, 3, 4]),
                (None, &[0, 2, 3, 4, 5]),
            ],
        );
    }

    #[test]
    fn whoever_asks_anew_is_shown_all_but_other_versions() {
        let anew = |told: Told| Told { fresh: true, ..told };
        check(
            &[told(0, 0), anew(told(1, 5)), told(2, 5), told(3, 4)],
            &[(None, &[]), (None, &[0]), (Some(1), &[0, 1]), (Some(0), &[0, 1, 2])],
        );
    }

    #[test]
    fn edited_again_and_again_is_the_same_and_a_link_is_a_place_of_its_own() {
        let link = |told: Told| Told { link: true, ..told };
        check(
            &[told(0, 0), told(1, 12), told(2, 24), told(3, 60), link(told(4, 24)), told(5, 24)],
            &[
                (None, &[]),
                (Some(0), &[0]),
                (Some(0), &[0, 1]),
                (None, &[]),
                (None, &[]),
                (Some(0), &[0, 1, 2]),
            ],
        );
    }
}
