//! A short text as tokens: words, numbers, quotes and marks, with the case and the article that each had.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Quote,
    Mark,
}

/// How a word was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// Small letters, or the word "I".
    Lower,
    /// One capital, at its beginning, and not where every word has one.
    Capital,
    /// A capital where every word has one: at the beginning of a sentence.
    Unknown,
    /// Several capitals, or one inside.
    Fixed,
}

/// The article before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Article {
    None,
    A,
    The,
}

/// A token. `word` is in small letters, `written` as it was where capitals may tell a milliwatt from a megawatt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: String,
    pub(super) written: String,
    pub(super) kind: Kind,
    pub(super) case: Case,
    pub(super) article: Article,
}

impl Token {
    pub(super) fn word(word: &str) -> Self {
        let (word, written) = (word.to_owned(), String::new());
        Self { word, written, kind: Kind::Word, case: Case::Lower, article: Article::None }
    }

    /// Whether it is this word and not a name.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.word == word && matches!(self.case, Case::Lower | Case::Unknown)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.word == mark
    }

    pub(super) fn is_name(&self) -> bool {
        self.kind == Kind::Word && matches!(self.case, Case::Capital | Case::Fixed)
    }
}

/// Where one sentence ends and another begins.
pub(super) const BREAK: &str = "|";

/// Cuts a text. What ends the text is not among the tokens.
pub(super) fn cut(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().map(usual).collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        let first = tokens.last().is_none_or(|token| token.is_mark(BREAK));
        let end = match letter {
            _ if letter.is_whitespace() => at + 1,
            '"' => quote(&letters, at, &mut tokens),
            '\'' if single_quote(&letters, at, &mut tokens) => at + 1,
            _ if begins_number(&letters, at) => number(&letters, at, &mut tokens),
            _ if letter.is_alphanumeric() => word(&letters, at, first, &mut tokens),
            _ => mark(&letters, at, &mut tokens),
        };
        at = end;
    }
    while tokens.last().is_some_and(|token| token.is_mark(BREAK)) {
        tokens.pop();
    }
    tokens
}

fn usual(letter: char) -> char {
    match letter {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' | '`' | '\u{b4}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' | '\u{201e}' => '"',
        '\u{2010}' | '\u{2011}' | '\u{2212}' => '-',
        '\u{2012}'..='\u{2015}' => '\u{2014}',
        _ => letter,
    }
}

fn quote(letters: &[char], at: usize, tokens: &mut Vec<Token>) -> usize {
    let Some(length) = letters[at + 1..].iter().position(|letter| *letter == '"') else {
        return mark(letters, at, tokens);
    };
    let inside: String = letters[at + 1..at + 1 + length].iter().collect();
    tokens.push(Token { kind: Kind::Quote, ..Token::word(inside.trim()) });
    at + length + 2
}

/// Words between single marks are a quote too; but a mark may also stand for letters or an owner, so what stands there is read
/// as words as well.
fn single_quote(letters: &[char], at: usize, tokens: &mut Vec<Token>) -> bool {
    let before = at.checked_sub(1).is_none_or(|at| !letters[at].is_alphanumeric());
    if !before || !letters.get(at + 1).is_some_and(|next| next.is_alphanumeric()) {
        return false;
    }
    let ends = |place: &usize| {
        letters[*place] == '\''
            && !letters[place - 1].is_whitespace()
            && letters.get(place + 1).is_none_or(|next| !next.is_alphanumeric())
    };
    let Some(end) = (at + 2..letters.len()).find(ends) else { return false };
    let inside: String = letters[at + 1..end].iter().collect();
    tokens.push(Token { kind: Kind::Quote, ..Token::word(&inside) });
    true
}

fn begins_number(letters: &[char], at: usize) -> bool {
    let is_figure = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let apart =
        |at: usize| at.checked_sub(1).is_none_or(|at| letters[at].is_whitespace() || letters[at] == '(');
    is_figure(at) || (matches!(letters[at], '-' | '+' | '.') && is_figure(at + 1) && apart(at))
}

/// A number up to its last figure, with thousands together; letters that follow at once stay with it unless they are a unit.
fn number(letters: &[char], at: usize, tokens: &mut Vec<Token>) -> usize {
    let is_figure = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut end = at + 1;
    while is_figure(end)
        || (letters.get(end).is_some_and(|letter| ".,:/".contains(*letter)) && is_figure(end + 1))
    {
        end += 1;
    }
    let mut text: String = letters[at..end].iter().collect();
    let parts: Vec<&str> = text.split(',').collect();
    let thousands = parts.len() > 1
        && (1..=3).contains(&parts[0].trim_start_matches(['-', '+']).len())
        && parts[1..].iter().all(|part| part.split('.').next().is_some_and(|part| part.len() == 3));
    if thousands {
        text = parts.concat();
    }
    let mut suffix_end = end;
    while letters.get(suffix_end).is_some_and(|letter| letter.is_alphanumeric()) {
        suffix_end += 1;
    }
    let suffix: String = letters[end..suffix_end].iter().collect();
    let is_unit = super::WORDS.has("units", &suffix.to_lowercase());
    let is_of_one = tokens.last().is_some_and(is_one);
    if !is_unit {
        text.push_str(&suffix.to_lowercase());
    }
    tokens.push(Token { kind: Kind::Number, ..Token::word(&text) });
    if is_unit {
        push_word(&suffix, case_of(&suffix, false), tokens);
    }
    // "A 10-year-old loan" is "a 10 year old loan"; of several, "10-year-old loans" are not "10 year-old loans".
    let joins = letters.get(suffix_end) == Some(&'-')
        && letters.get(suffix_end + 1).is_some_and(|next| next.is_alphabetic());
    suffix_end + usize::from(joins && is_of_one)
}

fn is_one(token: &Token) -> bool {
    token.is("a") || token.is("an")
}

fn word(letters: &[char], at: usize, first: bool, tokens: &mut Vec<Token>) -> usize {
    let is_letter = |at: usize| letters.get(at).is_some_and(|letter| letter.is_alphanumeric());
    let mut end = at + 1;
    while is_letter(end)
        || (letters.get(end).is_some_and(|letter| "'._&".contains(*letter)) && is_letter(end + 1))
    {
        end += 1;
    }
    // "C++", "C#", "Google+".
    while letters.get(end).is_some_and(|letter| "+#".contains(*letter)) {
        end += 1;
    }
    let text: String = letters[at..end].iter().collect();
    let has_points = text.contains('.');
    let text = if has_points && text.split('.').all(|part| part.chars().count() == 1) {
        text.replace('.', "")
    } else {
        text
    };
    let abbreviated = has_points && letters.get(end) == Some(&'.');
    push_word(&text, case_of(&text, first), tokens);
    // "players' wages"
    if letters.get(end) == Some(&'\'') && text.ends_with('s') {
        tokens.push(Token::word("'s"));
        return end + 1;
    }
    end + usize::from(abbreviated)
}

fn case_of(text: &str, first: bool) -> Case {
    let capitals = text.chars().filter(|letter| letter.is_uppercase()).count();
    match capitals {
        0 => Case::Lower,
        _ if text.split('\'').next() == Some("I") => Case::Lower,
        1 if text.starts_with(char::is_uppercase) && first => Case::Unknown,
        1 if text.starts_with(char::is_uppercase) => Case::Capital,
        _ => Case::Fixed,
    }
}

/// A word with its contractions written out.
fn push_word(text: &str, case: Case, tokens: &mut Vec<Token>) {
    let folded = text.to_lowercase();
    let folded = folded.as_str();
    const BE: &[&str] =
        &["what", "who", "where", "how", "when", "why", "that", "it", "there", "here", "he", "she", "which"];
    let mut push = |word: &str, case| {
        let written = if case == Case::Fixed { text.to_owned() } else { String::new() };
        tokens.push(Token { case, written, ..Token::word(word) });
    };
    let (stem, ending) = folded.rsplit_once('\'').unwrap_or((folded, ""));
    let (main, added) = match (folded, ending) {
        ("won't", _) => ("will", Some("not")),
        ("can't" | "cannot" | "cant", _) => ("can", Some("not")),
        ("shan't", _) => ("shall", Some("not")),
        ("dont", _) => ("do", Some("not")),
        ("doesnt", _) => ("does", Some("not")),
        ("didnt", _) => ("did", Some("not")),
        ("isnt", _) => ("is", Some("not")),
        ("arent", _) => ("are", Some("not")),
        ("wasnt", _) => ("was", Some("not")),
        ("wont", _) => ("will", Some("not")),
        ("whats", _) => ("what", Some("is")),
        ("hows", _) => ("how", Some("is")),
        ("let's" | "lets", _) => ("let", Some("us")),
        ("im", _) => ("i", Some("am")),
        (_, "t") if stem.ends_with('n') && stem.len() > 2 && stem != "ain" => {
            (&stem[..stem.len() - 1], Some("not"))
        }
        (_, "s") if BE.contains(&stem) => (stem, Some("is")),
        (_, "s") => (stem, Some("'s")),
        (_, "re") => (stem, Some("are")),
        (_, "ll") => (stem, Some("will")),
        (_, "ve") => (stem, Some("have")),
        (_, "m") => (stem, Some("am")),
        _ => (folded, None),
    };
    push(main, case);
    if let Some(added) = added {
        push(added, Case::Lower);
    }
}

/// Whether a text so far ends with one of so many of a unit.
fn of_measure(tokens: &[Token]) -> bool {
    let [.., one, number, unit] = tokens else { return false };
    is_one(one) && number.kind == Kind::Number && super::WORDS.has("units", &unit.word)
}

fn beside_figure(letters: &[char], at: usize) -> bool {
    let is_figure = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
    is_figure(at.checked_sub(1)) || is_figure(Some(at + 1))
}

fn mark(letters: &[char], at: usize, tokens: &mut Vec<Token>) -> usize {
    let next = letters.get(at + 1);
    let ends = next.is_none_or(|next| next.is_whitespace() || "\"').!?".contains(*next));
    let text = match letters[at] {
        '.' | '!' | '?' | '\u{2026}' if ends => {
            if tokens.last().is_some_and(|token| !token.is_mark(BREAK)) {
                BREAK.to_owned()
            } else {
                return at + 1;
            }
        }
        '%' => {
            tokens.push(Token::word("percent"));
            return at + 1;
        }
        '&' => {
            tokens.push(Token::word("and"));
            return at + 1;
        }
        '-' if of_measure(tokens) && next.is_some_and(|next| next.is_alphabetic()) => return at + 1,
        '\u{2014}' => ",".to_owned(),
        // "5' high" is in feet, "'19" is a year.
        '\'' if beside_figure(letters, at) => "'".to_owned(),
        '\'' => return at + 1,
        other => other.to_string(),
    };
    tokens.push(Token { kind: Kind::Mark, ..Token::word(&text) });
    at + 1
}
