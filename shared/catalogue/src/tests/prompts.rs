//! Prompts are each written for their own job.

use std::collections::BTreeSet;

use crate::Texts;

const MOST_SHARED: f64 = 0.35;
const MOST_BYTES: usize = 3_584;

/// The runs of five words of a text.
fn five_grams(text: &str) -> BTreeSet<Vec<String>> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.windows(5).map(<[String]>::to_vec).collect()
}

/// The shared part of two sets, of the smaller one.
fn shared(one: &BTreeSet<Vec<String>>, other: &BTreeSet<Vec<String>>) -> f64 {
    one.intersection(other).count() as f64 / one.len().min(other.len()) as f64
}

#[test]
fn no_two_prompts_share_much() {
    let prompts: Vec<_> =
        Texts::embedded().prompts.into_iter().map(|(agent, text)| (agent, five_grams(&text))).collect();
    for (index, (agent, grams)) in prompts.iter().enumerate() {
        for (other, other_grams) in &prompts[..index] {
            let part = shared(grams, other_grams);
            assert!(part < MOST_SHARED, "{agent} and {other} share {part:.2} of their runs of five words");
        }
    }
}

#[test]
fn sharing_is_measured_on_the_smaller_text() {
    let (long, short) =
        (five_grams("one two three four five six seven eight"), five_grams("Two three, four five six!"));
    assert_eq!(shared(&long, &short), 1.0);
    assert_eq!(shared(&long, &five_grams("nine two three four five six")), 0.5);
}

#[test]
fn prompts_are_short_and_name_their_answer() {
    for agent in &super::embedded().agents {
        // What a variable stands for is not of the prompt's making.
        let user =
            agent.prompt.user.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, after)| after));
        let bytes = agent.prompt.system.len() + user.map(str::len).sum::<usize>();
        assert!(bytes <= MOST_BYTES, "{} has {bytes} bytes", agent.id);
        for field in &agent.answer {
            assert!(agent.prompt.system.contains(field), "{} does not say what `{field}` is", agent.id);
        }
        let folded = agent.prompt.system.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            folded.contains("data block") || folded.contains("data marks"),
            "{} does not explain its data",
            agent.id
        );
    }
}
