//! The command line: what can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::model::{Depth, Scope, SoftAction};
use engine::spending::By;

/// Turns a link or a transcript into an intelligence briefing that can be checked.
#[derive(Debug, Parser)]
#[command(
    name = "assay",
    bin_name = "cargo assay",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse links or transcripts and print their briefings
    Run(RunArguments),
    /// List the runs of this folder, newest first
    Runs(StateArguments),
    /// Print a run's briefing again
    Show(ShowArguments),
    /// Answer over HTTP on this machine until interrupted; unfinished runs go on
    Serve(ServeArguments),
    /// Make, list, revoke and rotate the keys of the HTTP API
    Keys(KeysArguments),
    /// Show or set what a tenant may spend and how deep it may look
    Limits(LimitsArguments),
    /// Show what was spent, by day, run, agent, model or workspace, and how the budgets stand
    Usage(UsageArguments),
    /// Show what stored answers save, explain why a step's answer was one or not, make some of them void
    Cache(CacheArguments),
    /// List the models: what serves each tier, at which price; or read newer prices from a file
    Models(ModelsArguments),
    /// List the agents: what each does, needs, and can do without a model
    Agents(AgentsArguments),
    /// Say what is configured, what works and what is missing
    Doctor(StateArguments),
    /// Exercise every component and say which work: ends with 1 if one does not
    Validate(ValidateArguments),
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Links (articles, podcast feeds, captions) or transcripts: .txt .md .vtt .srt .ttml .json (podcast transcript or
    /// YouTube json3); - reads standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Where the transcript is published: times in the briefing then link to it
    #[arg(long, value_name = "URL")]
    pub link: Option<String>,
    /// Which episode of a podcast feed: its position, 1 is the newest, or words of its title
    #[arg(long, value_name = "N|TITLE")]
    pub episode: Option<String>,
    /// How deep to look: quick (no claims checked, at most $0.50) to experimental (at most $10)
    #[arg(long, value_enum, default_value_t = DepthArgument::Standard)]
    pub depth: DepthArgument,
    /// Print the stable JSON form instead; one object per line for several inputs
    #[arg(long)]
    pub json: bool,
    /// Also write the briefing to this file; its ending says how: .md, .html or .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Ask every question anew instead of using stored answers
    #[arg(long)]
    pub fresh: bool,
    /// Where runs are kept
    #[command(flatten)]
    pub state: StateArguments,
}

/// Where runs are kept, and whose they are.
#[derive(Clone, Debug, Args)]
pub struct StateArguments {
    /// The state folder
    #[arg(long = "state", value_name = "DIR", default_value = ".assay")]
    pub folder: PathBuf,
    /// Whose runs
    #[arg(long, value_name = "NAME", default_value = "local", value_parser = tenant)]
    pub tenant: String,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Print JSON instead
    #[arg(long)]
    pub json: bool,
    /// Ask the API at this address instead of exercising this machine's components
    #[arg(long, value_name = "URL", requires = "key_from")]
    pub url: Option<String>,
    /// The file that holds a key with the scope read; - reads it from standard input
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_from: Option<PathBuf>,
    /// Where runs are kept
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The run's id, or as much of its end as makes it clear
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Print the stable JSON form instead
    #[arg(long)]
    pub json: bool,
    /// Also write the briefing to this file; its ending says how: .md, .html or .json
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where runs are kept
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// The state folder
    #[arg(long = "state", value_name = "DIR", default_value = ".assay")]
    pub folder: PathBuf,
}

/// Arguments of `keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    /// What to do with keys.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it, once
    Create(CreateKeyArguments),
    /// List a tenant's keys
    List(StateArguments),
    /// Make a key useless, for good
    Revoke(KeyArguments),
    /// Give a key a new secret and print it, once; the old one works until the next rotation
    Rotate(KeyArguments),
}

/// Arguments of `keys create`.
#[derive(Debug, Args)]
pub struct CreateKeyArguments {
    /// What the key allows
    #[arg(long, value_enum, value_delimiter = ',', required = true, value_name = "SCOPE,...")]
    pub scopes: Vec<ScopeArgument>,
    /// After how many days it opens nothing any more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub expires_days: Option<u64>,
    /// Where keys are kept, and whose it will be
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments about one key.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// The key's id, the part before the dot
    pub id: String,
    /// Where keys are kept, and whose it is
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `cache`.
#[derive(Debug, Args)]
pub struct CacheArguments {
    /// What to do with stored answers.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What can be done with stored answers.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Show how often a stored answer was looked for and found in ended runs, and what that saved
    Stats(StateArguments),
    /// Say why a step's answer was a stored one, or was not, at each level
    Explain(ExplainArguments),
    /// Make void what is stored under a tag
    Purge(PurgeArguments),
}

/// Arguments of `cache explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The run's id, or as much of its end as makes it clear
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The step: an agent, for all its steps, or agent/item
    #[arg(value_name = "STEP")]
    pub step: String,
    /// Where runs are kept
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `cache purge`.
#[derive(Debug, Args)]
pub struct PurgeArguments {
    /// What the answers are about: agent:ID, model:ID, prompt:VERSION, content:DIGEST or run:ID
    #[arg(long, value_name = "TAG")]
    pub tag: String,
    /// Where answers are kept, and whose they are
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `limits`. What is not said stays as it is.
#[derive(Debug, Args)]
pub struct LimitsArguments {
    /// Dollars a day (UTC), or `none` for what everybody may spend
    #[arg(long, value_name = "USD")]
    pub daily_budget: Option<String>,
    /// Dollars a month (UTC), or `none` for what everybody may spend
    #[arg(long, value_name = "USD")]
    pub monthly_budget: Option<String>,
    /// From so many percent of a budget on, do what `--soft-action` says; `none` for nothing
    #[arg(long, value_name = "PERCENT")]
    pub soft_percent: Option<String>,
    /// What is done then
    #[arg(long, value_enum)]
    pub soft_action: Option<SoftActionArgument>,
    /// Dollars a run, or `none` for the cap of its depth
    #[arg(long, value_name = "USD")]
    pub run_cap: Option<String>,
    /// The deepest a run may look
    #[arg(long, value_enum)]
    pub depth_limit: Option<DepthArgument>,
    /// The only models its runs may use, with commas between, or `none` for all
    #[arg(long, value_name = "MODELS")]
    pub allow_models: Option<String>,
    /// Models its runs may not use, or `none`
    #[arg(long, value_name = "MODELS")]
    pub deny_models: Option<String>,
    /// The models that serve a tier for it, best first, such as fast=small,large; fast=none for those configured
    #[arg(long, value_name = "TIER=MODELS")]
    pub tier_models: Vec<String>,
    /// Where limits are kept, and whose they are
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `usage`.
#[derive(Debug, Args)]
pub struct UsageArguments {
    /// What is summed by
    #[arg(long, value_enum, default_value_t = ByArgument::Day)]
    pub by: ByArgument,
    /// The first day (UTC), as 2026-11-22 [default: the first of the month]
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY")]
    pub to: Option<String>,
    /// Every paid call as a line of CSV instead of sums
    #[arg(long, conflicts_with = "by")]
    pub csv: bool,
    /// Where runs are kept, and whose they are
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `models`.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    /// Read prices from a file with rows as in models.toml, and reckon with them from now on
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where prices are kept
    #[command(flatten)]
    pub state: StateArguments,
}

/// What spending is summed by, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ByArgument {
    /// The day a call was made
    Day,
    /// The run
    Run,
    /// The agent
    Agent,
    /// The model
    Model,
    /// The run's label
    Workspace,
}

impl From<ByArgument> for By {
    fn from(argument: ByArgument) -> Self {
        match argument {
            ByArgument::Day => By::Day,
            ByArgument::Run => By::Run,
            ByArgument::Agent => By::Agent,
            ByArgument::Model => By::Model,
            ByArgument::Workspace => By::Workspace,
        }
    }
}

/// What is done beyond a soft limit, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SoftActionArgument {
    /// Results say so
    Warn,
    /// The cheapest model that serves an agent's tier is used
    Downgrade,
}

impl From<SoftActionArgument> for SoftAction {
    fn from(argument: SoftActionArgument) -> Self {
        match argument {
            SoftActionArgument::Warn => SoftAction::Warn,
            SoftActionArgument::Downgrade => SoftAction::Downgrade,
        }
    }
}

/// A scope, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeArgument {
    /// Start and cancel runs, hand in content
    Run,
    /// Read runs, events and briefings
    Read,
    /// Everything
    Admin,
}

impl From<ScopeArgument> for Scope {
    fn from(argument: ScopeArgument) -> Self {
        match argument {
            ScopeArgument::Run => Scope::Run,
            ScopeArgument::Read => Scope::Read,
            ScopeArgument::Admin => Scope::Admin,
        }
    }
}

/// Arguments of `agents`.
#[derive(Debug, Args)]
pub struct AgentsArguments {
    /// Only those a depth includes
    #[arg(long, value_enum)]
    pub depth: Option<DepthArgument>,
}

/// A depth, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DepthArgument {
    /// The briefing, nothing checked
    Quick,
    /// Up to 8 claims checked
    Standard,
    /// People, background, argument; up to 15 claims
    Deep,
    /// All 26 agents; up to 25 claims
    Comprehensive,
    /// All agents, up to 40 claims
    Experimental,
}

impl From<DepthArgument> for Depth {
    fn from(argument: DepthArgument) -> Self {
        match argument {
            DepthArgument::Quick => Depth::Quick,
            DepthArgument::Standard => Depth::Standard,
            DepthArgument::Deep => Depth::Deep,
            DepthArgument::Comprehensive => Depth::Comprehensive,
            DepthArgument::Experimental => Depth::Experimental,
        }
    }
}

fn tenant(text: &str) -> Result<String, String> {
    const LONGEST: usize = 64;
    let fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(fit) {
        return Err(format!("a tenant's name has up to {LONGEST} letters, digits, - _ or ."));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
