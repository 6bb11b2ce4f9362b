//! Stored answers: whether they are used, how many are kept, and what seals them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use engine::agent::{AgentSpec, CachePolicy, Catalogue};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Cache, Clock};
use engine::recall::compress::DroppableShare;
use engine::recall::vectors::Threshold;
use engine::recall::{Near, Sealed, SealingKey};

use crate::clock::{OsRandom, secret_bytes};

const KEY_FILE: &str = "cache.key";
/// Less is no secret.
const LEAST_KEY_CHARACTERS: usize = 32;
/// A provider's key of fewer characters is a placeholder or can be guessed: whoever sees sealed answers could try keys on them.
const LEAST_MODEL_KEY_CHARACTERS: usize = 24;
/// Answers that a process keeps of the last moments, at most.
const NEAR_MOST: usize = 512;

/// What the environment says of stored answers.
#[derive(Clone, Debug)]
pub struct RecallConfig {
    /// `ASSAY_CACHE`: `on` or `off`. Off, no answer is looked for and none is stored. Default `on`.
    pub is_on: bool,
    /// `CACHE_MAX_ENTRIES`: answers of a tenant that Redis or the table keeps, and of all tenants that a process keeps of the last moments,
    /// which are 512 at most. Default 10,000.
    pub most: usize,
    /// `CACHE_COMPRESSION_RATIO`: what compression may take of a text at most, a share from 0 to 1; a text that would lose more
    /// is compared as it is. Default 0.5.
    pub share: DroppableShare,
    /// `CACHE_SIMILARITY_THRESHOLD`: how alike two texts must be to be compared by meaning, as the cosine of their vectors, from
    /// 0.88 to 1. Default 0.92.
    pub threshold: Threshold,
    /// `ASSAY_CACHE_KEY`: a secret text of at least 32 characters, with which answers are sealed.
    pub key: Option<SealingKey>,
    /// A key made of `LLM_API_KEY`, for a deployment that has no other; `None` if that has fewer than 24 characters.
    pub key_of_model: Option<SealingKey>,
}

impl RecallConfig {
    pub(crate) fn from(get: &impl Fn(&str) -> Option<String>, most: usize) -> Result<Self> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::Configuration, what));
        let is_on = match get("ASSAY_CACHE").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return wrong("ASSAY_CACHE must be on or off"),
        };
        let key = get("ASSAY_CACHE_KEY");
        if key.as_ref().is_some_and(|key| key.chars().count() < LEAST_KEY_CHARACTERS) {
            return wrong("ASSAY_CACHE_KEY must be a secret of at least 32 characters");
        }
        let key_of_model = get("LLM_API_KEY").filter(|key| key.chars().count() >= LEAST_MODEL_KEY_CHARACTERS);
        let key_of_model = key_of_model.map(|key| SealingKey::from_text(&key));
        let share = match get("CACHE_COMPRESSION_RATIO") {
            Some(share) => DroppableShare::parse(&share)?,
            None => DroppableShare::default(),
        };
        let threshold = match get("CACHE_SIMILARITY_THRESHOLD") {
            Some(threshold) => Threshold::parse(&threshold)?,
            None => Threshold::default(),
        };
        Ok(Self {
            is_on,
            most,
            share,
            threshold,
            key: key.as_deref().map(SealingKey::from_text),
            key_of_model,
        })
    }

    /// The catalogue, whose agents recall as is configured, and nothing if that is off.
    pub fn applied_to(&self, mut catalogue: Catalogue) -> Catalogue {
        let configured = |agent: &Arc<AgentSpec>| {
            let cache = if self.is_on {
                let compressed = agent.cache.compressed.map(|_| self.share);
                CachePolicy { compressed, threshold: self.threshold, ..agent.cache.clone() }
            } else {
                CachePolicy { exact: false, compressed: None, semantic_text: None, ..agent.cache.clone() }
            };
            let shortens = agent.shortens.map(|_| self.share);
            Arc::new(AgentSpec { cache, shortens, ..AgentSpec::clone(agent) })
        };
        catalogue.agents = catalogue.agents.iter().map(configured).collect();
        catalogue
    }

    /// Stored answers in a place that sees them sealed only, with those of the last moments in front.
    pub fn over(&self, place: Arc<dyn Cache>, key: SealingKey, clock: Arc<dyn Clock>) -> Arc<dyn Cache> {
        let sealed = Arc::new(Sealed::new(place, key, Arc::new(OsRandom)));
        Arc::new(Near::new(sealed, clock, NEAR_MOST.min(self.most)))
    }

    /// The sealing key of a state folder: the configured one, or the one in its file, which is made if it is not there.
    pub(crate) fn key_in(&self, state: &Path) -> Result<SealingKey> {
        match &self.key {
            Some(key) => Ok(key.clone()),
            None => file_key(&state.join(KEY_FILE)),
        }
    }

    /// The sealing key of a deployment: the configured one, or one made of the model's, or one that no other process has; then
    /// no answer outlives its process, which is logged where a model is asked.
    pub fn key_of_deployment(&self, has_model: bool) -> Result<SealingKey> {
        if let Some(key) = self.key.as_ref().or(self.key_of_model.as_ref()) {
            return Ok(key.clone());
        }
        if has_model && self.is_on {
            tracing::warn!(
                "no stored answer is found by another process: the secret holds no ASSAY_CACHE_KEY, and LLM_API_KEY is not set or has \
                 fewer than {LEAST_MODEL_KEY_CHARACTERS} characters, too few to seal with; put a secret text of at least \
                 {LEAST_KEY_CHARACTERS} characters into the secret's field ASSAY_CACHE_KEY"
            );
        }
        secret_bytes().map(SealingKey::new)
    }
}

fn file_key(path: &Path) -> Result<SealingKey> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Storage, "the key that seals stored answers cannot be kept").because(error)
    };
    match std::fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(bits) => return Ok(SealingKey::new(bits)),
            Err(_) => {
                tracing::warn!("the key that sealed stored answers is damaged; they are not used any more");
                std::fs::remove_file(path).map_err(failed)?;
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let bits = secret_bytes()?;
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(failed)?;
    file.write_all(&bits).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(SealingKey::new(bits))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn config(set: &[(&str, &str)]) -> Result<RecallConfig> {
        let get =
            |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        RecallConfig::from(&get, 10)
    }

    #[test]
    fn a_folder_keeps_its_key_and_shows_it_to_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let none = config(&[]).unwrap();
        let first = none.key_in(folder.path()).unwrap();
        assert_eq!(none.key_in(folder.path()).unwrap(), first);
        let file = folder.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        assert_ne!(none.key_in(folder.path()).unwrap(), first);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_deployment_has_the_configured_key_or_the_models_or_its_own() {
        let secret = "a secret of at least thirty-two characters";
        let key = |set: &[(&str, &str)]| config(set).unwrap().key_of_deployment(true).unwrap();
        let (one, other) =
            (("LLM_API_KEY", "sk-of-24-characters-and-1"), ("LLM_API_KEY", "sk-of-24-characters-and-2"));
        let of_model = key(&[one]);
        assert_eq!(of_model, key(&[one]));
        assert_eq!(key(&[("ASSAY_CACHE_KEY", secret)]), key(&[("ASSAY_CACHE_KEY", secret), one]));
        assert_ne!(of_model, key(&[other]));
        assert_ne!(key(&[]), key(&[]));
        // Nobody who can guess the model's key can open answers.
        let short = [("LLM_API_KEY", "sk-guessed")];
        assert!(config(&short).unwrap().key_of_model.is_none());
        assert_ne!(key(&short), key(&short));
        assert_eq!(key(&[short[0], ("ASSAY_CACHE_KEY", secret)]), key(&[("ASSAY_CACHE_KEY", secret)]));
        for (name, value) in [("ASSAY_CACHE_KEY", "short"), ("ASSAY_CACHE", "no")] {
            assert!(config(&[(name, value)]).unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn off_no_agent_recalls_anything() {
        let catalogue = crate::load_catalogue().unwrap();
        assert!(catalogue.agents.iter().any(|agent| agent.cache.exact));
        let off = config(&[("ASSAY_CACHE", "off")]).unwrap().applied_to(catalogue.clone());
        let is_off =
            |cache: &CachePolicy| !cache.exact && cache.compressed.is_none() && cache.semantic_text.is_none();
        assert!(off.agents.iter().all(|agent| is_off(&agent.cache)));
        let quarter = config(&[("CACHE_COMPRESSION_RATIO", "0.25")]).unwrap();
        let agents = quarter.applied_to(catalogue).agents;
        // A row whose prompt is shortened has no use for compressed keys.
        let shares: Vec<_> =
            agents.iter().filter_map(|agent| agent.cache.compressed.xor(agent.shortens)).collect();
        assert!(shares.len() > 20 && shares.iter().all(|share| *share == quarter.share));
        assert_ne!(quarter.share, DroppableShare::default());
        assert!(config(&[("CACHE_COMPRESSION_RATIO", "2")]).is_err());
        let near = config(&[("CACHE_SIMILARITY_THRESHOLD", "0.95")]).unwrap();
        let agents = near.applied_to(crate::load_catalogue().unwrap()).agents;
        assert!(agents.iter().all(|agent| agent.cache.threshold == near.threshold));
        assert_ne!(near.threshold, Threshold::default());
        assert!(config(&[("CACHE_SIMILARITY_THRESHOLD", "0.87")]).is_err());
    }
}
