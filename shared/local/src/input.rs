//! What is to be analysed, read and checked before anything is stored.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::Source;

/// Something to analyse.
pub struct Input {
    /// Its name for people: a file's without its folder, or the link.
    pub name: String,
    /// Its media type, as far as its name tells.
    pub media_type: &'static str,
    /// Its bytes, checked; of a link its text.
    pub bytes: Vec<u8>,
    /// Where it is published, if that is known.
    pub link: Option<String>,
}

/// What is said about the inputs besides their names.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// Where a file is published.
    pub link: Option<&'a str>,
    /// Which episode of a feed.
    pub episode: Option<&'a str>,
}

/// Reads a file, standard input for `-`, or takes a link as it is; the step that acquires it fetches it.
///
/// Errors name the input and what would work; none is retryable.
pub fn read(config: &Config, argument: &str, about: About<'_>) -> Result<Input> {
    if is_link(argument) {
        return read_link(config, argument, about);
    }
    if about.episode.is_some() {
        return Err(refuse(argument, "--episode goes with the link of a feed"));
    }
    let link = about.link.map(|link| boot::check_link(config, link)).transpose()?;
    let (name, bytes) = if argument == "-" {
        let name = "standard input";
        let bytes = read_capped(name, &mut std::io::stdin().lock())?;
        boot::check_content(name, &bytes)?;
        (name.to_owned(), bytes)
    } else {
        let (name, bytes) = read_file(argument)?;
        // Told by all of its path: two inputs may have the same name.
        boot::check_content(argument, &bytes)?;
        (name, bytes)
    };
    Ok(Input { media_type: boot::media_type(&name), name, bytes, link })
}

fn is_link(argument: &str) -> bool {
    let scheme = argument.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        !scheme.is_empty() && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '+')
    })
}

/// A link. Which episode of a feed is said in its fragment, which is never sent.
fn read_link(config: &Config, argument: &str, about: About<'_>) -> Result<Input> {
    if about.link.is_some() {
        return Err(refuse(argument, "--link says where a file is published; this is a link itself"));
    }
    let mut link = boot::check_link(config, argument)?;
    if let Some(episode) = about.episode {
        link = boot::link_of_episode(&link, episode)?;
    }
    Ok(Input {
        name: link.clone(),
        media_type: Source::LINK,
        bytes: link.clone().into_bytes(),
        link: Some(link),
    })
}

fn refuse(argument: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{argument}: {what}"))
}

fn read_file(argument: &str) -> Result<(String, Vec<u8>)> {
    let path = Path::new(argument);
    let facts = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse(
            argument,
            "there is no such file; give a transcript (.txt .md .vtt .srt .json), a link with https:// or - for \
             standard input",
        ),
        _ => refuse(argument, &format!("cannot be read ({error})")),
    })?;
    if facts.is_dir() {
        return Err(refuse(argument, "is a folder; give the transcript files in it"));
    }
    if facts.is_file() && facts.len() > boot::LARGEST_INPUT_BYTES {
        // Refused before it is read.
        return Err(boot::too_large(argument));
    }
    let mut file =
        File::open(path).map_err(|error| refuse(argument, &format!("cannot be read ({error})")))?;
    let name =
        path.file_name().map_or_else(|| argument.to_owned(), |name| name.to_string_lossy().into_owned());
    Ok((name, read_capped(argument, &mut file)?))
}

/// Reads at most one byte more than is allowed, so that a pipe without end is refused too.
fn read_capped(name: &str, reader: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(boot::LARGEST_INPUT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("{name}: cannot be read ({error})")))?;
    Ok(bytes)
}
