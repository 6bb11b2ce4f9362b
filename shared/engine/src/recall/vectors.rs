//! The vectors of one namespace in memory, a byte a number, and which of them are nearest to a question's.
//!
//! All are looked at: of ten thousand that takes less than a twentieth of what embedding the question took. An entry whose first
//! third already shows that it cannot reach the threshold is left (by the inequality of Cauchy and Schwarz, so none is
//! lost). The arithmetic is in integers and the same everywhere.

use std::collections::HashMap;
use std::hash::Hash;

use wide::{i16x8, i32x4};

use crate::error::{Error, ErrorKind, Result};

/// Numbers of a vector.
pub const WIDTH: usize = 384;

/// Vectors of eight pairs that one entry takes.
const PARTS: usize = WIDTH / 16;

/// After so many parts it is seen whether an entry can still reach the threshold.
const FIRST_PARTS: usize = PARTS / 3;

/// The question's numbers have more digits than the entries': their sum with an entry's still fits in 32 bits.
const QUERY_MOST: f32 = 4_095.0;

/// How alike two texts must be before the guards look at them, as the cosine of their vectors.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Threshold(f32);

impl Threshold {
    /// The least that can be set.
    pub const LEAST: Self = Self(0.88);

    /// Reads a threshold as `CACHE_SIMILARITY_THRESHOLD` has it. Errors: `Configuration` if it is no number up to 1, or under
    /// [`Threshold::LEAST`].
    pub fn parse(text: &str) -> Result<Self> {
        let value: f32 = text.trim().parse().unwrap_or(f32::NAN);
        let refused = |why: &str| {
            let what = format!("CACHE_SIMILARITY_THRESHOLD is {text:?}; {why}");
            Err(Error::new(ErrorKind::Configuration, what))
        };
        if !(0.0..=1.0).contains(&value) {
            return refused("it is a cosine, a number from 0.88 to 1");
        }
        if value < Self::LEAST.0 {
            return refused(
                "the least is 0.88: of labelled pairs of questions between 0.85 and 0.88, more than a quarter do not ask the \
                 same (cargo lab bench recall)",
            );
        }
        Ok(Self(value))
    }

    /// The cosine.
    pub fn cosine(self) -> f32 {
        self.0
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(0.92)
    }
}

/// A vector as it is stored and sent: its direction, a byte a number.
pub fn quantise(vector: &[f32]) -> Result<Vec<u8>> {
    let most = largest(vector)?;
    Ok(vector.iter().map(|number| scaled(*number, 127.0 / most).to_le_bytes()[0]).collect())
}

/// A question's vector, ready to be compared.
#[derive(Clone, Debug)]
pub struct Query {
    /// The even and the odd numbers of each part.
    parts: Vec<(i16x8, i16x8)>,
    length: f32,
    rest_length: f32,
}

impl Query {
    /// Prepares a vector. Errors: `Embedding` if it has not [`WIDTH`] numbers or no direction.
    pub fn of(vector: &[f32]) -> Result<Self> {
        let most = largest(vector)?;
        let numbers: Vec<i16> = vector.iter().map(|number| scaled(*number, QUERY_MOST / most)).collect();
        let parts = numbers.chunks_exact(16).map(|numbers| {
            let every_other =
                |from: usize| i16x8::new(std::array::from_fn(|place| numbers[from + 2 * place]));
            (every_other(0), every_other(1))
        });
        let (length, rest_length) = lengths(&numbers);
        Ok(Self { parts: parts.collect(), length, rest_length })
    }
}

/// An entry that is near enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<Id> {
    /// Which.
    pub id: Id,
    /// The cosine, to about three digits.
    pub cosine: f32,
}

/// The vectors of a namespace by id.
#[derive(Clone, Debug)]
pub struct Vectors<Id> {
    /// Each number two bytes' place: the even ones below, the odd ones above.
    numbers: Vec<i16x8>,
    /// Each entry's length, and that of what follows its first third.
    lengths: Vec<(f32, f32)>,
    ids: Vec<Id>,
    places: HashMap<Id, usize>,
}

impl<Id> Default for Vectors<Id> {
    fn default() -> Self {
        Self { numbers: Vec::new(), lengths: Vec::new(), ids: Vec::new(), places: HashMap::new() }
    }
}

impl<Id: Clone + Eq + Hash> Vectors<Id> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds what [`quantise`] made, in the place of what had the same id. Errors: `Embedding` if it has not [`WIDTH`] bytes or
    /// all are zero.
    pub fn add(&mut self, id: Id, vector: &[u8]) -> Result<()> {
        let numbers: Vec<i16> = vector.iter().map(|byte| i16::from(i8::from_le_bytes([*byte]))).collect();
        let (length, rest) = lengths(&numbers);
        if vector.len() != WIDTH || length == 0.0 {
            return Err(no_vector());
        }
        self.remove(&id);
        for numbers in numbers.chunks_exact(16) {
            let pair = |place: usize| (numbers[2 * place + 1] << 8) | (numbers[2 * place] & 0xff);
            self.numbers.push(i16x8::new(std::array::from_fn(pair)));
        }
        self.lengths.push((length, rest));
        self.places.insert(id.clone(), self.ids.len());
        self.ids.push(id);
        Ok(())
    }

    /// Takes an entry out; whether it was there.
    pub fn remove(&mut self, id: &Id) -> bool {
        let Some(place) = self.places.remove(id) else { return false };
        self.ids.swap_remove(place);
        self.lengths.swap_remove(place);
        let last = self.numbers.len() - PARTS;
        self.numbers.copy_within(last.., place * PARTS);
        self.numbers.truncate(last);
        if let Some(moved) = self.ids.get(place) {
            self.places.insert(moved.clone(), place);
        }
        true
    }

    /// The nearest entries at or above a cosine, the nearest first, at most so many.
    pub fn best(&self, query: &Query, threshold: Threshold, most: usize) -> Vec<Candidate<Id>> {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(most + 1);
        let mut floor = threshold.0;
        let entries = self.numbers.chunks_exact(PARTS).zip(&self.lengths).enumerate();
        for (place, (numbers, (length, rest))) in entries {
            let lengths = length * query.length;
            let needed = floor * lengths;
            let first = sum(&numbers[..FIRST_PARTS], &query.parts[..FIRST_PARTS]);
            if first + rest * query.rest_length < needed {
                continue;
            }
            let all = first + sum(&numbers[FIRST_PARTS..], &query.parts[FIRST_PARTS..]);
            if all < needed {
                continue;
            }
            let cosine = all / lengths;
            let before = best.partition_point(|(other, _)| *other >= cosine);
            best.insert(before, (cosine, place));
            if best.len() > most {
                best.pop();
                floor = best.last().map_or(f32::INFINITY, |(cosine, _)| *cosine);
            }
        }
        let candidate = |(cosine, place): (f32, usize)| Candidate { id: self.ids[place].clone(), cosine };
        best.into_iter().map(candidate).collect()
    }
}

/// The sum of the products. Exact: 384 products of 127 and 4,095 are under 2 to the power of 28.
#[expect(clippy::cast_precision_loss, reason = "seven digits are more than bytes have")]
#[inline(always)]
fn sum(numbers: &[i16x8], query: &[(i16x8, i16x8)]) -> f32 {
    let mut sum = i32x4::ZERO;
    for (pairs, (even, odd)) in numbers.iter().zip(query) {
        let below = (*pairs << 8_u32) >> 8_u32;
        sum += below.dot(*even) + (*pairs >> 8_u32).dot(*odd);
    }
    sum.to_array().iter().sum::<i32>() as f32
}

/// The length of all numbers, and of those after the first third, a little more than less.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "seven digits are more than bytes have"
)]
fn lengths(numbers: &[i16]) -> (f32, f32) {
    let length = |numbers: &[i16]| {
        let squares: i64 = numbers.iter().map(|number| i64::from(*number) * i64::from(*number)).sum();
        (squares as f64).sqrt()
    };
    let rest = numbers.get(FIRST_PARTS * 16..).unwrap_or_default();
    (length(numbers) as f32, (length(rest) * 1.000_01) as f32)
}

fn largest(vector: &[f32]) -> Result<f32> {
    let most = vector.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
    let usable = vector.len() == WIDTH && most.is_normal() && vector.iter().all(|number| number.is_finite());
    if usable { Ok(most) } else { Err(no_vector()) }
}

#[expect(clippy::cast_possible_truncation, reason = "the scale keeps it within sixteen bits")]
fn scaled(number: f32, scale: f32) -> i16 {
    (number * scale).round() as i16
}

fn no_vector() -> Error {
    Error::new(ErrorKind::Embedding, format!("a vector needs {WIDTH} numbers and a direction"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vectors(seed: u64, count: usize) -> Vec<Vec<f32>> {
        let mut state = seed;
        let mut number = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| (0..WIDTH).map(|_| number()).collect()).collect()
    }

    fn cosine(one: &[f32], other: &[f32]) -> f32 {
        let dot =
            |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        (dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()) as f32
    }

    fn near(vector: &[f32], other: &[f32], share: f32) -> Vec<f32> {
        vector.iter().zip(other).map(|(one, other)| one + share * other).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

        /// Nothing at or above the threshold is missed by more than a byte's roundness, nothing below it is found.
        #[test]
        fn all_that_are_near_are_found(seed in any::<u64>()) {
            let all = vectors(seed, 60);
            let asked = &all[0];
            let mut index = Vectors::default();
            let mut truth = Vec::new();
            for (id, other) in all.iter().enumerate().skip(1) {
                let entry = near(asked, other, id as f32 / 60.0);
                index.add(id, &quantise(&entry).unwrap()).unwrap();
                truth.push((id, cosine(asked, &entry)));
            }
            let found = index.best(&Query::of(asked).unwrap(), Threshold(0.9), 100);
            for (id, cosine) in truth {
                let candidate = found.iter().find(|candidate| candidate.id == id);
                prop_assert!(candidate.is_some() || cosine < 0.902, "{cosine} was missed");
                prop_assert!(candidate.is_none_or(|candidate| (candidate.cosine - cosine).abs() < 0.002));
            }
            prop_assert!(found.is_sorted_by(|one, other| one.cosine >= other.cosine));
            let three = index.best(&Query::of(asked).unwrap(), Threshold(0.9), 3);
            prop_assert_eq!(&three[..], &found[..3.min(found.len())]);
        }

        /// What was added and removed in any order is there or not.
        #[test]
        fn entries_come_and_go(steps in prop::collection::vec((0_usize..12, any::<bool>()), 1..60)) {
            let all = vectors(7, 12);
            let mut index = Vectors::default();
            let mut there = std::collections::BTreeSet::new();
            for (id, add) in steps {
                if add {
                    index.add(id, &quantise(&all[id]).unwrap()).unwrap();
                    there.insert(id);
                } else {
                    prop_assert_eq!(index.remove(&id), there.remove(&id));
                }
            }
            prop_assert_eq!(index.len(), there.len());
            for (id, vector) in all.iter().enumerate() {
                let found = index.best(&Query::of(vector).unwrap(), Threshold(0.99), 2);
                prop_assert_eq!(found.first().map(|candidate| candidate.id), there.contains(&id).then_some(id));
            }
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        assert!(
            quantise(&[0.0; WIDTH]).is_err()
                && quantise(&[1.0; 3]).is_err()
                && quantise(&[f32::NAN; WIDTH]).is_err()
        );
        assert!(Query::of(&[0.0; WIDTH]).is_err());
        let mut index = Vectors::default();
        assert!(index.add(1, &[0; WIDTH]).is_err() && index.add(1, &[1; 5]).is_err() && index.is_empty());
        // The smallest byte has no positive of its own, and must not be taken for another.
        index.add(1, &[0x80; WIDTH]).unwrap();
        assert_eq!(index.best(&Query::of(&[-1.0; WIDTH]).unwrap(), Threshold::LEAST, 1).len(), 1);
        assert!(index.best(&Query::of(&[1.0; WIDTH]).unwrap(), Threshold::LEAST, 1).is_empty());
    }

    #[test]
    fn thresholds_have_a_floor() {
        assert_eq!(Threshold::parse(" 0.9 ").unwrap().cosine(), 0.9);
        assert_eq!(Threshold::default().cosine(), 0.92);
        assert!(Threshold::parse("0.85").unwrap_err().to_string().contains("a quarter"));
        for wrong in ["", "1.2", "NaN", "-1", "0.8799"] {
            assert_eq!(Threshold::parse(wrong).unwrap_err().kind(), ErrorKind::Configuration);
        }
    }
}
