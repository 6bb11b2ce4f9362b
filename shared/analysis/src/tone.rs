//! Sentiment over a whole transcript: the mean, the curve over time, topics, speakers, and the sentences at both ends.
//!
//! English only, since [`crate::sentiment`] rates English words. It is the tone of the wording, sentence by sentence; a
//! calm report of a disaster reads as negative if its words do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::document::Document;
use crate::segments::Segment;
use crate::sentiment;
use crate::speakers::{UNKNOWN, round};
use crate::topics::Topic;

/// A sentence this far from zero or further is positive or negative, as the makers of the word list have it.
pub const LEAST_TONE: f64 = 0.05;
/// The curve has no more bins than this.
pub const MOST_BINS: usize = 20;
/// A bin of fewer sentences on the average would show noise.
const SENTENCES_PER_BIN: usize = 5;
const MOST_EXTREMES: usize = 3;
/// "Great!" is no sentence worth showing.
const FEWEST_WORDS_OF_EXTREME: usize = 3;

/// Mean of the compound scores of some sentences, -1 to 1, four decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// How many sentences it is over.
    pub sentences: usize,
}

/// A stretch of the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Bin {
    /// Where it begins and ends; nothing where the source has no times.
    pub span_ms: Option<(u64, u64)>,
    /// Indices of its first and last segment.
    pub segments: RangeInclusive<usize>,
    /// The mean in it.
    pub mean: Mean,
}

/// The tone of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Tone {
    /// The mean over all sentences.
    pub overall: Mean,
    /// Share of the sentences that are negative, neutral, positive; 0 to 1.
    pub shares: [f64; 3],
    /// The curve, in order; bins without a sentence are left out.
    pub curve: Vec<Bin>,
    /// One mean per topic, in the order of the topics.
    pub by_topic: Vec<Mean>,
    /// One mean per speaker, in order of appearance.
    pub by_speaker: Vec<(String, Mean)>,
    /// The most positive sentences: index of the segment and compound score, most positive first.
    pub most_positive: Vec<(usize, f64)>,
    /// The most negative ones, most negative first.
    pub most_negative: Vec<(usize, f64)>,
}

/// The compound score of each segment, nothing for one without words; nothing at all for other languages than English.
pub fn scores(document: &Document<'_>) -> Option<Vec<Option<f64>>> {
    let score = |(segment, tokens): (&Segment, &Vec<_>)| {
        (!tokens.is_empty()).then(|| sentiment::compound(&segment.text))
    };
    (document.language == "en").then(|| document.segments.iter().zip(&document.tokens).map(score).collect())
}

/// The tone, from [`scores`]; nothing without any words. Linear but for sorting the sentences.
pub fn find(document: &Document<'_>, topics: &[Topic], scores: &[Option<f64>]) -> Option<Tone> {
    let scored: Vec<(usize, f64)> =
        scores.iter().enumerate().filter_map(|(segment, score)| Some((segment, (*score)?))).collect();
    if scored.is_empty() {
        return None;
    }
    let share = |wanted: fn(f64) -> bool| {
        let count = scored.iter().filter(|(_, score)| wanted(*score)).count();
        round(count as f64 / scored.len() as f64, 4)
    };
    Some(Tone {
        overall: mean(scored.iter().map(|(_, score)| *score)),
        shares: [
            share(|score| score <= -LEAST_TONE),
            share(|score| score.abs() < LEAST_TONE),
            share(|score| score >= LEAST_TONE),
        ],
        curve: curve(document, &scored),
        by_topic: topics
            .iter()
            .map(|topic| mean(scores[topic.segments.clone()].iter().flatten().copied()))
            .collect(),
        by_speaker: by_speaker(document, &scored),
        most_positive: extremes(document, &scored, 1.0),
        most_negative: extremes(document, &scored, -1.0),
    })
}

/// The mean of some scores; 0 over none.
pub fn mean(scores: impl Iterator<Item = f64>) -> Mean {
    let (mut sum, mut sentences) = (0.0, 0);
    for score in scores {
        sum += score;
        sentences += 1;
    }
    Mean { value: if sentences == 0 { 0.0 } else { round(sum / sentences as f64, 4) }, sentences }
}

/// Bins of equal time where there are times, else of equally many sentences.
fn curve(document: &Document<'_>, scored: &[(usize, f64)]) -> Vec<Bin> {
    let count = (scored.len() / SENTENCES_PER_BIN).clamp(1, MOST_BINS);
    let starts = scored.iter().filter_map(|(segment, _)| document.segments[*segment].start_ms);
    let ends = scored.iter().filter_map(|(segment, _)| document.segments[*segment].end_ms);
    let range_ms = starts.clone().min().zip(starts.chain(ends).max());
    let width_ms = range_ms.map(|(first_ms, last_ms)| (last_ms - first_ms).div_ceil(count as u64).max(1));
    let mut bins: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    let mut bin = 0;
    for (position, (segment, score)) in scored.iter().enumerate() {
        bin = match (range_ms, width_ms, document.segments[*segment].start_ms) {
            (Some((first_ms, _)), Some(width_ms), Some(start_ms)) => {
                (((start_ms - first_ms) / width_ms) as usize).min(count - 1)
            }
            // A sentence without a time is where the one before it was.
            (Some(_), ..) => bin,
            (None, ..) => position * count / scored.len(),
        };
        bins.entry(bin).or_default().push((*segment, *score));
    }
    let span_ms = |bin: usize| {
        let ((first_ms, last_ms), width_ms) = range_ms.zip(width_ms)?;
        let start_ms = first_ms + bin as u64 * width_ms;
        Some((start_ms, (start_ms + width_ms).min(last_ms).max(start_ms)))
    };
    bins.into_iter()
        .filter_map(|(bin, rows)| {
            let segments = rows.first()?.0..=rows.last()?.0;
            let mean = mean(rows.into_iter().map(|(_, score)| score));
            Some(Bin { span_ms: span_ms(bin), segments, mean })
        })
        .collect()
}

fn by_speaker(document: &Document<'_>, scored: &[(usize, f64)]) -> Vec<(String, Mean)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    for (segment, score) in scored {
        let label = document.segments[*segment].speaker.as_deref().unwrap_or(UNKNOWN);
        let at = *places.entry(label).or_insert_with(|| {
            rows.push((label, Vec::new()));
            rows.len() - 1
        });
        rows[at].1.push(*score);
    }
    rows.into_iter().map(|(label, scores)| (label.to_owned(), mean(scores.into_iter()))).collect()
}

/// The sentences furthest in one direction, the same words once.
fn extremes(document: &Document<'_>, scored: &[(usize, f64)], direction: f64) -> Vec<(usize, f64)> {
    let mut rows: Vec<(usize, f64)> = scored
        .iter()
        .filter(|(segment, score)| {
            score * direction >= LEAST_TONE && document.tokens[*segment].len() >= FEWEST_WORDS_OF_EXTREME
        })
        .copied()
        .collect();
    rows.sort_by(|left, right| {
        (right.1 * direction).total_cmp(&(left.1 * direction)).then(left.0.cmp(&right.0))
    });
    let mut seen: HashSet<String> = HashSet::new();
    rows.into_iter()
        .filter(|(segment, _)| seen.insert(document.segments[*segment].text.to_lowercase()))
        .take(MOST_EXTREMES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(timed: bool) -> Vec<Segment> {
        let row = |(at, (speaker, text)): (usize, (&str, &str))| Segment {
            id: format!("s{}", at + 1),
            start_ms: timed.then_some(at as u64 * 10_000),
            end_ms: timed.then_some(at as u64 * 10_000 + 9_000),
            speaker: Some(speaker.to_owned()),
            text: text.to_owned(),
        };
        let calm = [("Ann", "The council meets at noon."); 4];
        let glad = [("Ann", "What a wonderful and happy harvest!"), ("Bob", "Everybody loved it.")];
        let sad =
            [("Bob", "The flood was a terrible disaster."), ("Bob", "It killed the sheep."), ("Ann", "Sad.")];
        let rows = glad.into_iter().chain(calm).chain(sad).chain([("Ann", "...")]);
        rows.enumerate().map(row).collect()
    }

    fn check(timed: bool, spans: &[Option<(u64, u64)>]) {
        let segments = segments(timed);
        let document = Document::new(&segments, "en");
        let scores = scores(&document).unwrap();
        assert_eq!(scores[9], None);
        let topics = crate::topics::find(&document, &[]);
        let tone = find(&document, &topics, &scores).unwrap();
        assert_eq!((tone.overall.sentences, tone.shares), (9, [0.3333, 0.4444, 0.2222]));
        assert_eq!(tone.curve.iter().map(|bin| bin.span_ms).collect::<Vec<_>>(), spans);
        assert_eq!(tone.curve.iter().map(|bin| bin.mean.sentences).sum::<usize>(), 9);
        assert_eq!(tone.by_topic.iter().map(|mean| mean.sentences).sum::<usize>(), 9);
        assert_eq!(tone.by_speaker[0].0, "Ann");
        assert!(tone.by_speaker[0].1.value > 0.0 && tone.by_speaker[1].1.value < 0.0);
        let places = |rows: &[(usize, f64)]| rows.iter().map(|(segment, _)| *segment).collect::<Vec<_>>();
        assert_eq!((places(&tone.most_positive), places(&tone.most_negative)), (vec![0, 1], vec![6, 7]));
    }

    #[test]
    fn by_time_and_without() {
        check(true, &[Some((0, 89_000))]);
        check(false, &[None]);
    }

    #[test]
    fn the_curve_follows_the_talk() {
        let glad = "It was a wonderful day.";
        let sad = "It was a horrible day.";
        let row = |at: u64| Segment {
            start_ms: Some(at * 1000),
            end_ms: Some(at * 1000 + 1000),
            text: if at < 50 { glad } else { sad }.to_owned(),
            ..Segment::default()
        };
        let segments: Vec<Segment> = (0..100).map(row).collect();
        let document = Document::new(&segments, "en");
        let tone = find(&document, &[], &scores(&document).unwrap()).unwrap();
        assert_eq!(tone.curve.len(), MOST_BINS);
        let expected = Bin {
            span_ms: Some((5_000, 10_000)),
            segments: 5..=9,
            mean: Mean { value: 0.5719, sentences: 5 },
        };
        assert_eq!(tone.curve[1], expected);
        assert!(tone.curve[..10].iter().all(|bin| bin.mean.value > 0.0));
        assert!(tone.curve[10..].iter().all(|bin| bin.mean.value < 0.0));
        assert_eq!(tone.most_positive.len(), 1);
    }

    #[test]
    fn other_languages_have_none() {
        assert_eq!(scores(&Document::new(&segments(true), "de")), None);
        assert_eq!(find(&Document::new(&[], "en"), &[], &[]), None);
    }
}
