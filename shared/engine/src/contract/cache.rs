//! What a cache must keep.

use serde_json::json;

use super::{Verdict, done, ensure, same, samples};
use crate::ports::{Cache, Clock};

/// Tries everything the engine relies on. The cache must be empty; `clock` is the one it reads, and its `sleep` must
/// move it on.
pub async fn cache_contract(cache: &dyn Cache, clock: &dyn Clock) -> Verdict {
    let (owner, stranger) = (samples::tenant("owner"), samples::tenant("stranger"));
    let get = async |key: &str| done(cache.get(&owner, key).await, "reading an entry");
    let entry = json!({"answer": ["\u{1f980}", 0.1, null], "n": u64::MAX});
    let expires_ms = clock.now_ms() + 10_000;

    same(&get("key").await?, &None, "an entry nobody stored")?;
    done(cache.put(&owner, "key", &entry, expires_ms).await, "storing")?;
    same(&get("key").await?, &Some(entry.clone()), "a stored entry")?;
    same(&done(cache.get(&stranger, "key").await, "reading")?, &None, "another tenant's entry")?;
    same(&get("KEY").await?, &None, "an entry under a similar key")?;
    done(cache.put(&owner, "key", &json!("new"), expires_ms).await, "storing again")?;
    same(&get("key").await?, &Some(json!("new")), "a replaced entry")?;

    clock.sleep(9_000).await;
    same(&get("key").await?, &Some(json!("new")), "an entry a second before its end")?;
    clock.sleep(1_000).await;
    same(&get("key").await?, &None, "an entry at its end")?;
    done(cache.put(&owner, "key", &entry, clock.now_ms() + 5).await, "storing after the end")?;
    same(&get("key").await?, &Some(entry.clone()), "an entry stored after the end of another")?;
    done(cache.put(&owner, "late", &entry, clock.now_ms()).await, "storing what has ended")?;
    same(&get("late").await?, &None, "an entry stored at its end")?;

    let large = json!("x".repeat(2_000_000));
    done(cache.put(&owner, "large", &large, clock.now_ms() + 5).await, "storing a large entry")?;
    let read = get("large").await?;
    ensure(read.is_none_or(|read| read == large), || "a large entry reads back damaged".to_owned())
}
