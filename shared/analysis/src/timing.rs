//! Pauses and overlaps, from the times of segments.

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

#[cfg(test)]
mod tests {
    use super::*;

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
