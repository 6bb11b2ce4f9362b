//! Keys are made, checked, rotated and revoked. A key reads `id.secret`; its row is found by the id, holds digests of its
//! live secrets only, and names the tenant.

use ulid::Ulid;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ApiKey, KeyId, Scope, SecretDigest, TenantId, TenantSettings};
use crate::ports::{Key, Ports, Range, Row};
use crate::routing;
use crate::start_run::new_ulid;
use crate::transact::{Decision, create, list_all, read, transact};

/// How many secrets of a key are live at most: the new one and the one it takes over from.
const LIVE_SECRETS: usize = 2;
const ID_PREFIX: &str = "ak_";
const DIGEST_CONTEXT: &str = "assay 2026 digest of an API key's secret";

/// Random bytes for a secret. They must come from a source made for secrets.
pub type Entropy = [u8; 32];

/// A key that was just made or rotated; its text is shown once and stored nowhere.
pub struct IssuedKey {
    /// Its row.
    pub key: ApiKey,
    /// `id.secret`.
    pub text: String,
}

/// Who asks, by a key that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data may be seen.
    pub tenant: TenantId,
    /// By which key.
    pub key: KeyId,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Kind `Forbidden` unless the key has that scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin) {
            return Ok(());
        }
        let what = format!("this key does not have the scope `{}`", scope.name());
        Err(Error::new(ErrorKind::Forbidden, what))
    }
}

/// Makes a key. Errors: `InvalidInput` without a scope, storage errors.
pub async fn create_key(
    ports: &Ports,
    tenant: &TenantId,
    scopes: &[Scope],
    expires_ms: Option<u64>,
    entropy: Entropy,
) -> Result<IssuedKey> {
    if scopes.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "a key needs at least one scope: run, read or admin",
        ));
    }
    let now = ports.clock.now_ms();
    let id = KeyId::new(format!("{ID_PREFIX}{}", new_ulid(ports, now)));
    let (secret, digest) = secret(entropy, now);
    let mut scopes = scopes.to_vec();
    scopes.sort();
    scopes.dedup();
    let row = ApiKey {
        id: id.clone(),
        tenant: tenant.clone(),
        scopes,
        secrets: vec![digest],
        created_ms: now,
        expires_ms,
        revoked_ms: None,
    };
    let key = Key::ApiKey(id.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        Ok(match rows.get(&key) {
            Some(_) => Decision::Leave(()),
            None => Decision::Write(vec![create(key.clone(), Row::ApiKey(row.clone()), None)], ()),
        })
    })
    .await?;
    Ok(IssuedKey { text: format!("{id}.{secret}"), key: row })
}

/// Checks a key as it was presented. Kind `Unauthorized`, in the same words whatever is wrong with it; nothing but the
/// key's own row is read, and that only for what has the form of a key.
pub async fn authenticate(ports: &Ports, presented: &str) -> Result<Caller> {
    let refused =
        || Error::new(ErrorKind::Unauthorized, "a valid key is needed: Authorization: Bearer ID.SECRET");
    let (id, secret) = presented.split_once('.').ok_or_else(refused)?;
    if !is_id(id) || secret.is_empty() || secret.len() > 128 {
        return Err(refused());
    }
    let row = read(ports, &[Key::ApiKey(KeyId::new(id))]).await?.pop().flatten();
    let Some(Row::ApiKey(key)) = row else { return Err(refused()) };
    let now = ports.clock.now_ms();
    let live = key.revoked_ms.is_none() && key.expires_ms.is_none_or(|expires_ms| now < expires_ms);
    // Every live secret is compared, each in constant time.
    let presented = digest(secret);
    let opens = key.secrets.iter().fold(false, |opens, stored| {
        opens | blake3::Hash::from_hex(&stored.digest).is_ok_and(|stored| stored == presented)
    });
    if !(live & opens) {
        return Err(refused());
    }
    Ok(Caller { tenant: key.tenant, key: key.id, scopes: key.scopes })
}

/// A tenant's keys, newest first.
pub async fn list_keys(ports: &Ports, tenant: &TenantId) -> Result<Vec<ApiKey>> {
    let rows = list_all(ports, &Range::ApiKeys(tenant.clone())).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(_, versioned)| match versioned.row {
            Row::ApiKey(key) => Some(key),
            _ => None,
        })
        .collect())
}

/// From now on the key opens nothing. Again is the same as once. Errors: `NotFound`.
pub async fn revoke_key(ports: &Ports, tenant: &TenantId, id: &KeyId) -> Result<ApiKey> {
    let now = ports.clock.now_ms();
    change(ports, tenant, id, |key| {
        key.revoked_ms.get_or_insert(now);
        Ok(())
    })
    .await
}

/// Gives the key a new secret; the one before it stays live until the next rotation, older ones do not. Errors: `NotFound`,
/// `InvalidInput` for a key that is revoked.
pub async fn rotate_key(ports: &Ports, tenant: &TenantId, id: &KeyId, entropy: Entropy) -> Result<IssuedKey> {
    let (secret, digest) = secret(entropy, ports.clock.now_ms());
    let key = change(ports, tenant, id, |key| {
        if key.revoked_ms.is_some() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the key {id} is revoked; make a new one"),
            ));
        }
        if key.secrets.first() != Some(&digest) {
            key.secrets.insert(0, digest.clone());
            key.secrets.truncate(LIVE_SECRETS);
        }
        Ok(())
    })
    .await?;
    Ok(IssuedKey { text: format!("{id}.{secret}"), key })
}

/// What a tenant may do. Nothing said is nothing limited.
pub async fn tenant_settings(ports: &Ports, tenant: &TenantId) -> Result<TenantSettings> {
    Ok(match read(ports, &[Key::Settings(tenant.clone())]).await?.pop().flatten() {
        Some(Row::Settings(settings)) => settings,
        _ => TenantSettings::default(),
    })
}

/// Says what a tenant may do, for runs accepted from now on. Errors: `InvalidInput` for models or tiers that there are none of.
pub async fn set_tenant_settings(ports: &Ports, tenant: &TenantId, settings: &TenantSettings) -> Result<()> {
    routing::check_policy(ports, &settings.models)?;
    let key = Key::Settings(tenant.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Settings(settings.clone()), None)], ()))
    })
    .await
}

async fn change(
    ports: &Ports,
    tenant: &TenantId,
    id: &KeyId,
    mut how: impl FnMut(&mut ApiKey) -> Result<()> + Send,
) -> Result<ApiKey> {
    let key = Key::ApiKey(id.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        let Some(Row::ApiKey(stored)) = rows.get(&key) else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no key {id}")));
        };
        if stored.tenant != *tenant {
            return Err(Error::new(ErrorKind::NotFound, format!("{tenant} has no key {id}")));
        }
        let mut changed = stored.clone();
        how(&mut changed)?;
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::ApiKey(changed.clone()), None)], changed))
    })
    .await
}

fn is_id(id: &str) -> bool {
    id.strip_prefix(ID_PREFIX).is_some_and(|ulid| ulid.len() == 26 && Ulid::from_string(ulid).is_ok())
}

/// The text of a secret, 256 bits in Crockford's base 32, and what is kept of it.
fn secret(entropy: Entropy, now_ms: u64) -> (String, SecretDigest) {
    let text: String = entropy
        .chunks_exact(16)
        .map(|half| half.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte)))
        .map(|bits| Ulid(bits).to_string())
        .collect();
    let digest = SecretDigest { digest: digest(&text).to_hex().to_string(), created_ms: now_ms };
    (text, digest)
}

fn digest(secret: &str) -> blake3::Hash {
    blake3::Hash::from_bytes(blake3::derive_key(DIGEST_CONTEXT, secret.as_bytes()))
}
