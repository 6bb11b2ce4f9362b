//! What the text says about pictures: images it links, words that point at something shown.

use engine::model::{Reason, ReasonCode};
use engine::step_input::{Analysis, StepInput};
use serde_json::{Value, json};

use crate::visual;

/// Skipped where the text points at nothing: there is nothing to see.
pub fn baseline(input: &StepInput) -> Analysis {
    let text = input.fact("content").and_then(|content| content["text"].as_str()).unwrap_or_default();
    let images: Vec<Value> =
        visual::images(text).into_iter().map(|image| json!({"url": image.url, "alt": image.alt})).collect();
    let references: Vec<Value> = visual::references(text)
        .into_iter()
        .map(|reference| json!({"quote": reference.quote, "line": reference.line}))
        .collect();
    if images.is_empty() && references.is_empty() {
        let detail = "the text links no image and points at nothing shown";
        return Analysis::Skip(Reason::new(ReasonCode::NotApplicable, detail));
    }
    Analysis::Partial {
        data: json!({"images": images, "references": references, "frames_available": false, "on_screen": []}),
        lacking: "nobody looked at the pictures; only words about them are known".to_owned(),
    }
}
