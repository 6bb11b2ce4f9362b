//! Links somebody hands in, checked before anything is stored or fetched.

use engine::error::{Error, ErrorKind, Result};
use platforms::fetch::guard;

use crate::Config;

/// The link as it will be fetched: parsed, of a scheme, host and port that may be fetched from. `InvalidInput` if not,
/// with what would do.
pub fn check_link(config: &Config, link: &str) -> Result<String> {
    guard::check_allowing(link.trim(), &config.fetch_allow)
        .map(String::from)
        .map_err(|refusal| Error::new(ErrorKind::InvalidInput, format!("{link}: {refusal}")))
}

/// The link of one episode of a feed: which one stands in the fragment, which is never sent.
pub fn link_of_episode(link: &str, episode: &str) -> Result<String> {
    platforms::podcast::link_of_episode(link, episode)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("{link}: is not the link of a feed")))
}
