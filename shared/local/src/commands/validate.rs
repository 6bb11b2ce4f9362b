//! `assay validate`: the seventeen components, each exercised, here or behind a deployed API.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::Clock as _;
use futures::future::{Either, select};
use serde_json::json;

use super::session;
use crate::cli::ValidateArguments;
use crate::state::State;
use crate::validate::remote::{self, Deployed};
use crate::validate::{Row, Site, Verdict, validate as exercise};

/// Prints each component with what was done and found. Ends with 0 if none failed, 1 if one did, 2 for bad input; what is
/// `unknown` fails nothing.
pub(super) async fn validate(config: &Config, arguments: &ValidateArguments) -> Result<ExitCode> {
    let began_ms = boot::SystemClock.now_ms();
    let rows = match &arguments.url {
        Some(url) => {
            let key = read_key(arguments.key_from.as_deref())?;
            remote::validate(&Deployed::new(url, &key)?).await?
        }
        None => here(config, arguments).await?,
    };
    let took_ms = boot::SystemClock.now_ms().saturating_sub(began_ms);
    let failed = rows.iter().any(|row| row.verdict == Verdict::Fail);
    if arguments.json {
        let status = if failed { Verdict::Fail } else { Verdict::Pass };
        super::print(&format!(
            "{:#}\n",
            json!({ "status": status, "took_ms": took_ms, "components": rows })
        ))?;
    } else {
        super::print(&told(&rows, took_ms))?;
    }
    Ok(if failed { ExitCode::from(super::FAILED) } else { ExitCode::SUCCESS })
}

async fn here(config: &Config, arguments: &ValidateArguments) -> Result<Vec<Row>> {
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let site = Site::open().await?;
    let mut config = config.clone();
    config.fetch_allow.push(site.address());
    let session = session::open(&config, &folder).await?;
    let tenant = TenantId::new(&arguments.state.tenant);
    let mut rows = match select(pin!(exercise(&session.ports, &tenant, &site)), pin!(site.serve())).await {
        Either::Left((rows, _)) => rows,
        Either::Right(((), _)) => Vec::new(),
    };
    // What was read back came from memory: the store must take it, too.
    if let Err(error) = session.rows.settled().await
        && let Some(row) = rows.iter_mut().find(|row| row.component == "health_checks")
    {
        row.verdict = Verdict::Fail;
        row.evidence = session::in_folder(error, &folder).to_string();
    }
    Ok(rows)
}

/// The key, from a file or, for `-`, from standard input; no key stands on a command line.
fn read_key(from: Option<&Path>) -> Result<String> {
    let from = from.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "--url needs a key: --key-from FILE, or --key-from - for standard input",
        )
    })?;
    let read = if from == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(from)
    };
    read.map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("no key could be read from {}", from.display()))
            .because(error)
    })
}

/// As `doctor` tells what it found.
fn told(rows: &[Row], took_ms: u64) -> String {
    let mut text = String::new();
    let of = |verdict: Verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    for row in rows {
        let word = match row.verdict {
            Verdict::Pass => "works",
            Verdict::Fail => "BROKEN",
            Verdict::Unknown => "unknown",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word:<11} {}: {}", row.component, row.evidence);
        if !row.to_do.is_empty() {
            let _ = writeln!(text, "{:<11} -> {}", "", row.to_do);
        }
    }
    let (works, broken, unknown) = (of(Verdict::Pass), of(Verdict::Fail), of(Verdict::Unknown));
    let _ = writeln!(text, "{works} work, {broken} broken, {unknown} unknown; took {took_ms} ms");
    text
}
