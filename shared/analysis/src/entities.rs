//! Names of people, organisations and places, by capitals and a small gazetteer; precision before recall.
//!
//! Scripts without capitals, and captions all in one case, give the speakers only: guessing would invent names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::document::{Document, Token};
use crate::lexicon;

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person.
    Person,
    /// An organisation.
    Organisation,
    /// A place.
    Place,
    /// Something else, or nobody knows.
    Other,
}

/// A named thing and where it is mentioned.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The longest form of the name, without titles.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How often it is mentioned.
    pub mentions: usize,
    /// Indices of the segments that mention it, ascending.
    pub segments: Vec<usize>,
}

/// Finds entities, most mentioned first.
pub fn find(document: &Document<'_>) -> Vec<Entity> {
    let mut found = Found::default();
    for name in speaker_names(document) {
        found.entry(&name).person += 2;
    }
    if has_two_cases(document) {
        let marks: Vec<u16> = document.words.iter().map(|word| mark(&word.text)).collect();
        let inner_capitals = words_with_inner_capitals(document);
        for segment in 0..document.segments.len() {
            Scan { document, marks: &marks, inner_capitals: &inner_capitals, segment }.runs(&mut found);
        }
    }
    found.merge()
}

/// Speaker labels that are names and not roles.
pub fn speaker_names(document: &Document<'_>) -> Vec<String> {
    let labels: BTreeSet<&str> =
        document.segments.iter().filter_map(|segment| segment.speaker.as_deref()).collect();
    labels.into_iter().filter(|label| is_personal(label)).map(str::to_owned).collect()
}

/// True if a speaker label is a name and not a role or a number.
pub fn is_personal(label: &str) -> bool {
    const ROLES: &[&str] = &[
        "speaker",
        "host",
        "guest",
        "narrator",
        "interviewer",
        "interviewee",
        "moderator",
        "unknown",
        "man",
        "woman",
        "audience",
        "voice",
        "caller",
        "reporter",
        "anchor",
        "presenter",
        "announcer",
        "q",
        "a",
        "spk",
        "operator",
        "male",
        "female",
        "child",
        "all",
        "both",
        "crowd",
        "sprecher",
        "moderatorin",
    ];
    let first = label.split([' ', '_', '-']).next().unwrap_or_default().to_lowercase();
    !label.contains(|letter: char| letter.is_numeric()) && !ROLES.contains(&first.as_str()) && label.len() > 1
}

const TITLE: u16 = 1;
const ORGANISATION: u16 = 2;
const ORGANISATION_NAME: u16 = 4;
const PLACE: u16 = 8;
const PLACE_BEFORE: u16 = 16;
const PLACE_NAME: u16 = 32;
const GIVEN: u16 = 64;
const NOT_NAME: u16 = 128;

static MARKS: LazyLock<HashMap<&'static str, u16>> = LazyLock::new(|| {
    let mut marks: HashMap<&'static str, u16> = HashMap::new();
    for phrase in lexicon::names() {
        let bit = match phrase.cue {
            "title" => TITLE,
            "organisation" => ORGANISATION,
            "organisation.name" => ORGANISATION_NAME,
            "place" => PLACE,
            "place.before" => PLACE_BEFORE,
            "place.name" => PLACE_NAME,
            "given" => GIVEN,
            _ => NOT_NAME,
        };
        *marks.entry(phrase.words[0]).or_default() |= bit;
    }
    marks
});

fn mark(word: &str) -> u16 {
    MARKS.get(word.strip_suffix("'s").unwrap_or(word)).copied().unwrap_or(0)
}

/// False for captions in one case, or with every word capitalised.
pub(crate) fn has_two_cases(document: &Document<'_>) -> bool {
    let mut inner = 0_usize;
    let mut capitals = 0_usize;
    for tokens in &document.tokens {
        for token in tokens.iter().skip(1) {
            inner += 1;
            capitals += usize::from(token.capital);
        }
    }
    let most = if document.language == "de" { 75 } else { 60 };
    capitals > 0 && capitals * 100 <= inner * most
}

/// Words that stand with a capital inside a sentence, and never without one.
fn words_with_inner_capitals(document: &Document<'_>) -> Vec<bool> {
    let mut inner = vec![false; document.words.len()];
    let mut small = vec![false; document.words.len()];
    for tokens in &document.tokens {
        for (position, token) in tokens.iter().enumerate() {
            if !token.capital {
                small[token.word as usize] = true;
            } else if position > 0 {
                inner[token.word as usize] = true;
            }
        }
    }
    inner.iter().zip(small).map(|(inner, small)| *inner && !small).collect()
}

struct Scan<'a, 'd> {
    document: &'a Document<'d>,
    marks: &'a [u16],
    inner_capitals: &'a [bool],
    segment: usize,
}

impl Scan<'_, '_> {
    fn tokens(&self) -> &[Token] {
        &self.document.tokens[self.segment]
    }

    fn mark(&self, position: usize) -> u16 {
        self.marks[self.tokens()[position].word as usize]
    }

    fn word(&self, position: usize) -> &str {
        &self.document.word(&self.tokens()[position]).text
    }

    fn gap(&self, position: usize) -> &str {
        let tokens = self.tokens();
        &self.document.segments[self.segment].text
            [tokens[position].end as usize..tokens[position + 1].start as usize]
    }

    fn runs(&self, found: &mut Found) {
        let mut position = 0;
        while position < self.tokens().len() {
            if !self.may_be_named(position) {
                position += 1;
                continue;
            }
            let end = self.run_end(position);
            self.record(position, end, found);
            position = end;
        }
    }

    fn may_be_named(&self, position: usize) -> bool {
        let token = &self.tokens()[position];
        let mark = self.mark(position);
        let word = self.document.word(token);
        if mark & ORGANISATION_NAME != 0 && word.letters <= 4 && !self.is_acronym(token) {
            return false;
        }
        if !token.capital || (mark & NOT_NAME != 0 && mark & (TITLE | GIVEN | PLACE_NAME) == 0) {
            return false;
        }
        mark & TITLE != 0 || word.content || mark & (PLACE_BEFORE | ORGANISATION_NAME | PLACE_NAME) != 0
    }

    /// Short names of organisations are words too ("who", "un"): only capitals throughout mean the organisation.
    fn is_acronym(&self, token: &Token) -> bool {
        !self.document.text(self.segment, token).contains(char::is_lowercase)
    }

    /// The end of the run of capitals that starts at a token.
    fn run_end(&self, start: usize) -> usize {
        const LONGEST_RUN: usize = 7;
        let tokens = self.tokens();
        let mut end = start + 1;
        while end < tokens.len() && end - start < LONGEST_RUN {
            let gap = self.gap(end - 1);
            let initial = self.mark(end - 1) & TITLE != 0 || self.word(end - 1).chars().count() == 1;
            let joined = gap == " " || gap == "-" || gap == "' " || gap == "’ " || (gap == ". " && initial);
            // "Fenner's Meadow" is one name, "Ann's Berlin" is two.
            let possessive =
                self.word(end - 1).ends_with("'s") && self.mark(end) & (PLACE | ORGANISATION) == 0;
            if !joined || possessive {
                break;
            }
            if tokens[end].capital && (self.mark(end) & NOT_NAME == 0 || self.mark(end) & TITLE != 0) {
                end += 1;
            } else if let Some(after) = self.connected(start, end) {
                end = after;
            } else {
                break;
            }
        }
        end
    }

    /// The end of the run if a small word at `position` belongs to the name: "University of Leeds", "Ann and Sons Ltd".
    fn connected(&self, start: usize, position: usize) -> Option<usize> {
        let tokens = self.tokens();
        let next = tokens.get(position + 1)?;
        if !next.capital || self.gap(position) != " " {
            return None;
        }
        let before = self.mark(position - 1);
        match self.word(position) {
            "of" | "for" if before & ORGANISATION != 0 || self.word(position - 1) == "house" => {
                Some(position + 2)
            }
            "de" | "von" | "van" | "der" | "da" | "di" | "du" | "del" | "bin" | "al" => Some(position + 2),
            "and" => {
                let mut end = position + 2;
                while end < tokens.len() && tokens[end].capital && self.gap(end - 1) == " " && end - start < 6
                {
                    end += 1;
                }
                (self.mark(end - 1) & ORGANISATION != 0 && before & (ORGANISATION | PLACE) == 0)
                    .then_some(end)
            }
            _ => None,
        }
    }

    fn record(&self, start: usize, end: usize, found: &mut Found) {
        let mut first = start;
        while first < end && self.mark(first) & TITLE != 0 && (end - first > 1 || end - start > 1) {
            first += 1;
        }
        // A lone title, or one before nothing, names nobody.
        if first == end
            || (end - start == 1 && self.mark(start) & TITLE != 0 && self.mark(start) & GIVEN == 0)
        {
            return;
        }
        let titled = first > start;
        let last_mark = self.mark(end - 1);
        let first_mark = self.mark(first);
        let length = end - first;
        let any = |bits: u16| (first..end).any(|position| self.mark(position) & bits != 0);
        let kind = if titled && last_mark & (ORGANISATION | PLACE) == 0 {
            Kind::Person
        } else if last_mark & ORGANISATION != 0 && length > 1
            || first_mark & ORGANISATION_NAME != 0 && length == 1
        {
            Kind::Organisation
        } else if first_mark & PLACE_NAME != 0 && length == 1
            || length > 1 && (last_mark & (PLACE | PLACE_NAME) != 0 || first_mark & PLACE_BEFORE != 0)
        {
            Kind::Place
        } else if any(ORGANISATION) && length > 1 {
            Kind::Organisation
        } else if first_mark & GIVEN != 0 {
            Kind::Person
        } else {
            Kind::Other
        };
        if !self.is_credible(start, first, end, kind) {
            return;
        }
        let tokens = self.tokens();
        let text = &self.document.segments[self.segment].text;
        let name = &text[tokens[first].start as usize..tokens[end - 1].end as usize];
        let name = name.strip_suffix("'s").or_else(|| name.strip_suffix("’s")).unwrap_or(name);
        let entry = found.entry(name);
        match kind {
            Kind::Person => entry.person += if titled { 3 } else { 1 },
            Kind::Organisation => entry.organisation += 1,
            Kind::Place => entry.place += 1,
            Kind::Other => {
                let before = start.checked_sub(1).map_or("", |position| self.word(position));
                entry.located += usize::from(matches!(before, "in" | "at" | "near" | "from" | "outside"));
            }
        }
        entry.segments.push(self.segment);
    }

    /// Keeps out sentence-initial words and, in German, nouns.
    fn is_credible(&self, start: usize, first: usize, end: usize, kind: Kind) -> bool {
        let lone = end - first == 1;
        let token = &self.tokens()[first];
        if self.document.word(token).letters < 2 && lone {
            return false;
        }
        if self.document.language == "de" {
            return kind != Kind::Other && (kind != Kind::Place || self.mark(first) & PLACE_NAME != 0);
        }
        if start > 0 && !self.begins_clause(start) {
            return true;
        }
        let known = self.mark(first) & (GIVEN | PLACE_NAME | ORGANISATION_NAME) != 0 || first > start;
        known || self.inner_capitals[token.word as usize] || (!lone && kind != Kind::Other)
    }

    /// A capital after a quotation mark or a colon is no sign of a name.
    fn begins_clause(&self, position: usize) -> bool {
        self.gap(position - 1).contains(['"', '“', '„', '«', ':', '.', '?', '!'])
            && self.mark(position - 1) & TITLE == 0
    }
}

#[derive(Default)]
struct Entry {
    person: usize,
    organisation: usize,
    place: usize,
    located: usize,
    segments: Vec<usize>,
}

#[derive(Default)]
struct Found {
    entries: BTreeMap<String, Entry>,
}

impl Found {
    fn entry(&mut self, name: &str) -> &mut Entry {
        self.entries.entry(name.to_owned()).or_default()
    }

    /// Joins short forms with the one long form they can stand for.
    fn merge(self) -> Vec<Entity> {
        let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, entry) in &self.entries {
            let organisation = entry.organisation > 0 && entry.person == 0 && entry.place == 0;
            if (organisation || entry.person > 0 && entry.organisation == 0) && name.contains(' ') {
                for part in name.split([' ', '\'', '’']).filter(|part| part.starts_with(char::is_uppercase))
                {
                    owners.entry(part).or_default().push(name);
                }
            }
        }
        let mut merged: BTreeMap<&str, Entity> = BTreeMap::new();
        for (name, entry) in &self.entries {
            let owner = match owners.get(name.as_str()).map(Vec::as_slice) {
                Some([owner]) if entry.place == 0 && entry.organisation == 0 && !name.contains(' ') => owner,
                _ => name.as_str(),
            };
            let target = &self.entries[owner];
            let entity = merged.entry(owner).or_insert_with(|| Entity {
                name: owner.to_owned(),
                kind: target.kind(),
                mentions: 0,
                segments: Vec::new(),
            });
            entity.mentions += entry.segments.len();
            entity.segments.extend(&entry.segments);
        }
        let mut entities: Vec<Entity> = merged.into_values().collect();
        for entity in &mut entities {
            entity.segments.sort_unstable();
            entity.segments.dedup();
        }
        entities.sort_by_key(|entity| (usize::MAX - entity.mentions, entity.segments.first().copied()));
        entities
    }
}

impl Entry {
    fn kind(&self) -> Kind {
        let most = self.person.max(self.organisation).max(self.place);
        if most == 0 {
            return if self.located >= 2 { Kind::Place } else { Kind::Other };
        }
        if self.person == most {
            Kind::Person
        } else if self.organisation == most {
            Kind::Organisation
        } else {
            Kind::Place
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segments::Segment;

    fn check(language: &str, sentences: &[&str], expected: &[(&str, Kind, usize)]) {
        let segment = |text: &&str| Segment { text: (*text).into(), ..Segment::default() };
        let segments: Vec<Segment> = sentences.iter().map(segment).collect();
        let document = Document::new(&segments, language);
        let found = find(&document);
        let rows: Vec<_> =
            found.iter().map(|entity| (entity.name.as_str(), entity.kind, entity.mentions)).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn people_and_their_short_forms() {
        let sentences = [
            "Today we ask Dr. Helen Marsh of Northfield University.",
            "Because Dr. Marsh knows rivers, the plan changed.",
            "Steel fell, says Helen.",
        ];
        let expected = [("Helen Marsh", Kind::Person, 3), ("Northfield University", Kind::Organisation, 1)];
        check("en", &sentences, &expected);
    }

    #[test]
    fn organisations_and_places() {
        let sentences = [
            "The builder, Harrow and Sons Limited, works near the River Tarn in France.",
            "People say that the Taxpayers' Forum met at Quay Street on Monday.",
        ];
        let expected = [
            ("France", Kind::Place, 1),
            ("Harrow and Sons Limited", Kind::Organisation, 1),
            ("River Tarn", Kind::Place, 1),
            ("Quay Street", Kind::Place, 1),
            ("Taxpayers' Forum", Kind::Organisation, 1),
        ];
        check("en", &sentences, &expected);
    }

    #[test]
    fn no_names_where_capitals_say_nothing() {
        check("en", &["EVERY WORD IS SHOUTED IN LONDON"], &[]);
        check("en", &["nothing has a capital in london"], &[]);
        check("de", &["Die Arbeit am Dach der Halle beginnt."], &[]);
        check(
            "de",
            &["Heute spricht Herr Brandt in Berlin über das Dach."],
            &[("Berlin", Kind::Place, 1), ("Brandt", Kind::Person, 1)],
        );
    }
}
