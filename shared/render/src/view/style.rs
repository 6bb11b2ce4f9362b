//! Tone and wording: facts in a line each, the curve of the tone, tables of named cues with their places.

use super::places::{Places, Said};
use crate::data::{self, Map, Repetition, Risk, Sentiment, Sourcing, Statement, Stretch};
use crate::report::{Report, agents};
use crate::safe::safe;
use crate::words;

/// What the tone is and is not, said once.
const NOTE: &str = "Counted from the wording by rules. Tone is what the words sound like, not what is meant; none of it \
    says whether something is true.";
/// Tones nearer to zero than this are called neutral.
const LEAST_TONE: f64 = 0.05;

/// Tone and wording as they are shown; empty if no agent said anything about them.
#[derive(Default)]
pub(crate) struct StyleView {
    /// One line each: what it is about, and the facts.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The tone over time, in order.
    pub(crate) curve: Vec<StretchView>,
    /// The sentences at both ends: a name for the list, and the sentences.
    pub(crate) extremes: Vec<(&'static str, Vec<Said>)>,
    pub(crate) tables: Vec<StyleTable>,
    /// How these may be read.
    pub(crate) note: &'static str,
}

/// A part of the curve.
pub(crate) struct StretchView {
    /// Where it begins.
    pub(crate) at: Said,
    /// Mean tone, -1 to 1.
    pub(crate) value: f64,
    pub(crate) sentences: u64,
}

/// A table of counts.
pub(crate) struct StyleTable {
    pub(crate) name: &'static str,
    /// A `#` before a name marks a column of numbers.
    pub(crate) columns: &'static [&'static str],
    /// Cells, and places as the last column where there are any.
    pub(crate) rows: Vec<(Vec<String>, Vec<Said>)>,
}

impl StyleView {
    /// Tone and wording of `report`.
    pub(super) fn of(report: &Report, places: &Places) -> StyleView {
        let map: Map = data::read(report.data(agents::MAP));
        let risk: Risk = data::read(report.data(agents::RISK));
        let mut view = StyleView { note: NOTE, ..StyleView::default() };
        if let Some(sentiment) = &map.sentiment {
            view.add_tone(sentiment, &map.topics, places);
        }
        view.add_certainty(&risk, places);
        if let Some(sourcing) = &risk.sourcing {
            view.add_sourcing(sourcing, &map.language, places);
        }
        if let Some(reading) = &map.readability {
            let mut facts = Vec::new();
            let ease = reading.reading_ease.map(|ease| format!("reading ease {ease:.0} (Flesch)"));
            facts.push(ease.unwrap_or_else(|| "reading ease unknown without punctuation".to_owned()));
            facts.extend(reading.grade.map(|grade| format!("school grade {grade:.1} (Flesch-Kincaid)")));
            facts.extend(reading.mean_sentence_words.map(|count| format!("{count:.1} words a sentence")));
            facts.push(format!("{} long words", words::percent(reading.long_word_share)));
            view.facts.push(("Readability", facts.join(", ")));
        }
        view.add_repetition(&map.repetition, places);
        view
    }

    /// True if there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    fn add_tone(&mut self, sentiment: &Sentiment, topics: &[data::MapTopic], places: &Places) {
        self.facts.push((
            "Tone",
            format!(
                "{} ({}): {} of the sentences positive, {} neutral, {} negative",
                tone(sentiment.overall),
                signed(sentiment.overall),
                words::percent(sentiment.positive),
                words::percent(sentiment.neutral),
                words::percent(sentiment.negative)
            ),
        ));
        let at = |stretch: &Stretch| places.quoted("", stretch.first_segment.as_deref(), stretch.start_ms);
        self.curve = sentiment
            .curve
            .iter()
            .map(|stretch| StretchView {
                at: at(stretch),
                value: stretch.value,
                sentences: stretch.sentences,
            })
            .collect();
        let extremes =
            [("Most positive", &sentiment.most_positive), ("Most negative", &sentiment.most_negative)];
        for (name, rows) in extremes.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            self.extremes.push((name, rows.iter().map(|row: &Statement| places.said(row)).collect()));
        }
        let row = |name: String, stretch: &Stretch, at: Vec<Said>| {
            (vec![name, signed(stretch.value), words::count(stretch.sentences)], at)
        };
        // A model may have drawn other topics than the draft; a topic that begins elsewhere is no longer the same.
        let label = |stretch: &Stretch| {
            let same = topics.iter().find(|topic| topic.first_segment == stretch.first_segment);
            safe(same.map_or(&stretch.topic, |topic| &topic.label))
        };
        let of_topic = |stretch: &Stretch| row(label(stretch), stretch, vec![at(stretch)]);
        self.table(
            "Tone by topic",
            &["Topic", "#Tone", "#Sentences", "From"],
            sentiment.by_topic.iter().map(of_topic).collect(),
        );
        if sentiment.by_speaker.len() > 1 {
            self.table(
                "Tone by speaker",
                &["Speaker", "#Tone", "#Sentences"],
                sentiment
                    .by_speaker
                    .iter()
                    .map(|stretch| row(places.name(&stretch.label), stretch, Vec::new()))
                    .collect(),
            );
        }
    }

    fn add_certainty(&mut self, risk: &Risk, places: &Places) {
        let certainty = &risk.certainty;
        let sum = |kinds: &[&str]| {
            let of_kinds = certainty.kinds.iter().filter(|wording| kinds.contains(&wording.kind.as_str()));
            of_kinds.fold((0, 0.0), |(count, rate), wording| {
                (count + wording.count, rate + wording.per_1000_words)
            })
        };
        if !certainty.kinds.is_empty() {
            let (hedging, hedging_rate) = sum(&["hedge", "modal_hedge", "softener"]);
            let (certain, certain_rate) = sum(&["absolute", "booster"]);
            self.facts.push((
                "Certainty",
                format!(
                    "hedging {} ({hedging_rate:.1} per 1,000 words), certainty {} ({certain_rate:.1} per 1,000 words)",
                    times(hedging),
                    times(certain)
                ),
            ));
        }
        let kind = |wording: &data::Wording| {
            let said: Vec<String> =
                wording.words.iter().map(|words| format!("{} ×{}", safe(&words.text), words.count)).collect();
            let cells = vec![
                safe(&wording.kind).replace('_', " "),
                words::count(wording.count),
                format!("{:.1}", wording.per_1000_words),
                said.join(", "),
            ];
            (cells, quoted(&wording.examples, places))
        };
        self.table(
            "Hedging and certainty",
            &["Kind", "#Count", "#Per 1,000 words", "Words", "For example"],
            certainty.kinds.iter().map(kind).collect(),
        );
        if certainty.by_speaker.len() > 1 {
            let row = |row: &data::SpeakerCertainty| {
                let rate = |count: u64, rate: f64| format!("{} ({rate:.1})", words::count(count));
                let cells = vec![
                    places.name(&row.label),
                    words::count(row.words),
                    rate(row.hedging, row.hedging_per_1000_words),
                    rate(row.certain, row.certain_per_1000_words),
                ];
                (cells, Vec::new())
            };
            self.table(
                "Hedging and certainty by speaker (per 1,000 words)",
                &["Speaker", "#Words", "#Hedging", "#Certain"],
                certainty.by_speaker.iter().map(row).collect(),
            );
        }
    }

    fn add_sourcing(&mut self, sourcing: &Sourcing, language: &str, places: &Places) {
        let named = sourcing.sourced_share.map_or_else(
            || "sources are not told in this language".to_owned(),
            |share| format!("{} of the sentences name one", words::percent(share)),
        );
        let quoted_words = sourcing.quoted_share.map_or_else(
            || "quotation is not marked".to_owned(),
            |share| format!("{} of the words are quoted", words::percent(share)),
        );
        let (with, without) = (sourcing.figures_with_source.count, sourcing.figures_without_source.count);
        let figures = match with + without {
            0 if !matches!(language, "" | "en") => {
                "there are no figures in digits, and in words they are not read in this language".to_owned()
            }
            0 => "there are no figures".to_owned(),
            all => format!("{with} of {} have one", words::plural(all, "figure")),
        };
        self.facts.push(("Sources", format!("{named}, {quoted_words}, {figures}")));
        let rows = [
            ("sentences that name a source", &sourcing.sourced_sentences),
            ("quotations", &sourcing.quotations),
            ("figures with a source near", &sourcing.figures_with_source),
            ("figures without", &sourcing.figures_without_source),
        ];
        let row = |(name, found): (&str, &data::Places)| {
            (vec![name.to_owned(), words::count(found.count)], quoted(&found.examples, places))
        };
        let rows = rows.into_iter().filter(|(_, found)| found.count > 0).map(row).collect();
        self.table("Sources", &["What", "#Count", "For example"], rows);
    }

    fn add_repetition(&mut self, repetition: &Repetition, places: &Places) {
        if repetition.sentences == 0 {
            return;
        }
        let mut facts = vec![format!(
            "{} of {} say an earlier one again ({})",
            repetition.repeated_sentences,
            words::plural(repetition.sentences, "sentence"),
            words::percent(repetition.repeated_share)
        )];
        if !repetition.spam.is_empty() {
            let names: Vec<String> =
                repetition.spam.iter().map(|name| safe(name).replace('_', " ")).collect();
            facts.push(format!("denser than in most talk: {}", names.join(", ")));
        }
        self.facts.push(("Repetition", facts.join("; ")));
        let phrase = |phrase: &data::Phrase| {
            (vec![safe(&phrase.text), words::count(phrase.count)], quoted(&phrase.examples, places))
        };
        self.table(
            "Phrases that come back",
            &["Phrase", "#Count", "Places"],
            repetition.phrases.iter().map(phrase).collect(),
        );
        let cue = |cue: &data::Cue| {
            let rate = format!("{:.1}", cue.per_1000_words);
            let name = safe(&cue.cue).replace('_', " ");
            (vec![name, words::count(cue.count), rate], quoted(&cue.examples, places))
        };
        self.table(
            "Cues of mass texts",
            &["Cue", "#Count", "#Per 1,000 words", "For example"],
            repetition.cues.iter().map(cue).collect(),
        );
    }

    fn table(
        &mut self,
        name: &'static str,
        columns: &'static [&'static str],
        rows: Vec<(Vec<String>, Vec<Said>)>,
    ) {
        if !rows.is_empty() {
            self.tables.push(StyleTable { name, columns, rows });
        }
    }
}

impl StretchView {
    /// `02:00, positive (+0.31), 12 sentences`.
    pub(crate) fn legend(&self) -> String {
        let place = self.at.place().map_or_else(String::new, |place| format!("{place}, "));
        let sentences = words::plural(self.sentences, "sentence");
        format!("{place}{} ({}), {sentences}", tone(self.value), signed(self.value))
    }
}

fn quoted(examples: &[data::Example], places: &Places) -> Vec<Said> {
    let said = |row: &data::Example| places.quoted(&row.words, row.segment.as_deref(), row.start_ms);
    examples.iter().map(said).collect()
}

fn tone(value: f64) -> &'static str {
    if value >= LEAST_TONE {
        "positive"
    } else if value <= -LEAST_TONE {
        "negative"
    } else {
        "neutral"
    }
}

fn signed(value: f64) -> String {
    format!("{value:+.2}")
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", words::count(count)) }
}
