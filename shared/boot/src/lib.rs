//! Putting a process together: what the environment says, the real clock, the log, and which adapter stands behind
//! which port. Start-up errors are for people. No rule of the platform is decided here.

mod clock;
mod config;
mod content_check;
mod links;
mod lite;
mod outward;
mod owned;
mod prepare;
mod telemetry;

pub use catalogue::Protocol;
pub use clock::{OsRandom, SystemClock, secret_bytes};
pub use config::{Config, ModelConfig};
pub use content_check::{LARGEST_INPUT_BYTES, check_content, media_type};
pub use links::{check_link, link_of_episode};
pub use lite::{Lite, load_catalogue, open_lite, protocol};
pub use outward::{Outward, Settle};
pub use owned::{Batch, Disk, Owned, Rows, StoreThread};
pub use prepare::prepare;
pub use telemetry::start_log;
