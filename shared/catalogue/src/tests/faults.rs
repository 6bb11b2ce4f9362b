//! Each fault in agents, prompts and schemas, by a change that brings it.

use super::{fault, prompt, says, schema, swap, swap_in_row};

#[test]
fn an_unknown_field() {
    let message = fault(|texts| swap_in_row(texts, "community_liaison", "tools =", "colour = 1\ntools ="));
    says(&message, &["agents.toml", "colour", "remove the field"]);
}

#[test]
fn a_missing_field() {
    let message = fault(|texts| swap_in_row(texts, "community_liaison", "dispensable = true\n", ""));
    says(&message, &["agents.toml", "dispensable"]);
}

#[test]
fn an_id_or_number_used_twice() {
    let message = fault(|texts| {
        swap(&mut texts.agents, "id = \"persona_archivist\"", "id = \"risk_intelligence_analyst\"")
    });
    says(&message, &["agents.toml", "id `risk_intelligence_analyst` is used twice"]);
    let message = fault(|texts| swap(&mut texts.agents, "number = 7\n", "number = 6\n"));
    says(&message, &["agents.toml", "number `6` is used twice"]);
}

#[test]
fn words_outside_their_lists() {
    for (field, from, to, allowed) in [
        ("profile", "profile = \"light\"", "profile = \"heavy\"", "light, tools, semantic"),
        ("depth", "depth = \"deep\"", "depth = \"abyss\"", "quick, standard, deep"),
        ("tier", "tier = \"standard\"", "tier = \"best\"", "fast, standard, strong"),
        ("facts", "facts = [\"history\"]", "facts = [\"gossip\"]", "plan, source, content"),
        ("without_model", "without_model = \"partial\"", "without_model = \"magic\"", "full, partial"),
        ("cache.levels", "levels = [\"l1\", \"l2\"]", "levels = [\"l9\"]", "l1, l2, l3"),
        ("temperature", "temperature = 0.0", "temperature = 9.0", "0.0 to 2.0"),
        ("limits", "turns = 2", "turns = 1", "at least 2 turns"),
        ("answer", "answer = [\"dossiers\"]", "answer = []", "at least one"),
    ] {
        let message = fault(|texts| swap_in_row(texts, "persona_archivist", from, to));
        says(&message, &["agents.toml", "persona_archivist", field, allowed]);
    }
    let message =
        fault(|texts| swap(&mut texts.agents, "effects = [\"remember\"]", "effects = [\"forget\"]"));
    says(&message, &["knowledge_integrator", "effects", "`forget`", "remember"]);
}

#[test]
fn an_unknown_agent() {
    for field in ["needs", "uses"] {
        let from = format!("{field} = [");
        let message =
            fault(|texts| swap_in_row(texts, "persona_archivist", &from, &format!("{from}\"nobody\", ")));
        says(&message, &["persona_archivist", "`nobody`", field, "add its row"]);
    }
    let message =
        fault(|texts| swap(&mut texts.agents, "over = \"analysis_cartographer\"", "over = \"nobody\""));
    says(&message, &["verification_director", "`nobody`", "fan_out"]);
}

#[test]
fn a_ring() {
    let message = fault(|texts| {
        swap_in_row(texts, "transcription_engineer", "uses = []", "uses = [\"risk_intelligence_analyst\"]")
    });
    says(&message, &["agents.toml", "transcription_engineer -> ", "wait for each other"]);
    let message = fault(|texts| {
        swap_in_row(texts, "mission_orchestrator", "uses = []", "uses = [\"mission_orchestrator\"]")
    });
    says(&message, &["mission_orchestrator -> mission_orchestrator"]);
}

#[test]
fn a_need_that_its_depth_leaves_out() {
    let message = fault(|texts| {
        swap_in_row(texts, "risk_intelligence_analyst", "needs = [", "needs = [\"deep_content_analyst\", ")
    });
    says(&message, &["risk_intelligence_analyst", "standard", "deep_content_analyst", "raise the depth"]);
}

#[test]
fn names_that_are_not_registered() {
    let message =
        fault(|texts| swap(&mut texts.agents, "tools = [\"search_memory\"]", "tools = [\"search_web\"]"));
    says(&message, &["verification_director", "tool `search_web`", "search_memory, search_transcript"]);
    let message =
        fault(|texts| swap(&mut texts.agents, "analyser = \"persona_archivist\"", "analyser = \"guesser\""));
    says(&message, &["persona_archivist", "analyser `guesser`", "known are"]);
}

#[test]
fn a_text_without_a_row_or_a_row_without_a_text() {
    let message = fault(|texts| drop(texts.prompts.remove("persona_archivist")));
    says(&message, &["prompts/persona_archivist.md", "no prompt"]);
    let message = fault(|texts| drop(texts.schemas.remove("persona_archivist")));
    says(&message, &["schemas/persona_archivist.json", "no schema"]);
    let message = fault(|texts| drop(texts.prompts.insert("stray".into(), String::new())));
    says(&message, &["prompts/stray.md", "no row"]);
}

#[test]
fn a_schema_that_does_not_compile() {
    let message = fault(|texts| {
        swap(schema(texts, "persona_archivist"), "\"type\": \"object\"", "\"type\": \"objekt\"")
    });
    says(&message, &["schemas/persona_archivist.json", "does not compile"]);
    let message = fault(|texts| schema(texts, "persona_archivist").push('}'));
    says(&message, &["schemas/persona_archivist.json", "does not compile"]);
    let message = fault(|texts| *schema(texts, "persona_archivist") = "{\"type\": \"array\"}".to_owned());
    says(&message, &["schemas/persona_archivist.json", "not of type object"]);
}

#[test]
fn a_schema_that_is_not_strict() {
    let message = fault(|texts| {
        swap(
            schema(texts, "persona_archivist"),
            "\"additionalProperties\": false",
            "\"additionalProperties\": true",
        );
    });
    says(&message, &["schemas/persona_archivist.json", "not strict", "additionalProperties"]);
    let message = fault(|texts| {
        swap(schema(texts, "mission_orchestrator"), "\"required\": [\"agent\", ", "\"required\": [")
    });
    says(&message, &["schemas/mission_orchestrator.json", "not strict at `/properties/agents/items`"]);
}

#[test]
fn a_field_the_schema_does_not_have() {
    let message = fault(|texts| swap(&mut texts.agents, "answer = [\"dossiers\"]", "answer = [\"dossier\"]"));
    says(&message, &["persona_archivist", "`dossier` in answer", "schemas/persona_archivist.json"]);
    let message =
        fault(|texts| swap(&mut texts.agents, "same_answer = [\"verdict\"]", "same_answer = [\"truth\"]"));
    says(&message, &["verification_director", "`truth` in same_answer"]);
    let message =
        fault(|texts| swap(&mut texts.agents, "semantic_text = \"claim\"", "semantic_text = \"words\""));
    says(&message, &["verification_director", "`words` in cache.semantic_text"]);
    let message = fault(|texts| swap(&mut texts.agents, "field = \"claims\"", "field = \"assertions\""));
    says(&message, &["verification_director", "assertions[].id", "schemas/analysis_cartographer.json"]);
}

#[test]
fn a_field_nobody_fills() {
    let message = fault(|texts| swap(&mut texts.agents, "analyser = \"persona_archivist\"\n", ""));
    says(&message, &["persona_archivist has no analyser", "`people`"]);
}

#[test]
fn a_quote_of_what_is_shown_shortened() {
    let message = fault(|texts| {
        swap(
            &mut texts.agents,
            "same_answer = [\"verdict\"]\n",
            "shortened = true\nsame_answer = [\"verdict\"]\n",
        )
    });
    says(
        &message,
        &["verification_director is shown its sources shortened", "schemas/verification_director.json"],
    );
    let message = fault(|texts| {
        swap_in_row(texts, "research_synthesist", "temperature", "shortened = true\ntemperature");
    });
    says(&message, &["research_synthesist is shown its sources shortened", "words that are verbatim"]);
}

#[test]
fn recall_by_meaning_without_its_rules() {
    let message = fault(|texts| swap(&mut texts.agents, "same_answer = [\"verdict\"]\n", ""));
    says(&message, &["verification_director", "l3 without same_answer"]);
    let message = fault(|texts| swap(&mut texts.agents, ", semantic_text = \"claim\"", ""));
    says(&message, &["verification_director", "l3 without cache.semantic_text"]);
}

#[test]
fn a_fan_out_over_what_need_not_succeed() {
    let message = fault(|texts| {
        swap(&mut texts.agents, "over = \"analysis_cartographer\"", "over = \"transcription_engineer\"")
    });
    says(&message, &["verification_director", "fan_out.over", "one of its needs"]);
}

#[test]
fn a_prompt_without_its_two_parts() {
    let message = fault(|texts| swap(prompt(texts, "persona_archivist"), "=== user ===", "==="));
    says(&message, &["prompts/persona_archivist.md", "=== user ==="]);
    let message = fault(|texts| prompt(texts, "persona_archivist").push_str("\n=== user ===\n"));
    says(&message, &["prompts/persona_archivist.md", "exactly one line"]);
}

#[test]
fn a_variable_nobody_supplies() {
    let message = fault(|texts| prompt(texts, "persona_archivist").push_str("{{fact.weather}}"));
    says(&message, &["prompts/persona_archivist.md", "`fact.weather`", "supplied are"]);
    let message = fault(|texts| prompt(texts, "argument_strategist").push_str("{{baseline}}"));
    says(&message, &["prompts/argument_strategist.md", "`baseline`"]);
    let message = fault(|texts| prompt(texts, "argument_strategist").push_str("{{item}}"));
    says(&message, &["prompts/argument_strategist.md", "`item`"]);
}

#[test]
fn a_shown_field_that_is_none() {
    let shows = |agent: &str, whole: &str, shown: &str| {
        let message = fault(|texts| {
            let text = prompt(texts, agent);
            let (before, after) = text.split_once(&format!("{{{{{whole}")).unwrap();
            let (_, after) = after.split_once("}}").unwrap();
            *text = format!("{before}{{{{{whole}: {shown}}}}}{after}");
        });
        says(&message, &[&format!("prompts/{agent}.md"), shown, whole, "no such fields"]);
    };
    shows("argument_strategist", "analysis_cartographer", "title, tittle");
    shows("argument_strategist", "analysis_cartographer", "claims(id, weather)");
    shows("argument_strategist", "analysis_cartographer", "title(id)");
    shows("argument_strategist", "analysis_cartographer", "title, (id)");
    shows("argument_strategist", "verification_director", "verdict");
    shows("persona_archivist", "baseline", "people(weather)");
    shows("verification_director", "item", "id, weather");
    shows("visual_intelligence_specialist", "fact.content", "text");
    shows("deep_content_analyst", "transcription_engineer", "segments, segments");
}

#[test]
fn an_input_the_prompt_misses_or_repeats() {
    const BASELINE: &str = "{{baseline: people(name, label, role, mentions, quotes, seen_before)}}";
    let message = fault(|texts| {
        swap(
            prompt(texts, "persona_archivist"),
            "{{risk_intelligence_analyst: by_speaker(label, claims, refuted, cues), verdicts, findings}}",
            "",
        )
    });
    says(&message, &["prompts/persona_archivist.md", "misses `risk_intelligence_analyst`", "not_in_prompt"]);
    let message = fault(|texts| swap(prompt(texts, "persona_archivist"), BASELINE, ""));
    says(&message, &["prompts/persona_archivist.md", "misses `baseline`"]);
    let message = fault(|texts| prompt(texts, "persona_archivist").push_str("{{baseline}}"));
    says(&message, &["prompts/persona_archivist.md", "`baseline` once"]);
    let message = fault(|texts| {
        swap(prompt(texts, "persona_archivist"), BASELINE, "");
        prompt(texts, "persona_archivist").insert_str(0, "{{baseline}}");
    });
    says(&message, &["prompts/persona_archivist.md", "user part only"]);
}

#[test]
fn an_exemption_for_nothing() {
    let message = fault(|texts| {
        swap(&mut texts.agents, "not_in_prompt = [\"fact.content\"]", "not_in_prompt = [\"fact.plan\"]")
    });
    says(&message, &["transcription_engineer", "`fact.plan`", "not_in_prompt"]);
}
