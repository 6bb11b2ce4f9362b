//! What must hold of the embedded catalogue beyond its validation.

use engine::agent::{Effect, Tier};
use engine::model::{Depth, NanoUsd};
use engine::schema::Schema;
use serde_json::{Value, json};

use super::embedded;
use crate::{Texts, pricing, providers, version};

#[test]
fn there_are_26_agents_in_order() {
    let catalogue = embedded();
    let numbers: Vec<u32> = catalogue.agents.iter().map(|agent| agent.number).collect();
    assert_eq!(numbers, (1..=26).collect::<Vec<_>>());
}

#[test]
fn answers_are_judged_as_by_their_own_schemas() {
    for agent in &embedded().agents {
        let schema = &agent.answer_schema().schema;
        let own = Schema::new(schema).unwrap();
        let names = schema["properties"].as_object().unwrap().keys();
        let wrong = [json!(1), json!("x"), json!([1]), json!([{}]), json!({"x": 1}), Value::Null];
        let fields = names.flat_map(|name| wrong.iter().map(move |value| json!({name: value})));
        for answer in fields.chain([json!({}), json!([]), json!({"x": 1})]) {
            let expected: Vec<String> = own.faults(&answer).iter().map(ToString::to_string).collect();
            assert_eq!(agent.answer_faults(&answer), expected, "{}: {answer}", agent.id);
        }
        assert!(!agent.answer_faults(&json!([])).is_empty(), "{}", agent.id);
    }
}

#[test]
fn the_steps_of_each_depth_fit_its_cap() {
    let catalogue = embedded();
    for depth in Depth::ALL {
        let most: NanoUsd = catalogue
            .agents
            .iter()
            .filter(|agent| agent.is_in(depth))
            .map(|agent| {
                let steps = if agent.fan_out.is_some() { depth.max_claims() } else { 1 };
                NanoUsd(agent.limits.cost.0 * i64::try_from(steps).unwrap())
            })
            .sum();
        assert!(
            most <= depth.cap(),
            "{}: all steps together may cost {most}, the cap is {}",
            depth.name(),
            depth.cap()
        );
    }
}

#[test]
fn a_run_without_a_mandatory_agent_has_no_briefing() {
    let catalogue = embedded();
    let mandatory: Vec<u32> =
        catalogue.agents.iter().filter(|agent| !agent.dispensable).map(|agent| agent.number).collect();
    assert_eq!(mandatory, [1, 2, 3, 4, 12]);
    assert!(
        catalogue.agents.iter().filter(|agent| !agent.dispensable).all(|agent| agent.depth == Depth::Quick)
    );
}

#[test]
fn only_the_integrator_remembers_and_only_the_map_is_compared() {
    let catalogue = embedded();
    let with = |effect: Effect| -> Vec<u32> {
        let agents = catalogue.agents.iter().filter(|agent| agent.effects.contains(&effect));
        agents.map(|agent| agent.number).collect()
    };
    assert_eq!((with(Effect::Remember), with(Effect::Compare)), (vec![8], vec![4]));
}

#[test]
fn agents_without_an_analyser_ask_for_everything_and_say_so() {
    for agent in &embedded().agents {
        assert_eq!(agent.analyser.is_none(), agent.without_model == "skipped", "{}", agent.id);
    }
}

#[test]
fn every_property_is_described() {
    fn undescribed(schema: &Value, place: &str) -> Option<String> {
        let properties = schema.get("properties").and_then(|value| value.as_object());
        for (name, property) in properties.into_iter().flatten() {
            if property.get("description").and_then(|text| text.as_str()).is_none_or(str::is_empty) {
                return Some(format!("{place}/{name}"));
            }
        }
        match schema {
            Value::Object(fields) => {
                fields.iter().find_map(|(name, value)| undescribed(value, &format!("{place}/{name}")))
            }
            Value::Array(values) => values.iter().find_map(|value| undescribed(value, place)),
            _ => None,
        }
    }
    for agent in &embedded().agents {
        assert_eq!(undescribed(&agent.schema, ""), None, "{}", agent.id);
    }
}

#[test]
fn what_a_model_is_asked_for_compiles() {
    for agent in &embedded().agents {
        assert_eq!(agent.compiled().err(), None, "{}", agent.id);
    }
}

#[test]
fn every_text_provider_serves_every_text_tier() {
    let catalogue = embedded();
    for provider in providers().unwrap() {
        for tier in [Tier::Fast, Tier::Standard, Tier::Strong] {
            let serves = |model: &engine::agent::ModelSpec| {
                model.provider == provider.name && model.tiers.contains(&tier)
            };
            assert!(catalogue.models.iter().any(|model| serves(model)), "{} {}", provider.name, tier.name());
        }
    }
}

#[test]
fn prices_are_known_dated_and_sourced() {
    let (catalogue, pricing) = (embedded(), pricing().unwrap());
    assert!(catalogue.models.len() >= 12);
    assert_eq!(pricing.rows.len(), catalogue.models.len());
    for (model, row) in catalogue.models.iter().zip(&pricing.rows) {
        assert!(model.price.is_some_and(|price| price.base.output > 0), "{}", model.id);
        assert!(
            model.price_source.starts_with(&row.as_of) && row.source.starts_with("https://"),
            "{}",
            model.id
        );
        assert!(
            row.retires.as_ref().is_none_or(|day| *day > row.as_of),
            "{} was withdrawn before its price was read",
            model.id
        );
        assert!(
            row.batch.is_none_or(|batch| batch.output <= model.price.unwrap().base.output),
            "{}",
            model.id
        );
    }
}

#[test]
fn a_price_is_exact_to_the_nano_dollar() {
    let catalogue = embedded();
    let price = catalogue.model("gpt-4o-mini").unwrap().price.unwrap();
    let usage = engine::model::Usage {
        input_tokens: 1_000,
        cached_tokens: 1_000,
        output_tokens: 10,
        ..Default::default()
    };
    assert_eq!(price.cost(&usage), NanoUsd(150_000 + 75_000 + 6_000));
}

#[test]
fn the_version_names_every_text() {
    let texts = Texts::embedded();
    assert_eq!(texts.version(), version());
    assert_eq!(version().len(), 16);
    let changes: [fn(&mut Texts); 4] = [
        |texts| texts.agents.push('\n'),
        |texts| texts.models.push('\n'),
        |texts| texts.prompts.values_mut().next_back().unwrap().push('\n'),
        |texts| texts.schemas.values_mut().next().unwrap().push('\n'),
    ];
    for change in changes {
        let mut changed = texts.clone();
        change(&mut changed);
        assert_ne!(changed.version(), texts.version());
    }
}

#[test]
fn prompt_versions_differ() {
    let catalogue = embedded();
    let versions: std::collections::BTreeSet<&str> =
        catalogue.agents.iter().map(|agent| agent.prompt_version.as_str()).collect();
    assert_eq!(versions.len(), 26);
}
