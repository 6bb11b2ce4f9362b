//! The model's file, mapped: what is not looked at is not read.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use engine::error::{Error, ErrorKind, Result};
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use memmap2::Mmap;
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensors};

/// Numbers in a vector.
pub const WIDTH: usize = 384;

/// Tokens of a text at most, with the two that stand around it.
pub(crate) const MOST_TOKENS: usize = 256;

const WORDS: usize = 30_522;

/// So many f16 numbers are turned into f32 at once.
const PIECE: usize = 4096;

/// The mapped file.
pub(crate) struct ModelFile {
    map: Mmap,
    parts: BTreeMap<String, Part>,
    tables: Tables,
}

/// A tensor, and where in the file it is.
struct Part {
    kind: Dtype,
    shape: Vec<usize>,
    place: Range<usize>,
}

/// Where the tables are that every text needs.
struct Tables {
    words: Range<usize>,
    scales: Range<usize>,
    positions: Range<usize>,
    vocabulary: Range<usize>,
    vocabulary_ends: Range<usize>,
    vocabulary_ids: Range<usize>,
}

impl ModelFile {
    /// Maps the file and looks at its head. Errors: `Configuration` if it is not there or is not such a file.
    #[expect(unsafe_code, reason = "a file can be mapped in no other way")]
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let unreadable = |error| configuration("the embedding model's file cannot be read").because(error);
        let file = File::open(path).map_err(unreadable)?;
        // SAFETY: the map is read-only and lives as long as what borrows from it. That the bytes under it do not change is
        // a promise of the deployment: the file is part of a layer, which is mounted read-only, or of a checkout, where it is
        // replaced and never written to.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let parts = parts(&map)?;
        let tables = Tables {
            words: place(&parts, "words.values", Dtype::I8, Some(&[WORDS, WIDTH]))?,
            scales: place(&parts, "words.scales", Dtype::F32, Some(&[WORDS]))?,
            positions: place(&parts, "positions", Dtype::F32, Some(&[MOST_TOKENS, WIDTH]))?,
            vocabulary: place(&parts, "vocabulary.bytes", Dtype::U8, None)?,
            vocabulary_ends: place(&parts, "vocabulary.ends", Dtype::U32, Some(&[WORDS]))?,
            vocabulary_ids: place(&parts, "vocabulary.ids", Dtype::U32, Some(&[WORDS]))?,
        };
        Ok(Self { map, parts, tables })
    }

    /// The graph without its large matrices, as ONNX.
    pub(crate) fn graph(&self) -> Result<&[u8]> {
        Ok(&self.map[place(&self.parts, "graph.onnx", Dtype::U8, None)?])
    }

    /// A matrix of the encoder, row by row.
    pub(crate) fn matrix(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = &self.map[place(&self.parts, name, Dtype::F16, Some(shape))?];
        let mut numbers = vec![0.0; bytes.len() / 2];
        let mut halves = [f16::ZERO; PIECE];
        for (piece, target) in bytes.chunks(2 * PIECE).zip(numbers.chunks_mut(PIECE)) {
            let halves = &mut halves[..target.len()];
            for (half, two) in halves.iter_mut().zip(piece.as_chunks().0) {
                *half = f16::from_le_bytes(*two);
            }
            halves.convert_to_f32_slice(target);
        }
        Ok(numbers)
    }

    /// What the encoder reads of a token at a position: its word's row plus the position's, added to `row`, of `WIDTH`.
    pub(crate) fn add_token(&self, id: u32, position: usize, row: &mut [f32]) {
        let id = id as usize;
        let scale = float(&self.map[self.tables.scales.clone()], id);
        let word = &self.map[self.tables.words.clone()][id * WIDTH..(id + 1) * WIDTH];
        let position =
            &self.map[self.tables.positions.clone()][position * WIDTH * 4..(position + 1) * WIDTH * 4];
        let position = position.as_chunks().0;
        for ((number, value), place) in row.iter_mut().zip(word).zip(position) {
            *number += f32::from(value.cast_signed()) * scale + f32::from_le_bytes(*place);
        }
    }

    /// The id of a word of the vocabulary.
    pub(crate) fn word_id(&self, word: &[u8]) -> Option<u32> {
        let (mut from, mut to) = (0, WORDS);
        while from < to {
            let middle = from.midpoint(to);
            match self.word(middle).cmp(word) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => {
                    return Some(whole(&self.map[self.tables.vocabulary_ids.clone()], middle));
                }
            }
        }
        None
    }

    /// The bytes of the longest word of the vocabulary.
    pub(crate) fn longest_word(&self) -> usize {
        (0..WORDS).map(|at| self.word(at).len()).max().unwrap_or_default()
    }

    fn word(&self, at: usize) -> &[u8] {
        let ends = &self.map[self.tables.vocabulary_ends.clone()];
        let start = if at == 0 { 0 } else { whole(ends, at - 1) as usize };
        &self.map[self.tables.vocabulary.clone()][start..whole(ends, at) as usize]
    }
}

fn parts(map: &Mmap) -> Result<BTreeMap<String, Part>> {
    let unusable = |error| unusable().because(error);
    let (length, head) = SafeTensors::read_metadata(map).map_err(unusable)?;
    // What comes after the head, whose own length stands in the first eight bytes.
    let start = length + 8;
    let part = |name: String, tensor: &TensorInfo| {
        let place = start + tensor.data_offsets.0..start + tensor.data_offsets.1;
        (name, Part { kind: tensor.dtype, shape: tensor.shape.clone(), place })
    };
    let parts: BTreeMap<_, _> = head.tensors().into_iter().map(|(name, tensor)| part(name, tensor)).collect();
    Ok(parts)
}

/// Where a tensor of this kind and, if one is given, of this shape is.
fn place(
    parts: &BTreeMap<String, Part>,
    name: &str,
    kind: Dtype,
    shape: Option<&[usize]>,
) -> Result<Range<usize>> {
    match parts.get(name) {
        Some(part) if part.kind == kind && shape.is_none_or(|shape| part.shape == shape) => {
            Ok(part.place.clone())
        }
        _ => Err(unusable().with("part", name)),
    }
}

fn whole(bytes: &[u8], at: usize) -> u32 {
    bytes.as_chunks().0.get(at).map_or(0, |four| u32::from_le_bytes(*four))
}

fn float(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(whole(bytes, at))
}

fn unusable() -> Error {
    configuration("the embedding model's file is not one that this version reads")
}

fn configuration(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, what)
}
