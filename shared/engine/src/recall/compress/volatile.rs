//! A request's own ids and time, which differ each time the same is asked, as markers.
//!
//! An id counts as the request's own only where a label says so (`request id`, `trace=`, ...): what is asked about an order
//! with an id is asked about that order. The time of the request stays where the text depends on the moment.

use super::WORDS;
use super::chunks::{Chunk, ends_line};

/// Replaces ids and times by markers.
pub(super) fn mark(chunks: &mut [Chunk<'_>]) {
    mark_ids(chunks);
    mark_times(chunks);
}

/// Each id gets the number of its first place, so that those that differ still do.
fn mark_ids(chunks: &mut [Chunk<'_>]) {
    let mut known = std::collections::HashMap::new();
    for place in 0..chunks.len() {
        if chunks[place].is_quote {
            continue;
        }
        let core = chunks[place].core.clone();
        let (label, id) = match core.split_once(['=', ':']) {
            Some((label, id)) => (label.to_lowercase(), id),
            None => (String::new(), core.as_ref()),
        };
        let is_labelled = if label.is_empty() { labelled(chunks, place) } else { names_owner(&label) };
        if !is_labelled || !is_id(id) {
            continue;
        }
        let next = known.len() + 1;
        let number = *known.entry(id.to_owned()).or_insert(next);
        chunks[place].core = format!("{}<id:{number}>", &core[..core.len() - id.len()]).into();
    }
}

/// Whether the words before say that this is an id of the request.
fn labelled(chunks: &[Chunk<'_>], place: usize) -> bool {
    let before = |steps: usize| {
        let chunk =
            place.checked_sub(steps).and_then(|place| chunks.get(place)).filter(|chunk| !chunk.is_quote);
        chunk.map(|chunk| chunk.core.to_lowercase()).unwrap_or_default()
    };
    if !chunks[place].lead.is_empty() || chunks[place].space.contains('\n') {
        return false;
    }
    names_owner(&before(1))
        || (matches!(before(1).as_str(), "id" | "uuid" | "ulid") && names_owner(&before(2)))
}

/// `request`, `request_id`, `x-request-id`, `requestid`.
fn names_owner(label: &str) -> bool {
    let label = label.strip_prefix("x-").unwrap_or(label);
    let owner = label.strip_suffix("id").unwrap_or(label).trim_end_matches(['-', '_']);
    WORDS.has("id_owners", owner)
}

/// A UUID, a ULID, or at least sixteen hexadecimal figures with letters among them.
fn is_id(text: &str) -> bool {
    let has_both =
        text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid =
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| is_hex(part));
    let is_ulid = text.len() == 26
        && text.starts_with(|first: char| ('0'..='7').contains(&first))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() && !b"ILOUilou".contains(&byte));
    is_uuid || (has_both && (is_ulid || (text.len() >= 16 && is_hex(text))))
}

fn mark_times(chunks: &mut [Chunk<'_>]) {
    let mut values = Vec::new();
    let mut labels = vec![false; chunks.len()];
    for place in 0..chunks.len() {
        if let Some((value, end)) = time_after_label(chunks, place) {
            labels[place..value].fill(true);
            values.push((value, end));
        }
    }
    let depends = chunks.iter().zip(&labels).any(|(chunk, is_label)| {
        !is_label
            && chunk
                .core
                .to_lowercase()
                .split(|letter: char| !letter.is_alphanumeric())
                .any(|word| WORDS.has("moments", word))
    });
    if depends {
        return;
    }
    for (value, end) in values {
        chunks[value].core = "<time>".into();
        for chunk in &mut chunks[value + 1..end] {
            (chunk.space, chunk.core, chunk.lead) = ("".into(), "".into(), "".into());
            if !chunk.trail.ends_with([']', ')']) {
                chunk.trail = "".into();
            }
        }
    }
}

/// Where the value begins and ends of a label at the beginning of a line or bracket that is followed by a time and
/// nothing else up to the end of that line or bracket.
fn time_after_label(chunks: &[Chunk<'_>], place: usize) -> Option<(usize, usize)> {
    let first = &chunks[place];
    let opens = place == 0 || first.space.contains('\n') || first.lead.ends_with(['(', '[']);
    if first.is_quote || !opens {
        return None;
    }
    let words = (1..=4).find(|words| {
        let Some(label) = chunks.get(place..place + words) else { return false };
        let names: Vec<String> = label.iter().map(|chunk| chunk.core.to_lowercase()).collect();
        label.iter().all(|chunk| !chunk.is_quote)
            && label[..words - 1].iter().all(|chunk| chunk.trail.is_empty())
            && label[words - 1].trail == ":"
            && WORDS.has("times", &names.join("_"))
    })?;
    let value = place + words;
    let mut end = value;
    while let Some(chunk) = chunks.get(end).filter(|chunk| !chunk.is_quote && is_time(&chunk.core)) {
        end += 1;
        if chunk.trail.ends_with([')', ']']) || ends_line(chunks, end - 1) {
            return Some((value, end));
        }
        if !chunk.trail.is_empty() {
            return None;
        }
    }
    None
}

/// `2026-11-28`, `10:30:05`, `2026-11-28T10:30:05.250Z`, `+01:00`, `UTC`, or seconds or milliseconds since 1970.
fn is_time(core: &str) -> bool {
    if matches!(core, "UTC" | "GMT") {
        return true;
    }
    let shaped = core.bytes().all(|byte| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte));
    let figures = core.bytes().filter(u8::is_ascii_digit).count();
    let is_epoch = figures == core.len() && matches!(core.len(), 10 | 13);
    is_epoch || (shaped && figures >= 4 && core.contains(['-', ':']))
}
