//! `assay keys`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use boot::Config;
use engine::IssuedKey;
use engine::error::Result;
use engine::model::{ApiKey, KeyId, Scope, TenantId};
use render::moment;

use super::session;
use crate::cli::{CreateKeyArguments, KeyArguments, KeysCommand, StateArguments};
use crate::state::State;

const DAY_MS: u64 = 86_400_000;

/// Does what is asked with keys. What is said is written first.
pub(super) async fn keys(config: &Config, command: &KeysCommand) -> Result<ExitCode> {
    match command {
        KeysCommand::Create(arguments) => create(config, arguments).await?,
        KeysCommand::List(arguments) => list(config, arguments).await?,
        KeysCommand::Revoke(arguments) => revoke(config, arguments).await?,
        KeysCommand::Rotate(arguments) => rotate(config, arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(config: &Config, arguments: &CreateKeyArguments) -> Result<()> {
    let tenant = TenantId::new(&arguments.state.tenant);
    let scopes: Vec<Scope> = arguments.scopes.iter().copied().map(Scope::from).collect();
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let now = session.ports.clock.now_ms();
    let expires_ms = arguments.expires_days.map(|days| now + days * DAY_MS);
    let issued =
        engine::create_key(&session.ports, &tenant, &scopes, expires_ms, boot::secret_bytes()?).await?;
    tell(&issued)
}

async fn list(config: &Config, arguments: &StateArguments) -> Result<()> {
    let keys = if holds_state(&arguments.folder) {
        let mut state = State::open(&arguments.folder)?;
        let folder = state.folder();
        let _owner = state.own()?;
        let session = session::open(config, &folder).await?;
        engine::list_keys(&session.ports, &TenantId::new(&arguments.tenant)).await?
    } else {
        Vec::new()
    };
    if keys.is_empty() {
        let what = "no keys yet; make one with: cargo assay keys create --scopes run,read";
        super::say(&format!("{} has {what}", arguments.tenant));
        return Ok(());
    }
    let mut text =
        format!("{:<29}  {:<20}  {:<20}  {:<7}  SCOPES\n", "ID", "MADE (UTC)", "ENDS (UTC)", "SECRETS");
    for key in keys {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<29}  {:<20}  {:<20}  {:<7}  {}",
            key.id,
            moment(key.created_ms),
            ends(&key),
            key.secrets.len(),
            key.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(","),
        );
    }
    super::print(&text)
}

fn ends(key: &ApiKey) -> String {
    match (key.revoked_ms, key.expires_ms) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(at_ms)) => moment(at_ms),
        (None, None) => "never".to_owned(),
    }
}

async fn revoke(config: &Config, arguments: &KeyArguments) -> Result<()> {
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let (tenant, id) = (TenantId::new(&arguments.state.tenant), KeyId::new(&arguments.id));
    engine::revoke_key(&session.ports, &tenant, &id).await?;
    super::say(&format!("{id} opens nothing any more"));
    Ok(())
}

async fn rotate(config: &Config, arguments: &KeyArguments) -> Result<()> {
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let (tenant, id) = (TenantId::new(&arguments.state.tenant), KeyId::new(&arguments.id));
    let issued = engine::rotate_key(&session.ports, &tenant, &id, boot::secret_bytes()?).await?;
    tell(&issued)
}

/// The key itself on standard output, so that a script can keep it; what there is to know about it beside.
fn tell(issued: &IssuedKey) -> Result<()> {
    let scopes: Vec<&str> = issued.key.scopes.iter().map(|scope| scope.name()).collect();
    super::say(&format!(
        "a key of {} for {}, ends {}; it is shown this once:",
        issued.key.tenant,
        scopes.join(", "),
        ends(&issued.key)
    ));
    super::print(&format!("{}\n", issued.text))
}

/// Whether the folder has ever been used: looking makes no folder.
fn holds_state(folder: &Path) -> bool {
    folder.join("lock").exists()
}
