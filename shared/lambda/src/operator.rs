//! The operator's door: keys and limits of tenants, for whoever may invoke the function itself.

use engine::IssuedKey;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Depth, KeyId, ModelPolicy, NanoUsd, Scope, SoftLimit, TenantId, TenantSettings};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Opened;

const DAY_MS: u64 = 86_400_000;

/// What an operator may ask for.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "operator", deny_unknown_fields)]
pub(crate) enum Wish {
    CreateKey {
        tenant: String,
        scopes: Vec<Scope>,
        expires_days: Option<u64>,
    },
    ListKeys {
        tenant: String,
    },
    RotateKey {
        tenant: String,
        id: String,
    },
    RevokeKey {
        tenant: String,
        id: String,
    },
    SetLimits {
        tenant: String,
        daily_budget: Option<String>,
        monthly_budget: Option<String>,
        soft_limit: Option<SoftLimit>,
        run_cap: Option<String>,
        depth_limit: Option<Depth>,
        models: Option<ModelPolicy>,
    },
    /// Prices that hold for all tenants from now on, in the form of the catalogue's `models.toml`.
    KeepPrices {
        prices: String,
    },
}

impl Wish {
    /// The wish in an event that has the field `operator`; `None` for all other events.
    pub(crate) fn read(event: &Value) -> Option<Result<Self>> {
        event.get("operator")?;
        Some(Self::deserialize(event).map_err(|error| {
            let what = format!(
                "{error}; known are create_key, list_keys, rotate_key, revoke_key, set_limits and keep_prices, as docs/deploy.md shows them"
            );
            Error::new(ErrorKind::InvalidInput, what)
        }))
    }

    /// Does it. A key's text is in the answer this once.
    pub(crate) async fn carry_out(self, opened: &Opened) -> Result<Value> {
        let ports = &opened.ports;
        match self {
            Wish::CreateKey { tenant, scopes, expires_days } => {
                let tenant = named(&tenant)?;
                let expires_ms =
                    expires_days.map(|days| ports.clock.now_ms().saturating_add(days.saturating_mul(DAY_MS)));
                let issued =
                    engine::create_key(ports, &tenant, &scopes, expires_ms, boot::secret_bytes()?).await?;
                Ok(told(&issued))
            }
            Wish::ListKeys { tenant } => {
                let keys = engine::list_keys(ports, &named(&tenant)?).await?;
                let keys: Vec<Value> = keys
                    .iter()
                    .map(|key| {
                        json!({
                            "id": key.id, "scopes": key.scopes, "created_ms": key.created_ms,
                            "expires_ms": key.expires_ms, "revoked_ms": key.revoked_ms,
                        })
                    })
                    .collect();
                Ok(json!({ "keys": keys }))
            }
            Wish::RotateKey { tenant, id } => {
                let issued =
                    engine::rotate_key(ports, &named(&tenant)?, &KeyId::new(&id), boot::secret_bytes()?)
                        .await?;
                Ok(told(&issued))
            }
            Wish::RevokeKey { tenant, id } => {
                let key = engine::revoke_key(ports, &named(&tenant)?, &KeyId::new(&id)).await?;
                Ok(json!({ "id": key.id, "revoked_ms": key.revoked_ms }))
            }
            Wish::SetLimits {
                tenant,
                daily_budget,
                monthly_budget,
                soft_limit,
                run_cap,
                depth_limit,
                models,
            } => {
                let tenant = named(&tenant)?;
                if soft_limit.is_some_and(|soft| !(1..=100).contains(&soft.percent)) {
                    let what = "the percent of soft_limit must be from 1 to 100";
                    return Err(Error::new(ErrorKind::InvalidInput, what));
                }
                let settings = TenantSettings {
                    daily_budget: dollars("daily_budget", daily_budget)?,
                    monthly_budget: dollars("monthly_budget", monthly_budget)?,
                    soft_limit,
                    run_cap: dollars("run_cap", run_cap)?,
                    depth_limit,
                    models: models.unwrap_or_default(),
                };
                engine::set_tenant_settings(ports, &tenant, &settings).await?;
                Ok(json!({ "tenant": tenant, "settings": settings }))
            }
            Wish::KeepPrices { prices } => {
                let kept = engine::keep_prices(ports, &boot::read_prices(&prices)?).await?;
                Ok(json!({ "prices": kept.prices }))
            }
        }
    }
}

fn named(tenant: &str) -> Result<TenantId> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if tenant.is_empty() || tenant.len() > 64 || !tenant.bytes().all(plain) {
        let what = "a tenant's name has 1 to 64 letters, digits, dots, dashes and underscores";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    Ok(TenantId::new(tenant))
}

fn dollars(field: &str, text: Option<String>) -> Result<Option<NanoUsd>> {
    let wrong = || {
        Error::new(ErrorKind::InvalidInput, format!("{field} must be dollars, such as \"20\" or \"1.50\""))
    };
    text.map(|text| NanoUsd::parse_usd(&text).ok_or_else(wrong)).transpose()
}

fn told(issued: &IssuedKey) -> Value {
    json!({
        "key": issued.text, "id": issued.key.id, "tenant": issued.key.tenant, "scopes": issued.key.scopes,
        "expires_ms": issued.key.expires_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_events_own_field_makes_it_an_operators() {
        assert!(Wish::read(&json!({ "version": "2.0", "body": "{\"operator\":\"create_key\"}" })).is_none());
        let wish = json!({ "operator": "create_key", "tenant": "acme", "scopes": ["run", "read"] });
        assert!(matches!(Wish::read(&wish), Some(Ok(Wish::CreateKey { expires_days: None, .. }))));
        let unknown = json!({ "operator": "create_key", "tenant": "acme", "scopes": ["run"], "key": "x" });
        assert!(matches!(Wish::read(&unknown), Some(Err(error)) if error.kind() == ErrorKind::InvalidInput));
        for (name, expected) in
            [("acme", true), ("", false), ("a/b", false), ("größe", false), ("a b", false)]
        {
            assert_eq!(named(name).is_ok(), expected, "{name}");
        }
    }
}
