//! Talks: each has claims, most of them beside sentences that have nothing to do with them, some beside one that does.

use std::collections::{BTreeMap, BTreeSet};

use crate::score::Lcg;

/// Claims in a talk. A comprehensive run checks 25 at most.
const CLAIMS: usize = 18;
/// Of these, repeated from earlier talks where a talk repeats any.
const REPEATED: usize = CLAIMS / 3;
/// Claims are repeated of so many talks back at most, and content comes again within as many.
const BACK: usize = 40;
/// Lines that are edited of a talk of three lines a claim: a twentieth.
const EDITED: usize = 3 * CLAIMS / 20;
/// One claim in so many is followed by a sentence on the same matter, and one in so many by a denial: these are judged anew.
const ON_THE_MATTER: usize = 16;

/// Where a talk comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The same bytes as before.
    Identical,
    /// The same words, written down by somebody else.
    Reissued,
    /// Sentences beside the claims exchanged.
    Rephrased,
    /// Figures of claims changed.
    Corrected,
    /// Other content that says some of the same in other words.
    Repeating,
    /// Nothing of it was ever said.
    New,
}

/// A talk.
#[derive(Clone, Debug)]
pub(super) struct Show {
    pub(super) class: Class,
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    /// Claims that an earlier talk made in other words.
    pub(super) repeats: BTreeSet<String>,
    /// Facts it tells, and which lines tell them.
    told: Vec<(usize, usize)>,
}

impl Show {
    /// As captions.
    pub(super) fn vtt(&self) -> String {
        const SPEAKERS: [&str; 2] = ["Nora Whitfield", "Daniel Okafor"];
        let stamp =
            |second: usize| format!("{:02}:{:02}:{:02}.000", second / 3_600, second / 60 % 60, second % 60);
        let mut text = "WEBVTT\n".to_owned();
        for (place, line) in self.lines.iter().enumerate() {
            let (from, to) = (stamp(6 * place), stamp(6 * place + 5));
            text.push_str(&format!("\n{from} --> {to}\n<v {}>{line}\n", SPEAKERS[place / 6 % 2]));
        }
        text
    }
}

/// Facts: the number of each by every text that tells it.
pub(super) type Facts = BTreeMap<String, usize>;

/// Makes talks.
pub(super) struct Shows {
    random: Lcg,
    /// Two ways to tell each fact.
    facts: Vec<[String; 2]>,
    made: Vec<Show>,
    number: usize,
}

impl Shows {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Lcg(seed), facts: Vec::new(), made: Vec::new(), number: 0 }
    }

    /// The number of every text.
    pub(super) fn into_facts(self) -> Facts {
        let numbered = self.facts.into_iter().enumerate();
        numbered.flat_map(|(number, texts)| texts.map(|text| (text, number))).collect()
    }

    /// Every line of every talk.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.made.iter().flat_map(|show| &show.lines).map(String::as_str)
    }

    /// The next talk of a replay.
    pub(super) fn next(&mut self, number: usize) -> Show {
        // Twenty after one another are five, five, six and four.
        let earlier = self.earlier();
        match (number % 20, earlier) {
            (0 | 4 | 8 | 12 | 16, Some(earlier)) => Show { class: Class::Identical, ..earlier },
            (1 | 5 | 9 | 13 | 17, Some(earlier)) => self.edited(earlier, number / 4),
            (2 | 6 | 10 | 14 | 18 | 19, _) => self.repeating(),
            _ => self.talk(Class::New, 0),
        }
    }

    /// A talk that repeats a third of its claims.
    pub(super) fn repeating(&mut self) -> Show {
        self.talk(Class::Repeating, REPEATED)
    }

    /// A talk that says nothing new.
    pub(super) fn said_again(&mut self) -> Show {
        self.talk(Class::Repeating, CLAIMS)
    }

    fn earlier(&mut self) -> Option<Show> {
        let recent = self.made.len().min(BACK);
        let back = self.random.below(recent);
        self.made.iter().rev().nth(back).cloned()
    }

    fn talk(&mut self, class: Class, repeated: usize) -> Show {
        let mut claims: Vec<(usize, usize)> = Vec::new();
        for _ in 0..repeated {
            let Some(earlier) = self.earlier() else { break };
            let (fact, way) = earlier.told[self.random.below(earlier.told.len())];
            if claims.iter().all(|(other, _)| *other != fact) {
                claims.push((fact, 1 - way));
            }
        }
        let repeats = claims.iter().map(|(fact, way)| self.facts[*fact][*way].clone()).collect();
        while claims.len() < CLAIMS {
            claims.push((self.facts.len(), self.random.below(2)));
            let fact = self.fact();
            self.facts.push(fact);
        }
        for place in (1..claims.len()).rev() {
            claims.swap(place, self.random.below(place + 1));
        }
        self.number += 1;
        let mut lines = vec![format!("Welcome to talk number {} of our series.", self.number)];
        for (fact, way) in &claims {
            lines.push(self.facts[*fact][*way].clone());
            let after = match self.random.below(ON_THE_MATTER) {
                0 => format!("People talk a lot of {}", last_words(&self.facts[*fact][0])),
                1 => DENIALS[self.random.below(DENIALS.len())].to_owned(),
                _ => self.beside(),
            };
            lines.push(after);
            lines.push(self.beside());
        }
        let show = Show { class, name: format!("talk {}.vtt", self.number), lines, repeats, told: claims };
        self.made.push(show.clone());
        show
    }

    /// A fact, told in two ways.
    fn fact(&mut self) -> [String; 2] {
        let random = &mut self.random;
        let mut pick = |words: &[&'static str]| words[random.below(words.len())];
        let name = |one: &str, two: &str| format!("{one}{two}");
        let actor = format!("the {} {}", name(pick(&BEGINNINGS), pick(&ENDINGS)), pick(&BODIES));
        let thing = format!("the {} {}", name(pick(&BEGINNINGS), pick(&ENDINGS)), pick(&WORKS));
        let who = format!("{} {}", pick(&FIRST_NAMES), name(pick(&BEGINNINGS), pick(&ENDINGS)));
        let (verb, month) = (pick(&DEEDS), pick(&MONTHS));
        let (day, year) = (4 + random.below(17), 1_900 + random.below(120));
        let told = format!("{actor} {verb} {thing}");
        let capital = |text: &str| format!("{}{}", text[..1].to_uppercase(), &text[1..]);
        match random.below(4) {
            0 if !OF_ANOTHER_TIME.contains(&verb) => {
                [capital(&format!("{told} in {year}.")), format!("In {year}, {told}.")]
            }
            0 | 1 => [
                capital(&format!("{told} on {day} {month} {year}.")),
                capital(&format!("{told} on {month} {day}, {year}.")),
            ],
            2 => [format!("{who} said that {told}."), format!("According to {who}, {told}.")],
            _ => [capital(&format!("{told}.")), capital(&format!("{thing} was {verb} by {actor}."))],
        }
    }

    fn beside(&mut self) -> String {
        BESIDE[self.random.below(BESIDE.len())].to_owned()
    }

    /// The same talk with a twentieth of its lines edited.
    fn edited(&mut self, earlier: Show, number: usize) -> Show {
        let mut show = Show { repeats: BTreeSet::new(), ..earlier };
        show.class = [Class::Reissued, Class::Rephrased, Class::Corrected][number % 3];
        for edit in 0..EDITED {
            // Claims are the first of each three lines after the welcome.
            let group = (edit * CLAIMS / EDITED + self.random.below(CLAIMS / EDITED)) % CLAIMS;
            let (claim, beside) = (1 + 3 * group, 3 + 3 * group);
            match show.class {
                Class::Reissued => show.lines[claim] = reissued(&show.lines[claim], edit),
                Class::Corrected => show.lines[claim] = corrected(&show.lines[claim]),
                _ => show.lines[beside] = self.beside(),
            }
        }
        show
    }
}

/// What people say while they think.
pub(super) const FILLER: &str = "Um, ";

/// Another hand has written it down.
fn reissued(line: &str, way: usize) -> String {
    match way % 3 {
        0 => format!("{FILLER}{line}"),
        1 => line.replace(' ', "  "),
        _ => format!("{line} "),
    }
}

/// The first figure is another one; where there is none, the sentence is denied.
fn corrected(line: &str) -> String {
    match line.find(|letter: char| letter.is_ascii_digit()) {
        Some(at) => {
            let digit = if &line[at..=at] == "1" { "2" } else { "1" };
            format!("{}{digit}{}", &line[..at], &line[at + 1..])
        }
        None => format!("Nobody can show that {line}"),
    }
}

fn last_words(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    words[words.len().saturating_sub(3)..].join(" ")
}

const BEGINNINGS: [&str; 30] = [
    "Vel", "Tar", "Mor", "Ald", "Bren", "Cas", "Dor", "Esk", "Fal", "Gren", "Hal", "Ister", "Jor", "Kel",
    "Lun", "Mar", "Nor", "Oster", "Pel", "Quor", "Rav", "Sel", "Tor", "Ulver", "Vor", "Wes", "Yar", "Zel",
    "Ash", "Bal",
];
const ENDINGS: [&str; 20] = [
    "mora", "sin", "dale", "wick", "hurst", "ford", "ton", "by", "stead", "mere", "gate", "combe", "field",
    "haven", "low", "crest", "ridge", "brook", "worth", "ley",
];
const FIRST_NAMES: [&str; 12] =
    ["Ines", "Omar", "Priya", "Jonas", "Tessa", "Erik", "Nadia", "Owen", "Marta", "Kofi", "Lena", "Hugo"];
const BODIES: [&str; 30] = [
    "council",
    "harbour authority",
    "orchestra",
    "court",
    "cooperative",
    "museum",
    "railway union",
    "observatory",
    "dairy board",
    "federation",
    "water utility",
    "publisher",
    "airline",
    "chess club",
    "border agency",
    "parliament",
    "hospital trust",
    "steel mill",
    "archive",
    "brewery",
    "parish",
    "housing office",
    "university",
    "bank",
    "theatre",
    "shipyard",
    "laboratory",
    "police",
    "ministry",
    "zoo",
];
const WORKS: [&str; 40] = [
    "bridge",
    "toll",
    "subsidy",
    "timetable",
    "quota",
    "tunnel",
    "night service",
    "safety code",
    "merger",
    "zoning map",
    "vaccine study",
    "tuition grant",
    "loan scheme",
    "treaty",
    "tariff",
    "visa rule",
    "school lunch",
    "customs form",
    "pension fund",
    "rent ceiling",
    "data centre",
    "solar farm",
    "tram line",
    "debt report",
    "dress code",
    "festival",
    "reservoir",
    "prison",
    "statue",
    "lottery",
    "canal",
    "pipeline",
    "census",
    "ferry",
    "dam",
    "hostel",
    "stadium",
    "orchard",
    "lighthouse",
    "mine",
];
const DEEDS: [&str; 24] = [
    "raised",
    "accepted",
    "expanded",
    "praised",
    "opened",
    "strengthened",
    "confirmed",
    "funded",
    "supported",
    "unveiled",
    "revived",
    "tightened",
    "imported",
    "delayed",
    "included",
    "welcomed",
    "merged",
    "ratified",
    "upgraded",
    "cleaned",
    "locked",
    "approved",
    "rejected",
    "closed",
];
/// What these are done to may be of another time: "the delayed tunnel of 1938" and "delayed in 1938".
const OF_ANOTHER_TIME: [&str; 6] = ["accepted", "praised", "confirmed", "supported", "delayed", "welcomed"];
const MONTHS: [&str; 8] = ["January", "February", "April", "June", "July", "August", "October", "November"];

/// What people say between claims.
const BESIDE: [&str; 24] = [
    "We walked along the river this morning.",
    "Anna brought her guitar and a basket of apples.",
    "I like the smell of rain on warm stone.",
    "My grandmother baked bread every morning.",
    "Let us listen to a song together.",
    "Good evening and thank you for being with us.",
    "The garden behind our studio is full of bees.",
    "I wrote a letter to my oldest friend.",
    "Pass me the glass of water, please.",
    "The children painted a large yellow sun.",
    "He plays the violin beautifully.",
    "I love long walks through the forest.",
    "We will take your calls in a moment.",
    "My cat sleeps on the warm radiator.",
    "She told a funny story about her bicycle.",
    "I had two cups of tea with honey.",
    "What a lovely jacket you are wearing!",
    "Welcome back after the music.",
    "They sat by the fire and sang.",
    "I remember the sound of the old clock.",
    "A friend sent me dried flowers.",
    "Our producer waves from behind the window.",
    "We laughed until our sides hurt.",
    "I keep my books in wooden boxes.",
];

/// What people say against each other.
pub(super) const DENIALS: [&str; 4] = [
    "No, I do not think so.",
    "Actually, I have read another thing.",
    "You are wrong, my friend.",
    "Nobody has ever shown that to me.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talks_are_of_the_classes_that_they_say() {
        let mut shows = Shows::new(3);
        let made: Vec<Show> = (0..100).map(|number| shows.next(number)).collect();
        let of = |class| made.iter().filter(|show| show.class == class).count();
        let edited = of(Class::Reissued) + of(Class::Rephrased) + of(Class::Corrected);
        // The very first has nothing to repeat.
        assert_eq!([of(Class::Identical), edited, of(Class::Repeating)], [24, 25, 30]);
        let texts: BTreeSet<String> = made.iter().map(Show::vtt).collect();
        assert!(texts.len() > 60);
        let repeating = made.iter().filter(|show| show.class == Class::Repeating && show.repeats.len() > 3);
        assert!(repeating.count() > 20);
        for show in made {
            assert_eq!(show.lines.len(), 1 + 3 * CLAIMS);
        }
    }
}
