//! Ways of saying the same brought together: frames, dates, lists, phrases of time in front, possessives, passives.

use std::sync::LazyLock;

use super::WORDS;
use super::inflect::{Form, readings};
use super::own_terms::{is_function, is_time};
use super::reading::Asks;
use super::tokens::{Article, Case, Kind, Token};

/// A rewriting: whether it holds at the beginning only, what it takes, what it puts there.
struct Frame {
    anchored: bool,
    from: Vec<Vec<&'static str>>,
    to: Vec<&'static str>,
}

static FRAMES: LazyLock<Vec<Frame>> = LazyLock::new(|| {
    let lines = include_str!("frames.txt").lines().filter(|line| !line.starts_with('#'));
    let frame = |line: &'static str| {
        let (from, to) = line.split_once("=>")?;
        let anchored = from.starts_with('^');
        let from =
            from.trim_start_matches('^').split_whitespace().map(|word| word.split('|').collect()).collect();
        Some(Frame { anchored, from, to: to.split_whitespace().collect() })
    };
    lines.filter_map(frame).collect()
});

pub(super) fn rewrite(tokens: &mut Vec<Token>) {
    for frame in FRAMES.iter() {
        let mut place = 0;
        while place + frame.from.len() <= tokens.len() {
            let fits = |word: &&str, token: &Token| match word.strip_prefix('!') {
                Some(capitals) => token.word == capitals && token.case == Case::Fixed,
                None => token.word == *word && matches!(token.kind, Kind::Word | Kind::Mark),
            };
            let holds = frame
                .from
                .iter()
                .zip(&tokens[place..])
                .all(|(words, token)| words.iter().any(|word| fits(word, token)));
            // "The way to Rome" is no way of doing something.
            let next = tokens.get(place + frame.from.len());
            let does = next.is_some_and(|next| next.article == Article::None && next.case == Case::Lower);
            if holds && (does || frame.to != ["how_to"]) {
                let article = tokens[place].article;
                let last = tokens[place + frame.from.len() - 1].clone();
                let to = frame.to.iter().map(|word| match *word {
                    "*" => last.clone(),
                    word => Token { article, ..Token::word(word) },
                });
                tokens.splice(place..place + frame.from.len(), to.collect::<Vec<_>>());
            }
            if frame.anchored {
                break;
            }
            place += 1;
        }
    }
}

/// "May 14th, 2026" and "14 of May 2026" become "14 may 2026".
pub(super) fn dates(tokens: &mut Vec<Token>) {
    let ordinal = |word: &str| {
        let figures = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let ending = &word[figures.len()..];
        let is_day = figures.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day));
        (is_day && matches!(ending, "" | "st" | "nd" | "rd" | "th")).then(|| figures.to_owned())
    };
    let is_month = |token: &Token| WORDS.has("months", &token.word) && token.case != Case::Lower;
    for place in 0..tokens.len() {
        if !is_month(&tokens[place]) {
            continue;
        }
        let of = place >= 2 && tokens[place - 1].is("of") && ordinal(&tokens[place - 2].word).is_some();
        let day_before = if of { place.checked_sub(2) } else { place.checked_sub(1) };
        let day_before = day_before.and_then(|day| Some((day, ordinal(&tokens[day].word)?)));
        if let Some((day, figures)) = day_before {
            tokens[day].word = figures;
            tokens[day].article = Article::None;
            if of {
                tokens.remove(place - 1);
            }
            return dates_after(tokens, day + 1);
        }
        // "By May 14 banks" may count banks.
        let counts = tokens
            .get(place + 1)
            .is_some_and(|day| day.word.bytes().all(|byte| byte.is_ascii_digit()))
            && tokens.get(place + 2).is_some_and(|next| next.kind == Kind::Word && !is_function(&next.word));
        if let Some(figures) = tokens.get(place + 1).filter(|_| !counts).and_then(|day| ordinal(&day.word)) {
            tokens[place + 1].word = figures;
            tokens.swap(place, place + 1);
            return dates_after(tokens, place + 1);
        }
    }
}

/// The comma between a date's month and its year: not that of "on 14 May, 1200 people".
fn dates_after(tokens: &mut Vec<Token>, month: usize) {
    let year = tokens.get(month + 2).is_some_and(|token| token.kind == Kind::Number && token.word.len() == 4);
    let counts = tokens
        .get(month + 3)
        .is_some_and(|next| next.kind == Kind::Number || next.kind == Kind::Word && !is_function(&next.word));
    if year && !counts && tokens.get(month + 1).is_some_and(|token| token.is_mark(",")) {
        tokens.remove(month + 1);
    }
}

/// The comma before the last "and" of a list of plain words: "red, green, and blue". In "we met Ann, the mayor, and the clerk" it
/// makes Ann the mayor.
pub(super) fn commas(tokens: &mut Vec<Token>) {
    let plain = |token: &Token| {
        token.kind == Kind::Word
            && token.case == Case::Lower
            && token.article == Article::None
            && !is_function(&token.word)
            && readings(&token.word).iter().all(|(_, form)| matches!(form, Form::Base | Form::S))
    };
    let lists = |list: &[Token]| match list {
        [first, comma, second, another, and, last] => {
            [first, second, last].into_iter().all(plain)
                && comma.is_mark(",")
                && another.is_mark(",")
                && (and.is("and") || and.is("or"))
        }
        _ => false,
    };
    while let Some(place) = tokens.windows(6).position(lists) {
        tokens.remove(place + 3);
    }
}

/// "In 2019, sales fell" becomes "sales fell in 2019", where there is only one verb that it can belong to, and what is told did
/// not happen at another time than it was planned, foretold or judged. What is denied until a day happened on it.
pub(super) fn fronted(tokens: &mut Vec<Token>) {
    if !tokens.first().is_some_and(|first| WORDS.has("prepositions_of_time", &first.word) && !first.is_name())
    {
        return;
    }
    let Some(comma) = tokens.iter().position(|token| token.is_mark(",")) else { return };
    let is_date = |token: &Token| {
        token.kind == Kind::Number
            || WORDS.has("dates", &token.word)
            || WORDS.has("prepositions_of_time", &token.word)
            || token.is("of")
    };
    let rest = &tokens[comma + 1..];
    let simple = rest.iter().enumerate().all(|(place, token)| {
        let listed = |list| WORDS.has(list, &token.word);
        // "The plan" and "the debt report" are things, "banks plan" is a verb.
        let after_several = place.checked_sub(1).is_some_and(|place| rest[place].word.ends_with('s'));
        let is_of_another_time = readings(&token.word).iter().any(|(base, form)| {
            WORDS.has("prospects", base)
                && (*form != Form::Base || token.article == Article::None && after_several)
        });
        // "The winner of the race in 2019" won then.
        let is_one_of = token.is("of") || token.is("due") || token.kind == Kind::Number || listed("months");
        let is_listed = listed("reports") || listed("negation") || listed("scope");
        !(token.kind == Kind::Mark || is_one_of || is_listed || is_of_another_time || is_clause(token))
    });
    if comma > 5 || !tokens[..comma].iter().all(is_date) || !simple || rest.is_empty() || verbs(rest) > 1 {
        return;
    }
    let phrase: Vec<Token> = tokens.drain(..comma).collect();
    tokens.remove(0);
    tokens.extend(phrase);
}

/// "According to Ann Lee, the plan failed" and "Ann Lee said that the plan failed" become "Ann Lee said the plan failed", where one
/// person is named and one plain thing is told. "Ann said that plan failed" is of that plan.
pub(super) fn attribution(tokens: &mut Vec<Token>, asks: Asks) {
    const MOST_NAMES: usize = 3;
    // The first word of a sentence has a capital anyway.
    let names = |tokens: &[Token]| {
        let is_name = |(place, token): (usize, &Token)| {
            token.kind == Kind::Word
                && token.article == Article::None
                && (token.is_name() || place == 0 && token.case == Case::Unknown && !is_function(&token.word))
        };
        tokens.iter().enumerate().take_while(|token| is_name(*token)).count()
    };
    // One thing is told, and nothing that may be of the telling: "in court", "and left", "on 14 May".
    let of_telling = |token: &Token| {
        let listed = |list| WORDS.has(list, &token.word);
        matches!(token.kind, Kind::Mark | Kind::Quote | Kind::Number)
            || listed("reports")
            || listed("prepositions_of_time")
            || listed("dates")
            || ["and", "or", "nor", "under", "without", "with", "to", "from", "through", "behind"]
                .contains(&token.word.as_str())
    };
    let plain = |rest: &[Token]| {
        let begins = |first: &Token| {
            // "Christmas the plan failed" is a time and what happened then.
            let stands_apart = rest.get(1).is_some_and(|next| next.article != Article::None);
            first.article == Article::The || first.is_name() && !stands_apart
        };
        rest.first().is_some_and(begins)
            && !rest.iter().any(of_telling)
            && !rest.iter().any(is_clause)
            && verbs(rest) == 1
    };
    if asks != Asks::Nothing {
        return;
    }
    let from = match tokens.as_slice() {
        [according, to, ..] if according.is("according") && to.is("to") => 2,
        _ => 0,
    };
    let ends = from + names(&tokens[from..]);
    let Some(next) = tokens.get(ends).filter(|_| (from + 1..=from + MOST_NAMES).contains(&ends)) else {
        return;
    };
    let tells = match from {
        0 => next.is("said"),
        _ => next.is_mark(","),
    };
    let that = from == 0 && tokens.get(ends + 1).is_some_and(|token| token.is("that"));
    let told = ends + 1 + usize::from(that);
    if tells && plain(&tokens[told..]) {
        // Of several words before "said" the first is a name as the others are.
        if ends > from + 1 && tokens[from].case == Case::Unknown {
            tokens[from].case = Case::Capital;
        }
        tokens.splice(ends..told, [Token::word("said")]);
        tokens.drain(..from);
    }
}

/// Whether a word may begin a clause of its own: "fishing", but not that of "the fishing treaty".
fn is_clause(token: &Token) -> bool {
    token.word.ends_with("ing") && token.article == Article::None
}

/// How many words are forms of the past, or of "be".
fn verbs(tokens: &[Token]) -> usize {
    let past = |token: &&Token| {
        !token.is_name()
            && readings(&token.word).iter().any(|(_, form)| matches!(form, Form::Past | Form::Participle))
    };
    tokens.iter().filter(past).count()
}

/// "France's capital" becomes "capital of France", where it is seen where the owner's name begins: "the German bank's director" is
/// of a German bank, and need not be German.
pub(super) fn possessives(tokens: &mut Vec<Token>) {
    let Some(mark) = tokens.iter().position(|token| token.word == "'s") else { return };
    let ends = mark + 2 == tokens.len();
    let Some(thing) = tokens.get(mark + 1).filter(|thing| ends && WORDS.has("attributes", &thing.word))
    else {
        return;
    };
    let thing = Token { article: Article::The, ..thing.clone() };
    // Back to a word that no owner's name has. "The king of Spain's height" is the king's.
    let owner = (0..mark).rev().take_while(|place| !is_function(&tokens[*place].word));
    let Some(owner_from) = owner.last() else { return };
    let before = owner_from.checked_sub(1).map(|place| tokens[place].word.as_str());
    let begins = before.is_none_or(|before| WORDS.has("auxiliary", before) || WORDS.has("question", before));
    let apart = tokens[owner_from + 1..mark].iter().any(|token| token.article != Article::None);
    if !begins || apart || tokens[owner_from..mark].iter().any(|token| token.kind != Kind::Word) {
        return;
    }
    let owner: Vec<Token> = tokens[owner_from..mark].to_vec();
    tokens.truncate(owner_from);
    tokens.extend([thing, Token::word("of")]);
    tokens.extend(owner);
}

/// "The plan was approved by the council" becomes "the council approved the plan": in a claim of which nothing is left over, and
/// in which what stands after "by" is who did it. It may also say where ("the body was found by the museum"), how ("by
/// hand") or by how much.
pub(super) fn passive(tokens: &mut Vec<Token>, asks: Asks) {
    let be = |token: &Token| token.is("was") || token.is("were");
    let Some(verb) = tokens.iter().position(be).filter(|_| asks == Asks::Nothing) else { return };
    let Some(participle) = tokens.get(verb + 1) else { return };
    let by = tokens.get(verb + 2).is_some_and(|token| token.is("by"));
    let (patient, agent) = (&tokens[..verb], &tokens[tokens.len().min(verb + 3)..]);
    let plain = |part: &[Token]| {
        !part.is_empty()
            && part.iter().all(|token| {
                token.kind != Kind::Mark
                    && token.kind != Kind::Number
                    && !is_function(&token.word)
                    && !WORDS.has("scope", &token.word)
                    && !WORDS.has("counts", &token.word)
                    && !is_clause(token)
                    && token.word != "'s"
            })
    };
    let is_definite = |token: &Token| token.article != Article::None || token.is_name();
    let is_one = agent.first().is_some_and(|first| is_definite(first) && !is_time(&first.word))
        && agent.last().is_some_and(|last| !WORDS.has("no_agents", &last.word));
    let past: Vec<String> = readings(&participle.word)
        .into_iter()
        .filter(|(_, form)| *form == Form::Participle)
        .map(|(base, _)| base)
        .collect();
    if !by
        || !is_one
        || past.is_empty()
        || past.iter().any(|base| WORDS.has("located", base))
        || !plain(patient)
        || !plain(agent)
        || verbs(patient) + verbs(agent) > 0
    {
        return;
    }
    let mut active = agent.to_vec();
    active.push(Token { word: past_of(&participle.word), ..participle.clone() });
    active.extend_from_slice(patient);
    *tokens = active;
}

/// The past of what this is the participle of: only irregular verbs have another.
fn past_of(participle: &str) -> String {
    let mut lines = include_str!("irregular.txt").lines();
    let past = lines.find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.len() == 3 && words[2] == participle).then(|| words[1])
    });
    past.unwrap_or(participle).to_owned()
}
