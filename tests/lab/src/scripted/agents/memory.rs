//! Against what is remembered: edges, related runs, leads, background, trends and spread.

use serde_json::{Value, json};

use super::quoted;
use crate::scripted::evidence::{Evidence, Missing};
use crate::scripted::read::{field, list, number, shared_words, start_of, text, texts};

const DAY_MS: i64 = 86_400_000;

fn history(evidence: &Evidence) -> Result<&[Value], Missing> {
    Ok(evidence.need("fact.history")?.as_array().map_or(&[], Vec::as_slice))
}

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

/// Compares this content's topics with the titles and topics of earlier runs.
pub(super) fn signal_recon_specialist(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let matter: Vec<_> = list(map, "topics").iter().map(|topic| text(topic, "label")).collect();
    let matter = matter.join(" ");
    let runs = history(evidence)?;
    let closest = runs
        .iter()
        .map(|run| {
            let theirs: Vec<_> =
                list(run, "topics").iter().flat_map(|topic| texts(topic, "keywords")).collect();
            (shared_words(&matter, &format!("{} {}", text(run, "title"), theirs.join(" "))), run)
        })
        .filter(|(shared, _)| !shared.is_empty())
        .max_by_key(|(shared, _)| shared.len());
    let reading = match closest {
        Some((shared, run)) => {
            format!(
                "Of {} earlier runs \"{}\" is closest: it shares {}.",
                runs.len(),
                text(run, "title"),
                shared.join(", ")
            )
        }
        None => format!("None of {} earlier runs is about {}.", runs.len(), start_of(&matter, 80)),
    };
    Ok(json!({"reading": reading}))
}

/// Suggests the names of this content that no earlier run knows.
pub(super) fn trend_intelligence_scout(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let runs = history(evidence)?;
    let known = |name: &str| {
        runs.iter()
            .filter(|run| list(run, "entities").iter().any(|entity| text(entity, "name") == name))
            .count()
    };
    let topic = list(map, "topics").first().map_or("", |topic| text(topic, "label"));
    let fresh = list(map, "entities").iter().filter(|entity| known(text(entity, "name")) == 0);
    let suggestions = fresh.take(3).map(|entity| {
        let (name, mentions) = (text(entity, "name"), number(entity, "mentions"));
        json!({
            "query": format!("{name} {topic}"),
            "why": format!("{name} is named {mentions} times here and in none of {} earlier runs.", runs.len()),
            "segment": list(entity, "segments").first().cloned().unwrap_or_default(),
        })
    });
    Ok(json!({"suggestions": suggestions.collect::<Vec<_>>()}))
}

/// Gathers what is said about the main terms, here and earlier, and asks for the source of unsupported claims.
pub(super) fn research_synthesist(evidence: &Evidence) -> Result<Value, Missing> {
    let map = evidence.need("analysis_cartographer")?;
    let runs = history(evidence)?;
    let said = quoted(map);
    let names = list(map, "entities").iter().map(|entity| text(entity, "name"));
    let terms = names.chain(list(map, "key_phrases").iter().map(|phrase| text(phrase, "text")));
    let background = terms.filter_map(|term| {
        let about = |passage: &str| passage.to_lowercase().contains(&term.to_lowercase());
        let here = said.iter().filter(|sentence| about(sentence.text)).take(2);
        let here =
            here.map(|sentence| json!({"text": sentence.text, "segment": sentence.segment, "run_id": null}));
        let earlier = runs.iter().filter_map(|run| {
            let passage = texts(run, "summary").find(|passage| about(passage))?;
            Some(json!({"text": passage, "segment": null, "run_id": text(run, "run_id")}))
        });
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
    history(evidence)?;
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
