//! The vectors of the texts on standard input, one JSON string a line: for each, as little-endian `f32`, the milliseconds of
//! the processor that it took, and then its 384 numbers. `cargo lab bench recall` starts it, so that the lab itself does not
//! link the model.

use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::path::Path;

use embed::MiniLm;
use engine::ports::Embedder as _;

mod processor;

use processor::cpu_ms;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of the model's file is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let model = MiniLm::open(Path::new(&path))?;
    // The plan is built before the first text is timed.
    runtime.block_on(model.embed(&["first".to_owned()]))?;
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let before_ms = cpu_ms();
        let vectors = runtime.block_on(model.embed(&[text]))?;
        let took_ms = cpu_ms() - before_ms;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds need few digits")]
        out.write_all(&(took_ms as f32).to_le_bytes())?;
        for number in vectors.iter().flatten() {
            out.write_all(&number.to_le_bytes())?;
        }
        // Whoever asks one text after the other waits for it.
        out.flush()?;
    }
    Ok(())
}
