//! What one process needs to embed, as JSON: `cargo lab bench embed` starts it many times. Time is the processor's, of all
//! threads of this process from its start.

use std::fs;
use std::path::Path;

use embed::MiniLm;
use engine::ports::Embedder as _;
use serde_json::json;

mod processor;

// None of its threads has ended before the last look.
use processor::cpu_ms;

/// Thirteen words, three marks and the two tokens around them are eighteen tokens.
const QUESTION: &str = "How many people were living in the old town, near the river, in 1950?";
const TIMES: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the path of the model's file is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let started_ms = cpu_ms();
    let model = MiniLm::open(Path::new(&path))?;
    let opened_ms = cpu_ms() - started_ms;
    runtime.block_on(model.embed(&[QUESTION.to_owned()]))?;
    let first_ms = cpu_ms();
    let memory_mb = status_mb("VmRSS:");
    let mut by_tokens = serde_json::Map::new();
    let texts = [8, 16, 32, 64, 128, 256].map(|tokens| (tokens.to_string(), "word ".repeat(tokens - 2)));
    for (name, text) in [("question".to_owned(), QUESTION.to_owned())].into_iter().chain(texts) {
        let mut took_ms = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let before_ms = cpu_ms();
            runtime.block_on(model.embed(std::slice::from_ref(&text)))?;
            took_ms.push(cpu_ms() - before_ms);
        }
        took_ms.sort_by(f64::total_cmp);
        by_tokens.insert(
            name,
            json!({ "median": took_ms[TIMES / 2], "least": took_ms[0], "most": took_ms[TIMES - 1] }),
        );
    }
    let report = json!({
        "open_ms": opened_ms,
        "first_ms": first_ms,
        "memory_mb": memory_mb,
        "peak_mb": status_mb("VmHWM:"),
        "embed_ms": by_tokens,
    });
    #[expect(clippy::print_stdout, reason = "this is what the bench reads")]
    {
        println!("{report}");
    }
    Ok(())
}

fn status_mb(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1e3
}
