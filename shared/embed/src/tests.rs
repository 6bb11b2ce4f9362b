use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::error::ErrorKind;
use engine::ports::Embedder as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model_file::{MOST_TOKENS, ModelFile};
use crate::word_piece::WordPiece;
use crate::{MiniLm, WIDTH};

/// The file of `infra/embedding`; `tests/embedding/make` makes it again.
const MODEL_BLAKE3: &str = "0071d8cf18c1132b066830671a91f0bfcf130083695db8b458d5531c26e6d04a";

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    text: String,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Tokens {
    texts: Vec<Ids>,
    blocks: Vec<String>,
}

#[derive(Deserialize)]
struct Ids {
    text: String,
    ids: Vec<u32>,
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn model() -> PathBuf {
    workspace("infra/embedding/all-minilm-l6-v2.safetensors")
}

fn golden<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(workspace("tests/embedding").join(name)).unwrap()).unwrap()
}

fn embed(model: &MiniLm, texts: &[String]) -> Vec<Vec<f32>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(model.embed(texts)).unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

#[test]
fn the_model_is_the_one_that_was_made() {
    let bytes = std::fs::read(model()).unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), MODEL_BLAKE3);
}

#[test]
fn vectors_are_those_of_the_reference() {
    let model = MiniLm::open(&model()).unwrap();
    // Of our own texts one says four marks over and over, which adds up the error of their rows.
    for (name, least_rows, least_cosine) in [("reference.json", 50, 0.9999), ("vectors.json", 30, 0.9997)] {
        let Vectors { vectors: expected } = golden(name);
        assert!(expected.len() >= least_rows, "{name} has {} rows", expected.len());
        let texts: Vec<_> = expected.iter().map(|row| row.text.clone()).collect();
        let got = embed(&model, &texts);
        assert_eq!(got.len(), texts.len());
        for (row, vector) in expected.iter().zip(&got) {
            assert_eq!(vector.len(), WIDTH);
            let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-5, "{:?} has length {length}", row.text);
            let cosine = cosine(vector, &row.vector);
            assert!(cosine >= least_cosine, "{:?}: cosine {cosine}", row.text);
        }
    }
}

#[test]
fn texts_are_cut_as_the_models_own_tokenizer_does() {
    let file = ModelFile::open(&model()).unwrap();
    let words = WordPiece::new(&file);
    let Tokens { texts, .. } = golden("tokens.json");
    assert!(texts.len() > 250);
    for row in texts {
        assert_eq!(words.ids(&row.text), row.ids, "{:?}", row.text);
    }
}

#[test]
fn every_character_is_cut_as_the_models_own_tokenizer_does() {
    let file = ModelFile::open(&model()).unwrap();
    let words = WordPiece::new(&file);
    let Tokens { blocks, .. } = golden("tokens.json");
    assert_eq!(blocks.len(), 0x11_0000 / 4096);
    for (block, expected) in (0_u32..).zip(blocks) {
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        for character in (block * 4096..(block + 1) * 4096).filter_map(char::from_u32) {
            for byte in words.ids(&format!("a{character}b")).into_iter().flat_map(u32::to_le_bytes) {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        assert_eq!(digest.to_string(), expected, "the characters from {:#x}", block * 4096);
    }
}

#[test]
fn what_is_beyond_the_limit_is_not_looked_at() {
    let file = ModelFile::open(&model()).unwrap();
    let words = WordPiece::new(&file);
    for unit in ["word ", "人", "[SEP]", "?"] {
        let few = words.ids(&unit.repeat(MOST_TOKENS));
        let many = words.ids(&unit.repeat(100_000));
        assert_eq!((few.len(), &few), (MOST_TOKENS, &many), "{unit:?}");
    }
    // A word without an end is read once.
    assert_eq!(words.ids(&"a".repeat(10_000_000)).len(), 3);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether it waits is what is tested")]
fn who_opens_does_not_wait() {
    let mut opening = Duration::MAX;
    let mut embedding = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        let model = MiniLm::open(&model()).unwrap();
        opening = opening.min(began.elapsed());
        embed(&model, &["A question?".to_owned()]);
        embedding = embedding.min(began.elapsed());
    }
    assert!(opening * 4 < embedding, "opened after {opening:?}, embedded after {embedding:?}");
}

#[test]
fn what_is_no_model_is_refused() {
    for path in [workspace("Cargo.toml"), workspace("LICENSE-APACHE"), workspace("no such file")] {
        let error = MiniLm::open(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}
