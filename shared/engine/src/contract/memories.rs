//! What a memory must keep.

use super::{Verdict, done, same, samples};
use crate::model::MemoryRecord;
use crate::ports::Memory;

/// Tries everything the engine relies on. The memory must be empty.
pub async fn memory_contract(memory: &dyn Memory) -> Verdict {
    let (owner, stranger) = (samples::tenant("owner"), samples::tenant("stranger"));
    let record = |after_ms: u64, text: &str| {
        samples::memory(&samples::run_id(after_ms), samples::START_MS + after_ms, text)
    };
    let recent = async |limit: usize| done(memory.recent(&owner, None, limit).await, "recalling");

    same(&recent(5).await?, &Vec::<MemoryRecord>::new(), "the memory of nothing")?;
    for after_ms in [2, 3, 1] {
        done(memory.remember(&owner, &record(after_ms, "first")).await, "remembering")?;
        done(memory.remember(&stranger, &record(after_ms, "other")).await, "remembering")?;
    }
    let newest_first = vec![record(3, "first"), record(2, "first"), record(1, "first")];
    same(&recent(5).await?, &newest_first, "all of the memory, newest first")?;
    same(&recent(2).await?, &newest_first[..2].to_vec(), "the two newest")?;
    same(&recent(0).await?, &Vec::new(), "none of it")?;
    let before = done(memory.recent(&owner, Some(&samples::run_id(3)), 5).await, "recalling")?;
    same(&before, &newest_first[1..].to_vec(), "what was there before a run")?;
    let before = done(memory.recent(&owner, Some(&samples::run_id(3)), 1).await, "recalling")?;
    same(&before, &newest_first[1..2].to_vec(), "the newest of what was there before a run")?;

    done(memory.remember(&owner, &record(2, "second")).await, "remembering the same run again")?;
    let replaced = vec![record(3, "first"), record(2, "second"), record(1, "first")];
    same(&recent(5).await?, &replaced, "a replaced record")?;

    for after_ms in 10..260 {
        done(memory.remember(&owner, &record(after_ms, "many")).await, "remembering")?;
    }
    let many = recent(300).await?;
    same(&many.len(), &253, "the size of a large memory")?;
    same(&many[0], &record(259, "many"), "the newest of many")
}
