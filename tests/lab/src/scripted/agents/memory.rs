//! Against what is remembered: edges, related runs, leads, background, trends and spread.

use serde_json::{Value, json};

use super::quoted;
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{field, list, number, shared_words, start_of, text, texts};

const DAY_MS: i64 = 86_400_000;

/// Ties two names of the record where one sentence names both.
pub(super) fn knowledge_integrator(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    evidence.need("baseline")?;
    let entities: Vec<_> = list(map, "entities").iter().map(|entity| text(entity, "name")).collect();
    let mut edges = Vec::new();
    for sentence in quoted(map) {
        let named: Vec<_> = entities.iter().filter(|name| sentence.text.contains(**name)).collect();
        match (named.as_slice(), sentence.speaker) {
            ([one, other, ..], _) => edges.push(
                json!({"from": one, "relation": "is named with", "to": other, "segment": sentence.segment}),
            ),
            ([one], Some(speaker)) if speaker != **one => edges.push(
                json!({"from": speaker, "relation": "speaks of", "to": one, "segment": sentence.segment}),
            ),
            _ => {}
        }
    }
    edges.truncate(20);
    Ok(json!({"edges": edges}))
}

/// Tells of the closest of the runs that were found.
pub(super) fn signal_recon_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let related = list(evidence.need("baseline")?, "related");
    let matter: Vec<_> = list(map, "topics").iter().map(|topic| text(topic, "label")).collect();
    let reading = match related {
        [closest, ..] => {
            let shared: Vec<_> = texts(closest, "overlap").collect();
            let (title, runs) = (text(closest, "title"), related.len());
            format!("Of {runs} related runs \"{title}\" is closest: it shares {}.", shared.join(", "))
        }
        [] => format!("No earlier run is about {}.", start_of(&matter.join(" "), 80)),
    };
    Ok(json!({"reading": reading}))
}

/// Suggests the names of this content that no related run shares.
pub(super) fn trend_intelligence_scout(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let related = evidence.get("signal_recon_specialist").map_or(&[][..], |found| list(found, "related"));
    let is_known = |name: &str| related.iter().any(|run| texts(run, "overlap").any(|shared| shared == name));
    let topic = list(map, "topics").first().map_or("", |topic| text(topic, "label"));
    let fresh = list(map, "entities").iter().filter(|entity| !is_known(text(entity, "name")));
    let suggestions = fresh.take(3).map(|entity| {
        let (name, mentions) = (text(entity, "name"), number(entity, "mentions"));
        json!({
            "query": format!("{name} {topic}"),
            "why": format!("{name} is named {mentions} times here and in no related run."),
            "segment": list(entity, "segments").first().cloned().unwrap_or_default(),
        })
    });
    Ok(json!({"suggestions": suggestions.collect::<Vec<_>>()}))
}

/// Gathers what is said about the main terms, here and earlier, and asks for the source of unsupported claims.
pub(super) fn research_synthesist(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let gathered = list(evidence.need("baseline")?, "background");
    let said = quoted(map);
    let names = list(map, "entities").iter().map(|entity| text(entity, "name"));
    let terms = names.chain(list(map, "key_phrases").iter().map(|phrase| text(phrase, "text")));
    let background = terms.filter_map(|term| {
        let about = |passage: &str| passage.to_lowercase().contains(&term.to_lowercase());
        let here = said.iter().filter(|sentence| about(sentence.text)).take(2);
        let here =
            here.map(|sentence| json!({"text": sentence.text, "segment": sentence.segment, "run_id": null}));
        let found = gathered.iter().filter(|row| text(row, "term") == term);
        let earlier =
            found.flat_map(|row| list(row, "passages")).filter(|row| row["run_id"].is_string()).cloned();
        let passages: Vec<_> = here.chain(earlier.take(2)).collect();
        (!passages.is_empty()).then(|| json!({"term": term, "passages": passages}))
    });
    let open_questions = list(map, "claims").iter().take(3).map(|claim| {
        let question = format!("What is the source for \"{}\"?", start_of(text(claim, "text"), 140));
        json!({"question": question, "segment": text(claim, "segment")})
    });
    Ok(json!({
        "background": background.take(5).collect::<Vec<_>>(),
        "open_questions": open_questions.collect::<Vec<_>>(),
    }))
}

/// Reads the computed forecasts out, or says why there are none, topic by topic.
pub(super) fn trend_intelligence_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let baseline = evidence.need("baseline")?;
    let place = |label: &str| {
        let topic =
            list(map, "topics").iter().find(|topic| !shared_words(text(topic, "label"), label).is_empty());
        topic.map_or(Value::Null, |topic| field(topic, "first_segment"))
    };
    let forecasts = list(baseline, "forecasts").iter().map(|forecast| {
        let topic = text(forecast, "topic");
        let (low, high) = (field(forecast, "low"), field(forecast, "high"));
        let (days, sample) = (number(forecast, "horizon_days"), number(forecast, "sample"));
        let read =
            format!("{topic}: {low} to {high} mentions in {days} days, from {sample} days of history.");
        json!({"text": read, "segment": place(topic)})
    });
    let unknown = list(baseline, "unknown").iter().map(|unknown| {
        let topic = text(unknown, "topic");
        json!({"text": format!("{topic}: no forecast, {}.", text(unknown, "reason")), "segment": place(topic)})
    });
    Ok(json!({"outlook": forecasts.chain(unknown).take(6).collect::<Vec<_>>()}))
}

/// Says where a topic was first and last, and how far apart.
pub(super) fn cross_platform_intelligence_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let related = list(evidence.need("signal_recon_specialist")?, "related");
    let spread = evidence.get("baseline").map_or(&[][..], |baseline| list(baseline, "spread"));
    let widest = spread.iter().max_by_key(|spread| list(spread, "places").len());
    let reading = match (widest, related) {
        (Some(spread), _) => {
            let mut places: Vec<_> = list(spread, "places").iter().collect();
            places.sort_by_key(|place| number(place, "created_ms"));
            let name =
                |place: Option<&&Value>| place.map_or("", |place| text(place, "source_name")).to_owned();
            let days = (number(spread, "last_ms") - number(spread, "first_ms")) / DAY_MS;
            let (topic, first, last) = (text(spread, "topic"), name(places.first()), name(places.last()));
            json!(format!("{topic} was first seen in {first} and last in {last}, {days} days apart."))
        }
        (None, [one, ..]) => json!(format!("It was seen once before, in \"{}\".", text(one, "title"))),
        (None, []) => Value::Null,
    };
    Ok(json!({"reading": reading}))
}
