//! What is to be analysed, read and checked before anything is stored.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use engine::error::{Error, ErrorKind, Result};

/// Something to analyse.
pub struct Input {
    /// Its name, without its folder.
    pub name: String,
    /// Its bytes, checked.
    pub bytes: Vec<u8>,
}

/// Reads a file, or standard input for `-`.
///
/// Errors name the file and what would work; none is retryable.
pub fn read(argument: &str) -> Result<Input> {
    let (name, bytes) = if argument == "-" {
        ("standard input".to_owned(), read_capped("standard input", &mut std::io::stdin().lock())?)
    } else {
        read_file(argument)?
    };
    boot::check_content(&name, &bytes)?;
    Ok(Input { name, bytes })
}

fn read_file(argument: &str) -> Result<(String, Vec<u8>)> {
    let refuse = |what: String| Error::new(ErrorKind::InvalidInput, format!("{argument}: {what}"));
    if argument.starts_with("http://") || argument.starts_with("https://") {
        return Err(refuse(
            "links cannot be fetched yet; download the transcript and hand in the file".to_owned(),
        ));
    }
    let path = Path::new(argument);
    let facts = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse(
            "there is no such file; give a transcript (.txt .md .vtt .srt .json) or - for standard input"
                .to_owned(),
        ),
        _ => refuse(format!("cannot be read ({error})")),
    })?;
    if facts.is_dir() {
        return Err(refuse("is a folder; give the transcript files in it".to_owned()));
    }
    if facts.is_file() && facts.len() > boot::LARGEST_INPUT_BYTES {
        // Refused before it is read.
        let megabytes = 1024 * 1024;
        let what = format!(
            "{} MB is more than the {} MB one input may have; split it",
            facts.len() / megabytes,
            boot::LARGEST_INPUT_BYTES / megabytes
        );
        return Err(refuse(what));
    }
    let mut file = File::open(path).map_err(|error| refuse(format!("cannot be read ({error})")))?;
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
