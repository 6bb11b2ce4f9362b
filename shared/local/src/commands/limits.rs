//! `assay limits`.

use std::fmt::Write as _;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{ModelPolicy, NanoUsd, SoftAction, SoftLimit, TenantId, TenantSettings};

use super::session;
use crate::cli::LimitsArguments;
use crate::state::State;

/// Sets what is said of a tenant's limits and prints them all.
pub(super) async fn limits(config: &Config, arguments: &LimitsArguments) -> Result<ExitCode> {
    let dollars =
        |option: &str, text: &Option<String>| text.as_deref().map(|text| dollars(option, text)).transpose();
    let daily_budget = dollars("--daily-budget", &arguments.daily_budget)?;
    let monthly_budget = dollars("--monthly-budget", &arguments.monthly_budget)?;
    let run_cap = dollars("--run-cap", &arguments.run_cap)?;
    let soft_percent = arguments.soft_percent.as_deref().map(percent).transpose()?;
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let tenant = TenantId::new(&arguments.state.tenant);
    let stored = engine::tenant_settings(&session.ports, &tenant).await?;
    let soft = stored.soft_limit;
    let action = arguments.soft_action.map(SoftAction::from);
    let soft_limit = match (soft_percent.unwrap_or(soft.map(|soft| soft.percent)), action) {
        (None, None) => None,
        (None, Some(_)) => {
            let what = "--soft-action needs --soft-percent: from how much of a budget on";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        (Some(percent), action) => {
            let before = soft.map_or(SoftAction::Warn, |soft| soft.action);
            Some(SoftLimit { percent, action: action.unwrap_or(before) })
        }
    };
    let settings = TenantSettings {
        daily_budget: daily_budget.unwrap_or(stored.daily_budget),
        monthly_budget: monthly_budget.unwrap_or(stored.monthly_budget),
        soft_limit,
        run_cap: run_cap.unwrap_or(stored.run_cap),
        depth_limit: arguments.depth_limit.map(Into::into).or(stored.depth_limit),
        models: models(arguments, stored.models.clone())?,
    };
    if settings != stored {
        engine::set_tenant_settings(&session.ports, &tenant, &settings).await?;
    }
    let own = |amount: Option<NanoUsd>, otherwise: &str| {
        amount.map_or_else(|| otherwise.to_owned(), |amount| amount.to_string())
    };
    let everybody = |amount: Option<NanoUsd>| match amount {
        Some(amount) => format!("{amount} (what everybody may spend)"),
        None => "none".to_owned(),
    };
    let soft_limit = settings.soft_limit.map_or_else(
        || "none".to_owned(),
        |soft| format!("from {} % of a budget on: {}", soft.percent, soft.action.name()),
    );
    super::print(&format!(
        "tenant          {tenant}\ndaily budget    {}\nmonthly budget  {}\nsoft limit      {soft_limit}\nrun cap         {}\ndepth limit     {}\n",
        own(settings.daily_budget, &everybody(Some(config.daily_budget))),
        own(settings.monthly_budget, &everybody(config.monthly_budget)),
        own(settings.run_cap, "the cap of its depth"),
        settings.depth_limit.map_or("none", |depth| depth.name()),
    ))?;
    super::print(&told(&settings.models))?;
    Ok(ExitCode::SUCCESS)
}

/// The policy of before with what is said of it now. What is `none` limits nothing any more.
fn models(arguments: &LimitsArguments, before: ModelPolicy) -> Result<ModelPolicy> {
    let named = |text: &Option<String>, before: Vec<String>| match text.as_deref() {
        None => before,
        Some("none") => Vec::new(),
        Some(text) => names(text),
    };
    let mut policy = ModelPolicy {
        allow: named(&arguments.allow_models, before.allow),
        deny: named(&arguments.deny_models, before.deny),
        tiers: before.tiers,
    };
    for text in &arguments.tier_models {
        let Some((tier, models)) = text.split_once('=').map(|(tier, models)| (tier.trim(), models.trim()))
        else {
            let what = "--tier-models must be a tier and its models, best first, such as fast=small,large or fast=none";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        };
        match models {
            "none" => policy.tiers.remove(tier),
            models => policy.tiers.insert(tier.to_owned(), names(models)),
        };
    }
    Ok(policy)
}

fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn told(policy: &ModelPolicy) -> String {
    let listed =
        |names: &[String], none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
    let mut text = format!(
        "models          {}\nnot             {}\n",
        listed(&policy.allow, "all that are configured"),
        listed(&policy.deny, "none")
    );
    for (tier, models) in &policy.tiers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<16}{}", format!("tier {tier}"), listed(models, "none"));
    }
    text
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

/// A percentage, or nothing for `none`.
fn percent(text: &str) -> Result<Option<u8>> {
    if text == "none" {
        return Ok(None);
    }
    match text.trim_end_matches('%').parse() {
        Ok(percent @ 1..=100) => Ok(Some(percent)),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "--soft-percent must be a whole number from 1 to 100, or none",
        )),
    }
}
