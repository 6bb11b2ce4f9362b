//! Pauses, overlaps and changes of pace, from the times of segments.

use std::collections::BTreeMap;

use crate::document::Document;
use crate::segments::Segment;

/// Silence between two segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Index of the segment before it; the next one follows it.
    pub after: usize,
    /// How long.
    pub length_ms: u64,
}

/// Two speakers at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Index of the earlier segment; the next one overlaps with it.
    pub first: usize,
    /// How long.
    pub length_ms: u64,
}

/// A silence shorter than this is breath.
pub const LEAST_PAUSE_MS: u64 = 700;
/// An overlap shorter than this is the captioner's.
const LEAST_OVERLAP_MS: u64 = 200;

/// Pauses of at least [`LEAST_PAUSE_MS`], longest first, at most `most`.
pub fn pauses(segments: &[Segment], most: usize) -> Vec<Pause> {
    let mut pauses = Vec::new();
    for (after, pair) in segments.windows(2).enumerate() {
        if let (Some(end_ms), Some(start_ms)) = (pair[0].end_ms, pair[1].start_ms)
            && start_ms >= end_ms + LEAST_PAUSE_MS
        {
            pauses.push(Pause { after, length_ms: start_ms - end_ms });
        }
    }
    pauses.sort_by_key(|pause| (u64::MAX - pause.length_ms, pause.after));
    pauses.truncate(most);
    pauses
}

/// Overlaps of different known speakers, longest first, at most `most`.
pub fn overlaps(segments: &[Segment], most: usize) -> Vec<Overlap> {
    let mut overlaps = Vec::new();
    for (first, pair) in segments.windows(2).enumerate() {
        let different =
            pair[0].speaker.is_some() && pair[1].speaker.is_some() && pair[0].speaker != pair[1].speaker;
        if let (true, Some(end_ms), Some(start_ms)) = (different, pair[0].end_ms, pair[1].start_ms) {
            let until_ms = pair[1].end_ms.map_or(end_ms, |other| other.min(end_ms));
            if until_ms >= start_ms + LEAST_OVERLAP_MS {
                overlaps.push(Overlap { first, length_ms: until_ms - start_ms });
            }
        }
    }
    overlaps.sort_by_key(|overlap| (u64::MAX - overlap.length_ms, overlap.first));
    overlaps.truncate(most);
    overlaps
}

/// How fast a part is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Index of the part's first segment.
    pub first: usize,
    /// Words per minute of speaking time.
    pub words_per_minute: u64,
}

/// A part is at least so long, and at most one of this many.
const LEAST_PART_MS: u64 = 60_000;
const MOST_PARTS: u64 = 12;
/// Of a part with less speech the pace is chance.
const LEAST_SPEECH_MS: u64 = 30_000;

/// Where the pace changes by a quarter or more from one part of the recording to the next, in order of time, the `most`
/// clearest of them. Parts are equally long and at least a minute; parts with little speech are passed over.
pub fn pace_changes(document: &Document<'_>, most: usize) -> Vec<[Pace; 2]> {
    let spoken = || {
        document.segments.iter().enumerate().filter_map(|(index, segment)| {
            let start_ms = segment.start_ms?;
            let length_ms = segment.end_ms?.saturating_sub(start_ms);
            (length_ms > 0).then_some((index, start_ms, length_ms))
        })
    };
    let begins_ms = spoken().map(|(_, start_ms, _)| start_ms).min().unwrap_or(0);
    let ends_ms = spoken().map(|(_, start_ms, length_ms)| start_ms + length_ms).max().unwrap_or(0);
    let part_ms = LEAST_PART_MS.max(ends_ms.saturating_sub(begins_ms).div_ceil(MOST_PARTS));
    let mut parts: BTreeMap<u64, (usize, u64, u64)> = BTreeMap::new();
    for (index, start_ms, length_ms) in spoken() {
        let (_, words, speech_ms) =
            parts.entry(((start_ms - begins_ms) / part_ms).min(MOST_PARTS - 1)).or_insert((index, 0, 0));
        *words += document.tokens[index].len() as u64;
        *speech_ms += length_ms;
    }
    let paces: Vec<Pace> = parts
        .into_values()
        .filter(|(_, _, speech_ms)| *speech_ms >= LEAST_SPEECH_MS)
        .map(|(first, words, speech_ms)| Pace { first, words_per_minute: words * 60_000 / speech_ms })
        .collect();
    let mut changes: Vec<[Pace; 2]> = paces
        .windows(2)
        .map(|pair| [pair[0], pair[1]])
        .filter(|pair| {
            let [slow, fast] = in_order(pair);
            fast * 4 >= slow * 5 && fast > 0
        })
        .collect();
    changes.sort_by(|one, other| {
        let ([slow, fast], [other_slow, other_fast]) = (in_order(one), in_order(other));
        (other_fast * slow).cmp(&(fast * other_slow)).then(one[0].first.cmp(&other[0].first))
    });
    changes.truncate(most);
    changes.sort_by_key(|pair| pair[0].first);
    changes
}

/// The lower pace and the higher one.
fn in_order([one, other]: &[Pace; 2]) -> [u64; 2] {
    let (one, other) = (one.words_per_minute, other.words_per_minute);
    [one.min(other), one.max(other)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_changes_by_a_quarter_between_parts() {
        let check = |words_of_minutes: &[usize], expected: &[(usize, u64, u64)]| {
            let texts = words_of_minutes.iter().map(|words| "word ".repeat(*words));
            let segments: Vec<Segment> = (0..)
                .zip(texts)
                .map(|(minute, text)| Segment {
                    start_ms: Some(minute * 60_000),
                    end_ms: Some(minute * 60_000 + 60_000),
                    text,
                    ..Segment::default()
                })
                .collect();
            let document = Document::new(&segments, "en");
            let found: Vec<_> = pace_changes(&document, 2)
                .iter()
                .map(|[before, after]| (after.first, before.words_per_minute, after.words_per_minute))
                .collect();
            assert_eq!(found, expected, "{words_of_minutes:?}");
        };
        check(&[], &[]);
        check(&[100, 120, 110], &[]);
        check(&[100, 125, 120], &[(1, 100, 125)]);
        check(&[160, 120, 150, 60], &[(1, 160, 120), (3, 150, 60)]);
        check(&[0, 120, 150], &[(1, 0, 120), (2, 120, 150)]);
        // Of three the two clearest, in order of time.
        check(&[100, 200, 100, 130], &[(1, 100, 200), (2, 200, 100)]);
        // Without times there is no pace.
        let untimed = [Segment { text: "one two".into(), ..Segment::default() }];
        assert!(pace_changes(&Document::new(&untimed, "en"), 2).is_empty());
    }

    #[test]
    fn silence_and_two_at_once() {
        let row = |speaker: &str, start_ms: u64, end_ms: u64| Segment {
            speaker: Some(speaker.into()),
            start_ms: Some(start_ms),
            end_ms: Some(end_ms),
            ..Segment::default()
        };
        let segments = [row("A", 0, 1000), row("A", 3000, 4000), row("B", 3500, 5000), row("A", 5100, 6000)];
        assert_eq!(pauses(&segments, 9), [Pause { after: 0, length_ms: 2000 }]);
        assert_eq!(overlaps(&segments, 9), [Overlap { first: 1, length_ms: 500 }]);
        assert!(pauses(&[Segment::default(), Segment::default()], 9).is_empty());
    }
}
