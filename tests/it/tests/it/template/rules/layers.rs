//! Layers: what functions are given beside their code.

use super::super::bundle::Bundle;
use super::super::faults::{Faults, Rule};
use super::functions::each;
use crate::assay::root;

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the embedding model is the only layer, for both architectures, and kept", look: layer },
    Rule { name: "who is told of the embedding model has its layer, and nobody else", look: attached },
    Rule { name: "the layer holds the file that its function is told of, and its licence", look: content },
];

/// Where Lambda puts what layers hold.
const MOUNT: &str = "/opt/";
const MODEL: &str = "ASSAY_EMBEDDING_MODEL";

fn layer(bundle: &Bundle, faults: &mut Faults) {
    let layers = bundle.of_kind("AWS::Serverless::LayerVersion");
    faults.same("the template", layers.map(|layer| layer.id), ["EmbeddingLayer"]);
    let Some(layer) = bundle.resource("EmbeddingLayer") else {
        return;
    };
    for (property, expected) in [
        ("LayerName", "<AWS::StackName>-embedding"),
        ("ContentUri", "infra/embedding"),
        ("CompatibleArchitectures", "[arm64, x86_64]"),
        ("CompatibleRuntimes", "[provided.al2023]"),
        ("LicenseInfo", "Apache-2.0"),
        ("RetentionPolicy", "Retain"),
    ] {
        faults.equal(property, bundle.property(layer, property), expected);
    }
}

fn attached(bundle: &Bundle, faults: &mut Faults) {
    for (function, resource) in each(bundle) {
        let expected = if function.variables.contains(&MODEL) { "[<EmbeddingLayer>]" } else { "" };
        faults.equal(function.name, bundle.property(resource, "Layers"), expected);
    }
}

fn content(bundle: &Bundle, faults: &mut Faults) {
    let Some(layer) = bundle.resource("EmbeddingLayer") else {
        return;
    };
    let folder = root().join(bundle.property(layer, "ContentUri"));
    let told = each(bundle).filter_map(|(_, resource)| {
        resource.property("Environment")["Variables"][MODEL].as_str()?.strip_prefix(MOUNT).map(str::to_owned)
    });
    let told: Vec<String> = told.collect();
    faults.unless(!told.is_empty(), "nobody is told of a file of the layer");
    for name in told.iter().map(String::as_str).chain(["LICENSE", "NOTICE"]) {
        let bytes = folder.join(name).metadata().map_or(0, |file| file.len());
        faults.unless(bytes > 0, format!("the layer holds no {name}"));
    }
}
