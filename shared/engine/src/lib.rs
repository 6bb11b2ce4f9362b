//! The inside of the platform: what a run is, and the stories that take it from a request to a briefing.
//!
//! Here: the nouns ([`model`]), what can go wrong ([`error`]), the typed catalogue ([`agent`]), every door to the
//! outside ([`ports`]), and one module per story. Deliberately not here: any vendor, any wire format, any clock or
//! randomness of its own, any prompt. A new story gets its own module; a new door a narrow trait in [`ports`].

pub mod agent;
pub mod calendar;
pub mod contract;
pub mod error;
pub mod figures;
pub mod health;
pub mod ledger_view;
pub mod limits;
pub mod memory;
pub mod model;
pub mod money;
pub mod performance;
pub mod ports;
pub mod prompt;
pub mod recall;
pub mod routing;
pub mod schema;
pub mod spending;
pub mod step_input;
pub mod trace;

mod access;
mod cancel_run;
mod circuits;
mod citations;
mod claim_check;
mod converse;
mod dead_letter;
mod deliver;
mod events;
mod finish_run;
mod gather;
mod handle;
mod lease;
mod measure;
mod outbox;
mod places;
mod prices;
mod report;
mod resume_run;
mod run_step;
mod start_run;
mod sweep;
mod transact;
mod uploads;
mod versions;

pub use access::{
    Caller, Entropy, IssuedKey, authenticate, create_key, list_keys, revoke_key, rotate_key,
    set_tenant_settings, tenant_settings,
};
pub use cancel_run::cancel_run;
pub use circuits::circuits;
pub use claim_check::{INLINE_BYTES, ReadBack};
pub use dead_letter::bury;
pub use deliver::deliver;
pub use events::events_after;
pub use finish_run::finish_run;
pub use handle::handle;
pub use lease::{LEASE_MS, MAX_ATTEMPTS, MAX_FAILING_CALLS};
pub use measure::critical_path;
pub use money::charges;
pub use prices::{keep_prices, prices};
pub use report::token_output;
pub use resume_run::{ended_before, is_over, resume_run, resume_unfinished, unfinished_run};
pub use run_step::run_step;
pub use start_run::{RunRequest, begin_run, load_run, start_run};
pub use sweep::{sweep, sweep_beside};
pub use uploads::{fill_upload, load_upload, open_upload};
pub use versions::remind;

#[cfg(test)]
mod scenarios;
