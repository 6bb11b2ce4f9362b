//! How positive or negative the wording of a text is, by a list of rated words and rules on the words around them.
//!
//! The rules are those of VADER (Hutto and Gilbert 2014; notice in `lexicon/vader_notice.txt`), quirk by quirk, so that
//! the numbers are the published ones. They are made for English sentences: what the wording sounds like, not what the
//! speaker means or feels. Irony is not heard.

mod lexicon;
mod rules;
mod tokens;

use tokens::Tokens;

/// Shares of a text's wording and one number for the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Share that is negative, 0 to 1, three decimals.
    pub negative: f64,
    /// Share that is neither, 0 to 1, three decimals.
    pub neutral: f64,
    /// Share that is positive, 0 to 1, three decimals.
    pub positive: f64,
    /// The whole from -1 (negative) to 1 (positive), four decimals.
    pub compound: f64,
}

/// Sums of valences are taken to -1..1 by this, VADER's alpha.
const NORMALISATION: f64 = 15.0;

/// Scores a text, best a sentence; all zero if it has no words. Time grows with `n log n` of its words at most.
pub fn scores(text: &str) -> Scores {
    let text = tokens::describe_emoji(text);
    let tokens = Tokens::of(&text);
    if tokens.is_empty() {
        return Scores::default();
    }
    let mut valences: Vec<f64> = (0..tokens.len()).map(|at| rules::valence(&tokens, at)).collect();
    if let Some(but) = tokens.first_but() {
        rules::weigh_around_but(&mut valences, but);
    }
    let emphasis = rules::emphasis(&text);
    let sum: f64 = valences.iter().sum();
    let emphasised = if sum > 0.0 {
        sum + emphasis
    } else if sum < 0.0 {
        sum - emphasis
    } else {
        sum
    };
    let compound = (emphasised / (emphasised * emphasised + NORMALISATION).sqrt()).clamp(-1.0, 1.0);
    // A rated word counts one more than its valence, as a neutral word counts one.
    let (mut positive, mut negative, mut neutral) = (0.0, 0.0, 0.0);
    for valence in valences {
        if valence > 0.0 {
            positive += valence + 1.0;
        } else if valence < 0.0 {
            negative += 1.0 - valence;
        } else {
            neutral += 1.0;
        }
    }
    if positive > negative {
        positive += emphasis;
    } else if positive < negative {
        negative += emphasis;
    }
    let total = positive + negative + neutral;
    Scores {
        negative: rounded(negative / total, 3),
        neutral: rounded(neutral / total, 3),
        positive: rounded(positive / total, 3),
        compound: rounded(compound, 4),
    }
}

/// The one number for a text, -1 to 1; see [`scores`].
pub fn compound(text: &str) -> f64 {
    scores(text).compound
}

/// Rounds the exact binary value, ties to even, as the reference does.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests;
