//! Content handed in before the run that is about it: a place is asked for, the bytes are put there, a run names it.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{TenantId, Upload};
use crate::ports::{Key, Ports, Row};
use crate::start_run::new_ulid;
use crate::transact::{Decision, create, read, transact};

/// How long a place is kept.
const KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// Makes a place for content of that name. Returns its id.
pub async fn open_upload(ports: &Ports, tenant: &TenantId, name: &str) -> Result<(String, Upload)> {
    let now = ports.clock.now_ms();
    let id = new_ulid(ports, now);
    let upload = Upload { name: name.to_owned(), expires_ms: now + KEPT_MS, bytes: 0, content: None };
    let key = Key::Upload(tenant.clone(), id.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        Ok(match rows.get(&key) {
            Some(_) => Decision::Leave(()),
            None => Decision::Write(vec![create(key.clone(), Row::Upload(upload.clone()), None)], ()),
        })
    })
    .await?;
    Ok((id, upload))
}

/// Puts the bytes there; what was there before is replaced. Errors: `NotFound`, storage errors.
pub async fn fill_upload(ports: &Ports, tenant: &TenantId, id: &str, bytes: &[u8]) -> Result<Upload> {
    load_upload(ports, tenant, id).await?;
    let content = ports.content.put(tenant, bytes).await?;
    let key = Key::Upload(tenant.clone(), id.to_owned());
    transact(ports, std::slice::from_ref(&key), |rows| {
        let Some(Row::Upload(upload)) = rows.get(&key) else { return Err(absent(id)) };
        let filled = Upload { bytes: bytes.len() as u64, content: Some(content.clone()), ..upload.clone() };
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Upload(filled.clone()), None)], filled))
    })
    .await
}

/// The place as it is now. Errors: `NotFound`, also when it is too old.
pub async fn load_upload(ports: &Ports, tenant: &TenantId, id: &str) -> Result<Upload> {
    let now = ports.clock.now_ms();
    match read(ports, &[Key::Upload(tenant.clone(), id.to_owned())]).await?.pop().flatten() {
        Some(Row::Upload(upload)) if now < upload.expires_ms => Ok(upload),
        _ => Err(absent(id)),
    }
}

fn absent(id: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no upload {id}"))
}
