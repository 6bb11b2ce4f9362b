//! Reading rows.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::Trouble;

/// The rows of a file of JSON lines; fields that are not asked for are passed over.
pub(super) fn lines<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Vec<T>, Trouble> {
    let text = text(folder, name)?;
    let text = text.trim_start_matches('\u{feff}');
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows: Result<Vec<T>, Trouble> = numbered
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| unreadable(&format!("{name}, line {}", at + 1), error))
        })
        .collect();
    match rows {
        Ok(rows) if rows.is_empty() => Err(Trouble::NotRun(format!("{name} has no rows"))),
        rows => rows,
    }
}

/// A whole file of JSON.
pub(super) fn json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, Trouble> {
    serde_json::from_str(&text(folder, name)?).map_err(|error| unreadable(name, error))
}

/// A file of text.
pub(super) fn text(folder: &Path, name: &str) -> Result<String, Trouble> {
    std::fs::read_to_string(folder.join(name)).map_err(|error| missing_or(name, error))
}

/// A page, as it is or packed with gzip.
pub(super) fn page(folder: &Path, id: &str) -> Result<Vec<u8>, Trouble> {
    let packed = format!("{id}.html.gz");
    let mut bytes = Vec::new();
    match std::fs::File::open(folder.join(&packed)) {
        Ok(file) => flate2::read::MultiGzDecoder::new(file)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&packed, error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let plain = format!("{id}.html");
            bytes = std::fs::read(folder.join(&plain)).map_err(|error| missing_or(&plain, error))?;
            bytes.len()
        }
        Err(error) => return Err(unreadable(&packed, error)),
    };
    Ok(bytes)
}

fn missing_or(name: &str, error: std::io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::NotFound => Trouble::NotRun(format!("{name} is not there")),
        _ => unreadable(name, error),
    }
}

fn unreadable(what: &str, error: impl std::fmt::Display) -> Trouble {
    Trouble::Unreadable(format!("{what} cannot be read: {error}"))
}
