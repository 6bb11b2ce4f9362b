//! `assay doctor`: each part is tried, not just looked up.

use std::pin::pin;
use std::process::ExitCode;

use boot::Config;
use engine::agent::Tier;
use engine::error::{Error, Result};
use engine::model::TenantId;
use engine::ports::{Becomes, Change, Expect, Key, Row};
use futures::future::{Either, select};

use super::session::{self, Session};
use crate::cli::StateArguments;
use crate::state::State;

/// The model's server has so long to list its models.
const PATIENCE_MS: u64 = 5_000;

/// Prints what is configured, what works and what is missing. Ends with 1 if something that is configured fails.
pub(super) async fn doctor(config: &Config, arguments: &StateArguments) -> Result<ExitCode> {
    let mut findings = Findings::default();
    match boot::load_catalogue() {
        Ok(catalogue) => findings.works(
            "catalogue",
            &format!(
                "{} agents, {} models, version {}",
                catalogue.agents.len(),
                catalogue.models.len(),
                catalogue.version
            ),
        ),
        Err(error) => findings.failed("catalogue", &error),
    }
    let mut state = State::open(&arguments.folder)?;
    let folder = state.folder();
    match state.own() {
        Err(error) => findings.failed("state folder", &error),
        Ok(_owner) => match session::open(config, &folder).await {
            Err(error) => findings.failed("state folder", &error),
            Ok(session) => {
                check_state(&session, arguments, &mut findings).await;
                check_model(config, &session, &mut findings).await;
            }
        },
    }
    findings.configured("links", "are fetched from public addresses only; nothing is tried here");
    findings.absent("speech to text", "is not built yet; captions and text are read");
    findings.absent("published fact checks", "are not asked yet; verdicts need a model");
    findings
        .absent("recall by meaning", "is in the bundle on AWS only; the exact and the compressed level work");
    super::print(&findings.text)?;
    Ok(ExitCode::from(findings.code))
}

/// Content and rows are written and read back.
async fn check_state(session: &Session, arguments: &StateArguments, findings: &mut Findings) {
    let ports = &session.ports;
    let tenant = TenantId::new(&arguments.tenant);
    let probe = ports.clock.now_ms().to_string();
    let content = async {
        let content = ports.content.put(&tenant, probe.as_bytes()).await?;
        ports.content.get(&tenant, &content).await
    };
    let content = content.await;
    findings.check(
        "content",
        content.map(|bytes| (bytes == probe.as_bytes(), arguments.folder.display().to_string())),
    );
    let value = serde_json::Value::from(probe.clone());
    let key = Key::Cache(tenant.clone(), "doctor".to_owned());
    let rows = async {
        let row = Row::Expiring { value: value.clone(), expires_ms: ports.clock.now_ms() + 60_000 };
        let change =
            Change { key: key.clone(), expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
        ports.store.write(&[change]).await?;
        session.rows.settled().await?;
        Ok(match ports.store.read(&[key]).await?.into_iter().flatten().next().map(|found| found.row) {
            Some(Row::Expiring { value, .. }) => Some(value),
            _ => None,
        })
    };
    let rows = rows.await;
    findings.check(
        "rows",
        rows.map(|read| (read == Some(value), "written to the disk and read back".to_owned())),
    );
}

/// The server is asked for its models, which costs nothing.
async fn check_model(config: &Config, session: &Session, findings: &mut Findings) {
    let Some(model) = &session.ports.model else {
        findings.absent(
            "model",
            "is not configured: briefings are made by rules only, claims are not checked. Set LLM_API_KEY (OpenAI), \
             LLM_API_KEY and LLM_BASE_URL=https://api.anthropic.com (Anthropic), or LLM_BASE_URL and LLM_MODEL for any \
             OpenAI-compatible server, such as http://127.0.0.1:11434/v1 for Ollama",
        );
        return;
    };
    if let Some(configured) = &config.model {
        match boot::protocol(configured) {
            Ok(protocol) => findings.configured(
                "model server",
                &format!("{}, spoken to by {}", configured.base_url, protocol.name()),
            ),
            Err(error) => findings.failed("model server", &error),
        }
    }
    let patience = pin!(session.ports.clock.sleep(PATIENCE_MS));
    match select(model.reachable(), patience).await {
        Either::Left((Ok(Some(listed)), _)) => {
            findings.works("model server", &format!("{} models listed", listed.len()));
        }
        Either::Left((Ok(None), _)) => {
            findings.configured(
                "model server",
                "it lists no models, so only a paid call shows whether it answers",
            );
        }
        Either::Left((Err(error), _)) => findings.failed("model server", &error),
        Either::Right(_) => {
            findings.broken("model server", &format!("no answer in {} seconds", PATIENCE_MS / 1_000));
        }
    }
    for tier in [Tier::Fast, Tier::Standard, Tier::Strong] {
        match model.candidates(tier).first() {
            Some(first) => {
                let price = match first.price {
                    Some(price) => format!(
                        "{} in, {} out per million tokens ({})",
                        engine::model::NanoUsd(price.base.input),
                        engine::model::NanoUsd(price.base.output),
                        first.price_source
                    ),
                    None => "price unknown: declare it in LLM_PRICE, or calls are refused".to_owned(),
                };
                let word = if first.price.is_some() { Findings::configured } else { Findings::broken };
                word(findings, &format!("model, {} tier", tier.name()), &format!("{}, {price}", first.id));
            }
            None => findings.broken(&format!("model, {} tier", tier.name()), "no model serves it"),
        }
    }
    let budget = format!("{} a day (UTC), runs capped by depth", config.daily_budget);
    findings.configured("money", &budget);
}

#[derive(Default)]
struct Findings {
    text: String,
    code: u8,
}

impl Findings {
    fn line(&mut self, word: &str, part: &str, what: &str) {
        self.text.push_str(&format!("{word:<11} {part}: {what}\n"));
    }

    fn works(&mut self, part: &str, what: &str) {
        self.line("works", part, what);
    }

    fn configured(&mut self, part: &str, what: &str) {
        self.line("configured", part, what);
    }

    fn absent(&mut self, part: &str, what: &str) {
        self.line("absent", part, what);
    }

    fn broken(&mut self, part: &str, what: &str) {
        self.line("BROKEN", part, what);
        self.code = super::FAILED;
    }

    fn failed(&mut self, part: &str, error: &Error) {
        let told = [vec![error.message().to_owned()], super::details(error)].concat();
        self.broken(part, &told.join("; "));
    }

    fn check(&mut self, part: &str, tried: Result<(bool, String)>) {
        match tried {
            Ok((true, what)) => self.works(part, &what),
            Ok((false, _)) => self.broken(part, "what was read back is not what was written"),
            Err(error) => self.failed(part, &error),
        }
    }
}
