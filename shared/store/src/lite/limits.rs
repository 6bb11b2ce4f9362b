//! Requests per minute as rows: exact in every window, for all processes that share the store.

use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Admission, Becomes, Change, Clock, Expect, Key, Limits, Row, Store, Take, Versioned};

use super::window::Window;

const ATTEMPTS: u64 = 40;

/// What it is told when too many ask at the same moment.
const CROWDED_RETRY_AFTER_MS: u64 = 500;

/// How many requests a minute may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// For one tenant, whatever it calls.
    pub requests_per_minute_tenant: u64,
    /// For one provider, whoever calls.
    pub requests_per_minute_provider: u64,
}

/// Rates over a store of rows.
#[derive(Clone)]
pub struct LiteLimits {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rates: Rates,
}

impl LiteLimits {
    /// A limiter of these rates. Kind `Configuration` if one of them is zero: nothing could ever be admitted.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, rates: Rates) -> Result<Self> {
        if rates.requests_per_minute_tenant == 0 || rates.requests_per_minute_provider == 0 {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a rate of 0 requests per minute admits nothing",
            ));
        }
        Ok(Self { store, clock, rates })
    }

    /// One reading, one decision, one writing. `None` if somebody else was faster.
    async fn attempt(&self, wanted: &[(Key, u64)]) -> Result<Option<Admission>> {
        let keys: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
        let rows = self.store.read(&keys).await?;
        let now_ms = self.clock.now_ms();
        let (mut changes, mut wait_ms) = (Vec::new(), 0);
        for ((key, per_minute), found) in wanted.iter().zip(rows) {
            match taken(found.as_ref(), now_ms, *per_minute) {
                Ok(window) => changes.push(kept(key, found.as_ref(), &window)?),
                Err(own_wait_ms) => wait_ms = wait_ms.max(own_wait_ms),
            }
        }
        if wait_ms > 0 {
            return Ok(Some(Admission::RetryAfter(wait_ms)));
        }
        match self.store.write(&changes).await {
            Ok(()) => Ok(Some(Admission::Admitted)),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Limits for LiteLimits {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let wanted = [
            (Key::Rate(format!("tenant/{}", take.tenant)), self.rates.requests_per_minute_tenant),
            (Key::Rate(format!("provider/{}", take.provider)), self.rates.requests_per_minute_provider),
        ];
        for attempt in 1..=ATTEMPTS {
            if let Some(admission) = self.attempt(&wanted).await? {
                return Ok(admission);
            }
            self.clock.sleep(attempt.min(10)).await;
        }
        Ok(Admission::RetryAfter(CROWDED_RETRY_AFTER_MS))
    }
}

/// The window with one request more, or how long that must wait. A row that cannot be read counts as full until it
/// ends: too few are admitted rather than too many.
fn taken(found: Option<&Versioned>, now_ms: u64, per_minute: u64) -> std::result::Result<Window, u64> {
    let mut window = match found.map(|versioned| &versioned.row) {
        Some(Row::Expiring { value, expires_ms }) if *expires_ms > now_ms => {
            serde_json::from_value::<Window>(value.clone()).map_err(|_| expires_ms - now_ms)?
        }
        _ => Window::default(),
    };
    window.take(now_ms, per_minute)?;
    Ok(window)
}

fn kept(key: &Key, found: Option<&Versioned>, window: &Window) -> Result<Change> {
    let value = serde_json::to_value(window)
        .map_err(|error| Error::new(ErrorKind::Internal, "a rate cannot be written").because(error))?;
    Ok(Change {
        key: key.clone(),
        expect: found.map_or(Expect::Absent, |versioned| Expect::Version(versioned.version)),
        to: Becomes::Row(Row::Expiring { value, expires_ms: window.ends_at_ms() }),
        due_ms: None,
    })
}
