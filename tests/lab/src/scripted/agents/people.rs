//! Who: dossiers, ties and guests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::quoted;
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{list, number, start_of, text, texts};

/// A dossier per person of whom the content itself shows words.
pub(super) fn persona_archivist(evidence: &Evidence) -> Result<Value, Missing> {
    let said = quoted(evidence.need("analysis_cartographer")?);
    let people = list(evidence.need("baseline")?, "people");
    let dossiers = people.iter().filter_map(|person| {
        let name = text(person, "name");
        let label = person.get("label").and_then(Value::as_str).unwrap_or(name);
        let own = list(person, "quotes").first().map(|quote| (text(quote, "segment"), text(quote, "text")));
        let spoken = said.iter().find(|sentence| sentence.speaker == Some(label));
        let about = said.iter().find(|sentence| sentence.text.contains(name));
        let (segment, words) =
            own.or_else(|| spoken.or(about).map(|sentence| (sentence.segment, sentence.text)))?;
        let before = list(person, "seen_before").len();
        let dossier = format!(
            "{} in this content with {} mentions, seen in {before} earlier runs: \"{}\"",
            text(person, "role"),
            number(person, "mentions"),
            start_of(words, 160)
        );
        Some(json!({"name": name, "text": dossier, "segment": segment}))
    });
    Ok(json!({"dossiers": dossiers.take(10).collect::<Vec<_>>()}))
}

/// Who speaks with whom, and who speaks of whom, each from a sentence.
pub(super) fn network_discovery_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    evidence.need("acquisition_specialist")?;
    let map = evidence.need("analysis_cartographer")?;
    let mut said = quoted(map);
    said.sort_by_key(|sentence| (sentence.start_ms, sentence.segment.len(), sentence.segment));
    let mut relations = BTreeMap::new();
    for pair in said.windows(2) {
        if let (Some(one), Some(other)) = (pair[0].speaker, pair[1].speaker)
            && one != other
        {
            let (a, b) = if one < other { (one, other) } else { (other, one) };
            relations.entry((a, b)).or_insert(("speaks with", pair[1].segment));
        }
    }
    for entity in list(map, "entities")
        .iter()
        .filter(|entity| matches!(text(entity, "kind"), "person" | "organisation"))
    {
        let segments: BTreeSet<_> = texts(entity, "segments").collect();
        let mention =
            said.iter().find(|sentence| segments.contains(sentence.segment) && sentence.speaker.is_some());
        if let Some((speaker, segment)) =
            mention.and_then(|sentence| Some((sentence.speaker?, sentence.segment)))
        {
            let name = text(entity, "name");
            if name != speaker {
                relations.entry((speaker, name)).or_insert(("speaks of", segment));
            }
        }
    }
    let relations: Vec<_> = relations
        .into_iter()
        .take(25)
        .map(
            |((a, b), (relation, segment))| json!({"a": a, "b": b, "relation": relation, "segment": segment}),
        )
        .collect();
    Ok(json!({"relations": relations}))
}

/// The best connected names that were there before, or that are at the centre now.
pub(super) fn guest_intelligence_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let network = evidence.need("network_discovery_specialist")?;
    let guests = list(evidence.need("baseline")?, "guests");
    let mut ties = BTreeMap::<&str, BTreeSet<&str>>::new();
    for edge in list(network, "edges").iter().chain(list(network, "relations")) {
        let (a, b) = (text(edge, "a"), text(edge, "b"));
        ties.entry(a).or_default().insert(b);
        ties.entry(b).or_default().insert(a);
    }
    let mut ranked: Vec<_> = ties.into_iter().collect();
    ranked.sort_by_key(|(name, others)| (std::cmp::Reverse(others.len()), *name));
    let watch = ranked.into_iter().take(3).map(|(name, others)| {
        let guest = guests.iter().find(|guest| text(guest, "name") == name);
        let runs = guest.map_or(0, |guest| list(guest, "seen_before").len());
        let others: Vec<_> = others.into_iter().take(5).collect();
        let why = format!("Tied to {} and in {runs} earlier runs.", others.join(", "));
        json!({"name": name, "why": why})
    });
    Ok(json!({"watch": watch.collect::<Vec<_>>()}))
}
