//! `cargo lab bench replay`: what stored answers save a platform in use, and whether one is ever wrong.

use std::process::ExitCode;

use clap::Args;

use super::targets::{Must, judge, show_missed};
use super::{ended, print};
use crate::replay::{Extent, Figures, play};
use crate::stack::Result;

/// How much to play.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Runs that are measured
    #[arg(long, default_value_t = 200)]
    runs: usize,
    /// Runs before, in which recall by meaning earns the right to serve
    #[arg(long, default_value_t = 100)]
    before: usize,
    /// Answers of the same meaning that are taken as found right before, as a platform has them that is long in use: one
    /// served answer in 16 is audited then, and one in 32 after 50,000
    #[arg(long, default_value_t = 30_000)]
    earned: u64,
    /// Which content
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is asked for: the share of tokens avoided of content that came before, of edited content, and of judging repeated claims.
/// Each kind of edit has a bound of its own: where a claim's figure is another, so is every question that is made of it.
const TARGETS: [(&str, Must); 7] = [
    ("/wrong", Must::Be(0.0)),
    ("/classes/identical/avoided", Must::BeAtLeast(0.99)),
    ("/edited_avoided", Must::BeAtLeast(0.6)),
    ("/classes/edited: fillers, marks and capitals/avoided", Must::BeAtLeast(0.9)),
    ("/classes/edited: words beside the claims/avoided", Must::BeAtLeast(0.6)),
    ("/classes/edited: figures of claims/avoided", Must::BeAtLeast(0.2)),
    ("/classes/other content, a third of its claims reworded/repeated_avoided", Must::BeAtLeast(0.7)),
];

/// Plays and prints; ends with 1 if a figure is missed.
pub(super) fn replay(arguments: &Arguments) -> ExitCode {
    let Arguments { json, runs, before, earned, seed } = *arguments;
    let is_met = play(Extent { runs, before, earned, by_meaning: true, seed })
        .and_then(|figures| show(&figures, json));
    match is_met {
        Ok(is_met) => ExitCode::from(u8::from(!is_met)),
        Err(error) => ended(Err(error)),
    }
}

/// Prints; true if nothing is missed.
fn show(figures: &Figures, as_json: bool) -> Result<bool> {
    let mut report = serde_json::to_value(figures)?;
    let is_met = judge(&mut report, TARGETS);
    if as_json {
        print(&format!("{report:#}"));
    } else {
        print(&format!(
            "{} comprehensive runs after {} others, each played with stored answers and without",
            figures.runs, figures.before
        ));
        for (name, class) in &figures.classes {
            let levels: Vec<String> = class
                .by_level
                .iter()
                .map(|(level, share)| format!("{level:?} {:.1} %", 100.0 * share).to_lowercase())
                .collect();
            print(&format!(
                "{name}: {} runs, {:.1} % of {} tokens avoided ({})",
                class.runs,
                100.0 * class.avoided,
                class.tokens,
                levels.join(", ")
            ));
            if class.repeated_tokens > 0 {
                print(&format!(
                    "  of {} tokens for claims made before in other words: {:.1} %",
                    class.repeated_tokens,
                    100.0 * class.repeated_avoided
                ));
                for (what, count) in &class.repeated_claims {
                    print(&format!("    {count} {what}"));
                }
            }
        }
        print(&format!("edited content over all: {:.1} % avoided", 100.0 * figures.edited_avoided));
        for (when, earned) in ["when they began", "at the end"].iter().zip(&figures.earned) {
            print(&format!(
                "recall by meaning {when}: {} candidates, at most {:.2} % served wrong, {:.0} % audited",
                earned.candidates,
                100.0 * earned.bound,
                100.0 * earned.audited
            ));
        }
        print(&format!("wrong answers served: {}", figures.wrong));
        figures.wrong_ones.iter().for_each(|wrong| print(&format!("  {wrong}")));
        print(&format!("texts without a vector: {}", figures.not_embedded));
        show_missed(&report);
    }
    Ok(is_met)
}
