//! `assay limits`.

use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{NanoUsd, TenantId, TenantSettings};

use super::session;
use crate::cli::LimitsArguments;
use crate::state::State;

/// Sets what is said of a tenant's limits and prints them all.
pub(super) async fn limits(config: &Config, arguments: &LimitsArguments) -> Result<ExitCode> {
    let daily_budget =
        arguments.daily_budget.as_deref().map(|text| dollars("--daily-budget", text)).transpose()?;
    let run_cap = arguments.run_cap.as_deref().map(|text| dollars("--run-cap", text)).transpose()?;
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let tenant = TenantId::new(&arguments.state.tenant);
    let stored = engine::tenant_settings(&session.ports, &tenant).await?;
    let settings = TenantSettings {
        daily_budget: daily_budget.unwrap_or(stored.daily_budget),
        run_cap: run_cap.unwrap_or(stored.run_cap),
        depth_limit: arguments.depth_limit.map(Into::into).or(stored.depth_limit),
    };
    if settings != stored {
        engine::set_tenant_settings(&session.ports, &tenant, &settings).await?;
        session.rows.settled().await?;
    }
    let own = |amount: Option<NanoUsd>, otherwise: &str| {
        amount.map_or_else(|| otherwise.to_owned(), |amount| amount.to_string())
    };
    let everybody = format!("{} (what everybody may spend)", config.daily_budget);
    super::print(&format!(
        "tenant        {tenant}\ndaily budget  {}\nrun cap       {}\ndepth limit   {}\n",
        own(settings.daily_budget, &everybody),
        own(settings.run_cap, "the cap of its depth"),
        settings.depth_limit.map_or("none", |depth| depth.name()),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Dollars, or nothing for `none`.
fn dollars(option: &str, text: &str) -> Result<Option<NanoUsd>> {
    if text == "none" {
        return Ok(None);
    }
    let refused = || {
        Error::new(ErrorKind::InvalidInput, format!("{option} must be dollars, such as 20 or 1.50, or none"))
    };
    NanoUsd::parse_usd(text).map(Some).ok_or_else(refused)
}
