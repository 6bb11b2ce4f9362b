//! A cache whose place is not trusted: what is kept there is compressed, then sealed for its tenant and key, so that nobody who
//! reads the place learns an answer, and nobody who writes there puts one into another's hands.

use std::sync::Arc;

use async_trait::async_trait;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use crate::error::{Error, ErrorKind, Result};
use crate::model::TenantId;
use crate::ports::{Cache, Entry, Flight, Found, Generation, Looked, Lookup, Neighbour, Random};

/// What seals: 256 secret bits.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// From these bits.
    pub fn new(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// From any text that is secret and long enough to be. Nothing of the text can be told from the key.
    pub fn from_text(text: &str) -> Self {
        Self(blake3::derive_key("assay 2026 key that seals stored answers", text.as_bytes()))
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[sealing key]")
    }
}

/// A cache that sees sealed values only. Texts and vectors of neighbours are sealed too; keys, tags and times are not.
pub struct Sealed {
    cache: Arc<dyn Cache>,
    key: SealingKey,
    random: Arc<dyn Random>,
}

const NONCE_BYTES: usize = 12;
/// How the bytes were packed before they were sealed.
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// Less than this is not worth compressing.
const LEAST_COMPRESSED_BYTES: usize = 128;

impl Sealed {
    /// Seals all that goes into `cache`.
    pub fn new(cache: Arc<dyn Cache>, key: SealingKey, random: Arc<dyn Random>) -> Self {
        Self { cache, key, random }
    }

    /// Packs and seals. The seal holds for these names only, and under a key of its own: so nonces meet only among the values
    /// that were ever stored under the same names.
    fn seal(&self, names: &[&[u8]], bytes: &[u8]) -> Result<Vec<u8>> {
        let compressed = if bytes.len() < LEAST_COMPRESSED_BYTES {
            None
        } else {
            Some(lz4_flex::compress_prepend_size(bytes)).filter(|packed| packed.len() < bytes.len())
        };
        let form = if compressed.is_some() { COMPRESSED } else { PLAIN };
        let bound = Bound::of(form, names);
        let mut nonce = [0; NONCE_BYTES];
        let draws = [self.random.next_u64().to_le_bytes(), self.random.next_u64().to_le_bytes()].concat();
        nonce.copy_from_slice(&draws[..NONCE_BYTES]);
        let payload = Payload { msg: compressed.as_deref().unwrap_or(bytes), aad: &bound.bytes };
        let sealed = self
            .cipher(&bound)
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::new(ErrorKind::Internal, "an answer could not be sealed"))?;
        Ok([&[form], nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed under these names; `None` for anything else.
    fn open(&self, names: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        let (form, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let bound = Bound::of(*form, names);
        let payload = Payload { msg: sealed, aad: &bound.bytes };
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let packed = self.cipher(&bound).decrypt(&Nonce::from(nonce), payload).ok()?;
        match *form {
            PLAIN => Some(packed),
            COMPRESSED => lz4_flex::decompress_size_prepended(&packed).ok(),
            _ => None,
        }
    }

    fn cipher(&self, bound: &Bound) -> ChaCha20Poly1305 {
        let key = blake3::keyed_hash(&self.key.0, &bound.bytes[1..bound.key_ends]);
        ChaCha20Poly1305::new(key.as_bytes().into())
    }
}

/// What a seal holds for: the form, and names one after the other, each with its length, so that no two lists of them are alike.
struct Bound {
    bytes: Vec<u8>,
    /// Where the names end that make the key.
    key_ends: usize,
}

impl Bound {
    /// The first names make the key: what it is, the tenant, and where it is.
    const KEY_NAMES: usize = 3;

    fn of(form: u8, names: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(1 + names.iter().map(|name| 8 + name.len()).sum::<usize>());
        bytes.push(form);
        let mut key_ends = 1;
        for (number, name) in names.iter().enumerate() {
            bytes.extend((name.len() as u64).to_le_bytes());
            bytes.extend(*name);
            if number < Self::KEY_NAMES {
                key_ends = bytes.len();
            }
        }
        Self { bytes, key_ends }
    }
}

/// What the seal of an entry holds for: besides tenant and key, all that says whether the entry is void.
fn entry_names<'a>(
    tenant: &'a TenantId,
    key: &'a str,
    generation: &'a [u8],
    tags: &'a [String],
) -> Vec<&'a [u8]> {
    let mut names: Vec<&[u8]> = vec![b"entry", tenant.as_str().as_bytes(), key.as_bytes(), generation];
    names.extend(tags.iter().map(String::as_bytes));
    names
}

fn neighbour_names<'a>(tenant: &'a TenantId, namespace: &'a str, key: &'a str) -> [&'a [u8]; 4] {
    [b"neighbour", tenant.as_str().as_bytes(), namespace.as_bytes(), key.as_bytes()]
}

#[async_trait]
impl Cache for Sealed {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        let mut looked = self.cache.look_up(tenant, lookup).await?;
        for (key, found) in lookup.keys.iter().zip(&mut looked.found) {
            if let Found::Held(held) = found {
                let generation = held.entry.generation.0.to_le_bytes();
                let names = entry_names(tenant, key, &generation, &held.entry.tags);
                match self.open(&names, &held.entry.value) {
                    Some(value) => held.entry.value = Arc::from(value),
                    None => *found = Found::Unreadable,
                }
            }
        }
        if let (Some(delta), Some((namespace, _))) = (&mut looked.delta, &lookup.since) {
            delta.neighbours.retain_mut(|neighbour| {
                let names = neighbour_names(tenant, namespace, &neighbour.key);
                let opened = self.open(&names, &neighbour.text).and_then(|bytes| parted(&bytes));
                let is_readable = opened.is_some();
                if let Some((text, vector)) = opened {
                    (neighbour.text, neighbour.vector) = (text, vector);
                }
                is_readable
            });
        }
        Ok(looked)
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        let generation = entry.generation.0.to_le_bytes();
        let sealed = self.seal(&entry_names(tenant, key, &generation, &entry.tags), &entry.value)?;
        self.cache.put(tenant, key, &Entry { value: Arc::from(sealed), ..entry.clone() }).await
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        self.cache.lead(tenant, key, flight).await
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.cache.release(tenant, key, holder).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        self.cache.purge(tenant, tag).await
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        let Neighbour { key, text, vector } = neighbour;
        let bytes = [&(text.len() as u64).to_le_bytes()[..], text, vector].concat();
        let sealed = self.seal(&neighbour_names(tenant, namespace, key), &bytes)?;
        let neighbour = Neighbour { key: key.clone(), text: sealed, vector: Vec::new() };
        self.cache.add(tenant, namespace, &neighbour, keep_ms).await
    }
}

/// Text and vector of a neighbour, of which the first eight bytes say where one ends.
fn parted(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (text, vector) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((text.to_vec(), vector.to_vec()))
}

#[cfg(test)]
mod tests;
