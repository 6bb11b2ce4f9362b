//! The port [`Embedder`] by all-MiniLM-L6-v2 inside this process: unit vectors of 384 numbers, run by tract.
//!
//! - `model_file` maps the one file that holds everything: graph, matrices, tables and vocabulary. `tests/embedding/make`
//!   makes it and says what is in it.
//! - `word_piece` cuts a text into the model's words, as its own tokenizer does.
//! - `encoder` is the network. Its plan takes most of a tenth of a second to build.
//! - [`MiniLm`] builds it on a thread of its own, which then embeds what it is asked to, so that neither opening nor
//!   embedding holds up the runtime.
//!
//! Deliberately not here: what is embedded, and what likeness means. To use another model: another file, made with the
//! same names; other sizes than those of the constants in `model_file` are refused.

mod encoder;
mod mini_lm;
mod model_file;
mod word_piece;

#[cfg(test)]
mod tests;

pub use mini_lm::{MiniLm, open};
pub use model_file::WIDTH;

#[cfg(doc)]
use engine::ports::Embedder;
