//! Each fault in models and prices, by a change that brings it.

use super::{fault, says, swap};

fn models_fault(from: &str, to: &str) -> String {
    fault(|texts| swap(&mut texts.models, from, to))
}

#[test]
fn an_unknown_field() {
    says(&models_fault("[tiers]", "[tiers]\nslow = []"), &["models.toml", "slow"]);
}

#[test]
fn a_price_without_date_or_source() {
    says(
        &models_fault("as_of = \"2026-11-22\"\n", ""),
        &["models.toml", "gpt-6.1-terra has no date", "YYYY-MM-DD"],
    );
    says(&models_fault("as_of = \"2026-11-22\"", "as_of = \"22 Nov\""), &["gpt-6.1-terra has no date"]);
    let source = "source = \"https://developers.openai.com/api/docs/pricing\"\n";
    says(&models_fault(source, ""), &["models.toml", "gpt-6.1-terra has no source"]);
    says(&models_fault(source, "source = \" \"\n"), &["gpt-6.1-terra has no source"]);
}

#[test]
fn a_negative_price() {
    for (field, name) in [
        ("input_nano_usd_per_million_tokens = ", "input price"),
        ("cached_input_nano_usd_per_million_tokens = ", "cached input price"),
        ("cache_write_nano_usd_per_million_tokens = ", "cache write price"),
        ("output_nano_usd_per_million_tokens = ", "output price"),
    ] {
        let message = models_fault(&format!("\n{field}"), &format!("\n{field}-"));
        says(&message, &["models.toml", "gpt-6.1-terra", "negative", name]);
    }
    says(&models_fault("= 2_000_000_000", "= -2"), &["gpt-6.1-terra", "negative input price"]);
    says(&models_fault("= 500_000_000", "= -5"), &["gpt-6.1-terra", "negative input price"]);
}

#[test]
fn names_without_a_row() {
    says(
        &models_fault("provider = \"openai\"", "provider = \"openly\""),
        &["gpt-6.1-terra", "provider `openly`"],
    );
    says(&models_fault("    \"gpt-6-luna\"", "    \"gpt-7\""), &["tier fast", "model `gpt-7`"]);
}

#[test]
fn rows_and_tiers_in_different_order() {
    let message =
        models_fault("\"gpt-6-luna\", \"claude-haiku-5-5\"", "\"claude-haiku-5-5\", \"gpt-6-luna\"");
    says(&message, &["tier fast", "`gpt-6-luna` after `claude-haiku-5-5`"]);
}

#[test]
fn a_name_used_twice() {
    says(
        &models_fault("id = \"gpt-6.1-sol\"", "id = \"gpt-6.1-terra\""),
        &["models.toml", "`gpt-6.1-terra` is used twice"],
    );
    says(
        &models_fault("name = \"googleapis\"", "name = \"openai\""),
        &["models.toml", "`openai` is used twice"],
    );
}

#[test]
fn values_out_of_range() {
    says(
        &models_fault("kind = \"openai_compatible\"", "kind = \"telepathy\""),
        &["openai", "`telepathy`", "anthropic"],
    );
    says(
        &models_fault("https://api.openai.com/v1", "https://api.example.com/v1"),
        &["openai", "label of the host"],
    );
    says(
        &models_fault("https://api.openai.com/v1", "http://api.openai.com/v1"),
        &["openai", "base_url", "https"],
    );
    says(
        &models_fault("max_output_tokens = 128_000", "max_output_tokens = 0"),
        &["gpt-6.1-terra", "max_output_tokens"],
    );
    says(
        &models_fault("retires = \"2027-02-26\"", "retires = \"soon\""),
        &["gpt-4o-mini-transcribe", "retires", "YYYY-MM-DD"],
    );
}

#[test]
fn an_unknown_price_is_no_price() {
    let mut texts = crate::Texts::embedded();
    let start = texts.models.find("[model.price]").unwrap();
    let end = texts.models[start..].find("\n\n").unwrap() + start;
    texts.models.replace_range(start..end, "");
    let catalogue = super::with_registered(|registered| crate::from_texts(&texts, Some(registered))).unwrap();
    assert_eq!(catalogue.model("gpt-6.1-terra").unwrap().price, None);
}
