//! Putting a process together: what the environment says, the real clock, the log, and which adapter stands behind
//! which port. Start-up errors are for people. No rule of the platform is decided here.

mod clock;
mod cloud;
mod config;
mod content_check;
mod declared;
mod links;
mod lite;
mod measures;
mod models;
mod owned;
mod prepare;
mod rates;
mod recall;
mod registry;
mod telemetry;
mod traces;

pub use ::llm::{Signer, Signs};
pub use ::telemetry::{Destination, Traces};
pub use catalogue::Protocol;
pub use clock::{OsRandom, SystemClock, secret_bytes};
pub use cloud::{Cloud, Credentials, RedisUrl};
pub use config::{Config, ModelConfig, log_filter};
pub use content_check::{LARGEST_INPUT_BYTES, check_content, media_type, too_large};
pub use declared::DeclaredPrices;
pub use links::{check_link, link_of_episode};
pub use lite::{Lite, open_lite};
pub use measures::Measures;
pub use models::{open_models, protocol};
pub use owned::{Batch, Disk, Owned, Rows, StoreThread, stored};
pub use prepare::prepare;
pub use recall::RecallConfig;
pub use registry::{fetcher, load_catalogue, load_catalogue_without_steps, read_prices};
pub use telemetry::{start_json_log, start_log};
