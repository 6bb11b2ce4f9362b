//! How an argument is built: markers of claim, reason, contrast, example and conclusion, and its arc.

use std::ops::Range;

use crate::document::Document;
use crate::readability::is_punctuated;
use crate::topics::Topic;

/// A marker of structure in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// `claim`, `reason`, `contrast`, `example`, `conclusion` or `question`.
    pub kind: &'static str,
    /// Index of the segment.
    pub segment: usize,
    /// Where the words that mark it stand in the segment's text, in bytes.
    pub range: Range<usize>,
    /// The words that mark it, verbatim; a question's mark.
    pub marker: String,
}

/// One part of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Index of its first segment.
    pub first: usize,
    /// Sentences.
    pub sentences: usize,
    /// Questions among them.
    pub questions: usize,
    /// What it is about.
    pub terms: Vec<String>,
}

/// The markers in order, at most one per sentence and kind. Without punctuation nothing tells where a sentence opens, and
/// a conjunction in the midst of one would pass for a marker: then there are questions only.
pub fn markers(document: &Document<'_>) -> Vec<Marker> {
    let mut markers: Vec<Marker> = Vec::new();
    let is_punctuated = is_punctuated(document);
    for (segment, row) in document.segments.iter().enumerate() {
        let from = markers.len();
        for hit in document.hits(segment).iter().filter(|_| is_punctuated) {
            let Some(kind) = hit.cue.strip_prefix("structure.") else { continue };
            // Common conjunctions mark structure only where they open the sentence.
            let inner = hit.first > 1 && hit.first == hit.last && !matches!(kind, "reason" | "example");
            if !inner && markers[from..].iter().all(|marker| marker.kind != kind) {
                let tokens = &document.tokens[segment];
                let range = tokens[hit.first].start as usize..tokens[hit.last].end as usize;
                markers.push(Marker { kind, segment, range, marker: document.hit_text(hit).to_owned() });
            }
        }
        let mark =
            row.text.char_indices().rfind(|(_, letter)| matches!(letter, '?' | '？' | '؟' | '\u{37e}'));
        if let Some((at, letter)) = mark.filter(|_| row.is_question()) {
            let range = at..at + letter.len_utf8();
            markers.push(Marker { kind: "question", segment, range, marker: letter.to_string() });
        }
    }
    markers
}

/// The arc: one part per topic.
pub fn arc(document: &Document<'_>, topics: &[Topic]) -> Vec<Part> {
    topics
        .iter()
        .map(|topic| Part {
            first: topic.segments.start,
            sentences: topic.segments.len(),
            questions: topic
                .segments
                .clone()
                .filter(|segment| document.segments[*segment].is_question())
                .count(),
            terms: topic.keywords.iter().take(5).cloned().collect(),
        })
        .collect()
}

/// Conclusions with the reasons that stand in or right before them: pairs of conclusion and premises.
pub fn arguments(document: &Document<'_>, markers: &[Marker], most: usize) -> Vec<(usize, Vec<usize>)> {
    const REACH: usize = 3;
    let mut arguments = Vec::new();
    for marker in markers.iter().filter(|marker| marker.kind == "conclusion") {
        let speaker = &document.segments[marker.segment].speaker;
        let premises: Vec<usize> = (marker.segment.saturating_sub(REACH)..marker.segment)
            .filter(|segment| document.segments[*segment].speaker == *speaker)
            .filter(|segment| {
                !document.segments[*segment].is_question() && document.tokens[*segment].len() > 4
            })
            .collect();
        if !premises.is_empty()
            && document.tokens[marker.segment].len() > 5
            && !document.segments[marker.segment].is_question()
        {
            arguments.push((marker.segment, premises));
        }
        if arguments.len() == most {
            break;
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    #[test]
    fn markers_where_they_stand() {
        let sentences = [
            "The wall is old because it was built in 1968.",
            "But why should we pay?",
            "For example, the pumps fail.",
            "Therefore the council must vote for a new wall.",
        ];
        let segments: Vec<Segment> =
            sentences.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect();
        let document = Document::new(&segments, "en");
        let found = markers(&document);
        let rows: Vec<_> = found.iter().map(|marker| (marker.kind, marker.segment)).collect();
        assert_eq!(
            rows,
            [("reason", 0), ("contrast", 1), ("question", 1), ("example", 2), ("conclusion", 3)]
        );
        for marker in &found {
            assert_eq!(segments[marker.segment].text[marker.range.clone()], marker.marker);
        }
        assert_eq!(arguments(&document, &found, 5), [(3, vec![0, 2])]);
    }

    #[test]
    fn no_markers_where_sentences_have_no_ends() {
        let pieces = ["also das Wasser ist im Januar gestiegen und", "also man muss sagen die Mauer ist alt"];
        let segments: Vec<Segment> =
            pieces.iter().map(|text| Segment { text: (*text).into(), ..Segment::default() }).collect();
        assert_eq!(markers(&Document::new(&segments, "de")), []);
        let segments = [Segment { text: "Also muss die Mauer weg.".into(), ..Segment::default() }];
        assert_eq!(markers(&Document::new(&segments, "de"))[0].kind, "conclusion");
    }
}
