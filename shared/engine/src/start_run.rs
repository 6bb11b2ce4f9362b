//! A request becomes a run: validated, budgeted, written with its first message in one transaction.

use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::model::{
    Budget, Depth, EventKind, ModelPolicy, NanoUsd, OutboxMessage, Purse, Run, RunId, RunKey, RunStatus,
    Source, TenantId, TenantSettings, Traceparent,
};
use crate::money;
use crate::outbox;
use crate::ports::{Change, Key, Ports, Row};
use crate::recall::warming;
use crate::transact::{Decision, Rows, create, read, transact};

/// How long a message of the outbox may lie before `sweep` sends it.
pub(crate) const OUTBOX_GRACE_MS: u64 = 30_000;

/// How long after its deadline a run is closed by `sweep`, so that the workflow's own end comes first.
pub(crate) const DEADLINE_GRACE_MS: u64 = 15_000;

/// For so long the same content is shown the memory of its first run, so that it asks the same and is answered from what is
/// stored. No stored answer that hangs on memory lives longer.
pub(crate) const SEEN_MS: u64 = 24 * 3_600_000;

const SPENT_MONTH: &str = "this month's budget is spent; raise it or come back next month (UTC)";

/// What somebody wants analysed.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// From the credential.
    pub tenant: TenantId,
    /// A label for the ledger.
    pub workspace: String,
    /// The content, already stored.
    pub source: Source,
    /// How deep.
    pub depth: Depth,
    /// Whether stored answers may be used.
    pub use_cache: bool,
    /// The caller's name for this request: the same name again is the same run.
    pub idempotency_key: Option<String>,
    /// The trace it came with; part of no identity.
    pub trace: Option<Traceparent>,
}

/// Accepts a request.
///
/// Returns the run, and whether it is new. Errors: `InvalidInput` for an empty source, `IdempotencyMismatch` for an
/// idempotency key that came with another request, `Forbidden` for a depth beyond the tenant's limit, `Budget` if the
/// tenant's day or month is spent and a model is configured, `Storage`.
pub async fn start_run(ports: &Ports, request: &RunRequest) -> Result<(RunKey, bool)> {
    if request.source.bytes == 0 {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{} is empty", request.source.name)));
    }
    let now = ports.clock.now_ms();
    let run = RunKey { tenant: request.tenant.clone(), run: RunId::new(new_ulid(ports, now)) };
    let digest = request_digest(request);
    let idempotency =
        request.idempotency_key.as_ref().map(|key| Key::Idempotency(request.tenant.clone(), key.clone()));
    let budgets = money::budgets(&request.tenant, now);
    let settings = Key::Settings(request.tenant.clone());
    let seen = Key::Seen(request.tenant.clone(), request.source.content.as_str().to_owned());
    let mut keys = vec![Key::Run(run.clone()), settings.clone(), seen.clone()];
    keys.extend(budgets.clone());
    keys.extend(idempotency.clone());

    let (run, new) = transact(ports, &keys, |rows| {
        if rows.run(&Key::Run(run.clone())).is_some() {
            return Ok(Decision::Leave((run.clone(), true)));
        }
        if let Some(Row::Idempotency { run: earlier, request_digest }) =
            idempotency.as_ref().and_then(|key| rows.get(key))
        {
            if *request_digest != digest {
                return Err(Error::new(
                    ErrorKind::IdempotencyMismatch,
                    "this idempotency key stands for another request",
                ));
            }
            return Ok(Decision::Leave((RunKey { tenant: run.tenant.clone(), run: earlier.clone() }, false)));
        }
        // Only for a new run: a repeated request must find its run even when the day is spent.
        let own = match rows.get(&settings) {
            Some(Row::Settings(own)) => own.clone(),
            _ => TenantSettings::default(),
        };
        check_depth(&own, request.depth)?;
        let limited = limit(ports, &own, rows, &budgets)?;
        let repeats = rows
            .get(&seen)
            .and_then(|row| first_run(ports, row, now))
            .filter(|_| request.use_cache && is_recalling(ports));
        let depth_cap = request.depth.cap();
        let cap = ports.settings.run_cap_of(&own).unwrap_or(depth_cap).min(depth_cap);
        let stored = Run {
            cap: Some(cap),
            models: own.models.clone(),
            repeats: repeats.clone(),
            ..new_run(ports, request, &run, now)
        };
        let purse = Purse { cap, soft: own.soft_limit, ..Purse::default() };
        let due_ms = Some(stored.deadline_ms + DEADLINE_GRACE_MS);
        let mut changes = vec![
            create(Key::Run(run.clone()), Row::Run(stored), due_ms),
            create(Key::Purse(run.clone()), Row::Purse(purse), None),
            outbox::put(&run, outbox::START, OutboxMessage::Start, now),
        ];
        changes.extend(limited);
        if repeats.is_none() {
            changes.push(rows.put(seen.clone(), first_seen(ports, &run.run, now), None));
        }
        if let Some(key) = &idempotency {
            let row = Row::Idempotency { run: run.run.clone(), request_digest: digest.clone() };
            changes.push(create(key.clone(), row, None));
        }
        changes.extend(events::append(rows, &run, now, vec![EventKind::Accepted]));
        Ok(Decision::Write(changes, (run.clone(), true)))
    })
    .await?;
    // Its briefing, should it have ended since, is another function's to send.
    outbox::send_named(ports, &run, outbox::START).await?;
    Ok((run, new))
}

/// Starts an accepted run's workflow; repeats are harmless.
pub async fn begin_run(ports: &Ports, run: &RunKey) -> Result<()> {
    let Some(stored) = load_run(ports, run).await? else {
        return Ok(());
    };
    if stored.status.is_final() {
        return Ok(());
    }
    if let Some(warms) = &stored.warms {
        return warming::begin(ports, run, warms).await;
    }
    let left_ms = stored.deadline_ms.saturating_sub(ports.clock.now_ms());
    let input = json!({
        "run": run.run,
        "tenant": run.tenant,
        "depth": stored.depth,
        "timeout_seconds": left_ms.div_ceil(1000).max(1),
    });
    ports.workflow.start(run, input).await
}

/// A run as it is stored now.
pub async fn load_run(ports: &Ports, run: &RunKey) -> Result<Option<Run>> {
    let mut rows = read(ports, &[Key::Run(run.clone())]).await?;
    Ok(match rows.pop().flatten() {
        Some(Row::Run(run)) => Some(run),
        _ => None,
    })
}

fn new_run(ports: &Ports, request: &RunRequest, run: &RunKey, now: u64) -> Run {
    Run {
        key: run.clone(),
        workspace: request.workspace.clone(),
        source: request.source.clone(),
        depth: request.depth,
        cap: None,
        use_cache: request.use_cache,
        catalogue_version: ports.catalogue.version.clone(),
        created_ms: now,
        deadline_ms: now + request.depth.deadline_ms(),
        status: RunStatus::Running,
        cancel_requested: false,
        failure: None,
        finished_ms: None,
        cost: NanoUsd::ZERO,
        saved: NanoUsd::ZERO,
        trace: request.trace,
        models: ModelPolicy::default(),
        repeats: None,
        sketch: None,
        versions: Vec::new(),
        warms: None,
    }
}

/// Whether there is anything to recall: without a model, or with the cache off, a repeated run is shown what there is now.
pub(crate) fn is_recalling(ports: &Ports) -> bool {
    ports.model.is_some() && ports.catalogue.agents.iter().any(|agent| agent.cache.exact)
}

/// That content was analysed first by this run.
fn first_seen(ports: &Ports, run: &RunId, now_ms: u64) -> Row {
    let value = json!({"run": run, "catalogue": ports.catalogue.version});
    Row::Expiring { value, expires_ms: now_ms + SEEN_MS }
}

/// The run that analysed content first, if that was lately and by this catalogue.
fn first_run(ports: &Ports, row: &Row, now_ms: u64) -> Option<RunId> {
    let Row::Expiring { value, expires_ms } = row else { return None };
    let holds = *expires_ms > now_ms && value["catalogue"] == json!(ports.catalogue.version);
    value["run"].as_str().filter(|_| holds).map(RunId::new)
}

fn check_depth(own: &TenantSettings, depth: Depth) -> Result<()> {
    match own.depth_limit {
        Some(limit) if depth > limit => {
            let what = format!("this tenant's runs go no deeper than {}", limit.name());
            Err(Error::new(ErrorKind::Forbidden, what))
        }
        _ => Ok(()),
    }
}

/// The tenant's day and month under the limits of now, where that is not how they are stored. Kind `Budget` if one of them is
/// spent; without a model nothing is ever spent, so an empty budget stops nobody.
fn limit(ports: &Ports, own: &TenantSettings, rows: &Rows, budgets: &[Key; 2]) -> Result<Vec<Change>> {
    let limits = money::own_limits(&ports.settings, own);
    let names = ["today's budget is spent; raise it or come back tomorrow (UTC)", SPENT_MONTH];
    let mut changes = Vec::new();
    for ((key, limit), spent) in budgets.iter().zip(limits).zip(names) {
        let stored = rows.budget(key);
        let unspent = Budget::of(limit);
        let mut limited = Budget { limit, ..stored.unwrap_or(&unspent).clone() };
        // A budget that was raised is told of again.
        limited.alerted_percent = limited.alerted_percent.min(limited.spent_percent());
        if ports.model.is_some() && limited.left() <= NanoUsd::ZERO {
            return Err(Error::new(ErrorKind::Budget, spent));
        }
        // A budget that is as everybody's is written when the first run draws from it.
        let is_everybodys = limits == money::own_limits(&ports.settings, &TenantSettings::default());
        if stored.map_or(!is_everybodys, |stored| *stored != limited) {
            changes.push(rows.put(key.clone(), Row::Budget(limited), None));
        }
    }
    Ok(changes)
}

/// A ULID from the engine's own clock and randomness.
pub(crate) fn new_ulid(ports: &Ports, now_ms: u64) -> String {
    let random = u128::from(ports.random.next_u64()) << 64 | u128::from(ports.random.next_u64());
    ulid::Ulid::from_parts(now_ms, random).to_string()
}

fn request_digest(request: &RunRequest) -> String {
    let parts = json!([request.source, request.depth, request.use_cache, request.workspace]);
    blake3::hash(parts.to_string().as_bytes()).to_hex().to_string()
}
