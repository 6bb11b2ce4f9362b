//! Vectors of texts, by the real model in processes of its own: the lab links no model.

use std::collections::HashMap;
use std::io::{BufWriter, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use engine::recall::vectors::WIDTH;

use crate::binary::{EMBEDDING_MODEL, build_example, root};
use crate::stack::Result;

/// As many processes embed at once.
const PROCESSES: usize = 2;

/// So often it is told how far it is.
const TOLD_EACH: usize = 1_000;

/// Texts and their vectors.
#[derive(Debug, Default)]
pub struct Embedded {
    vectors: HashMap<String, Vec<f32>>,
    /// Milliseconds of one processor that each text took.
    pub took_ms: Vec<f64>,
}

impl Embedded {
    /// Embeds what is not embedded yet. Errors if the model cannot be built or run.
    pub fn add<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Result<()> {
        let new: std::collections::BTreeSet<&str> =
            texts.filter(|text| !self.vectors.contains_key(*text)).collect();
        let new: Vec<&str> = new.into_iter().collect();
        let binary = build_example("vectors")?;
        let parts = new.chunks(new.len().div_ceil(PROCESSES).max(1));
        let rows = std::thread::scope(|scope| {
            let workers: Vec<_> =
                parts.map(|part| scope.spawn(|| embed(Command::new(&binary), part))).collect();
            let joined = workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| "a worker of the bench has died")?);
            joined.collect::<Result<Vec<_>>>()
        })?;
        for (text, (took_ms, vector)) in new.iter().zip(rows.into_iter().flatten()) {
            self.took_ms.push(f64::from(took_ms));
            self.vectors.insert((*text).to_owned(), vector);
        }
        Ok(())
    }

    /// A text's vector, if it was embedded.
    pub fn vector(&self, text: &str) -> Option<&[f32]> {
        self.vectors.get(text).map(Vec::as_slice)
    }

    /// All vectors, in no order.
    pub fn all(&self) -> impl Iterator<Item = &[f32]> {
        self.vectors.values().map(Vec::as_slice)
    }

    /// The cosine of two texts that were embedded.
    pub fn cosine(&self, one: &str, other: &str) -> Option<f32> {
        let (one, other) = (self.vector(one)?, self.vector(other)?);
        Some(one.iter().zip(other).map(|(one, other)| one * other).sum())
    }
}

type Row = (f32, Vec<f32>);

/// Embeds some texts in one process.
fn embed(mut command: Command, texts: &[&str]) -> Result<Vec<Row>> {
    command.env_clear().arg(root().join(EMBEDDING_MODEL)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let (into, from) = (child.stdin.take(), child.stdout.take());
    let (Some(into), Some(from)) = (into, from) else {
        return Err("the model's process has no pipes".into());
    };
    let rows = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(into, texts));
        let rows = read(from, texts.len());
        writer.join().map_err(|_| "a writer of the bench has died")??;
        rows
    });
    let ended = child.wait()?;
    if ended.success() { rows } else { Err("the model's process failed".into()) }
}

fn write(into: ChildStdin, texts: &[&str]) -> Result<()> {
    let mut into = BufWriter::new(into);
    for text in texts {
        serde_json::to_writer(&mut into, text)?;
        into.write_all(b"\n")?;
    }
    Ok(into.flush()?)
}

fn read(mut from: ChildStdout, count: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(count);
    let mut bytes = [0; 4 * (WIDTH + 1)];
    for row in 1..=count {
        from.read_exact(&mut bytes)?;
        let mut numbers =
            bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let took_ms = numbers.next().unwrap_or_default();
        rows.push((took_ms, numbers.collect()));
        if row % TOLD_EACH == 0 {
            tell(&format!("embedded {row} of {count}"));
        }
    }
    Ok(rows)
}

/// A line on standard error.
#[expect(clippy::print_stderr, reason = "this is the command line's own output")]
fn tell(line: &str) {
    eprintln!("{line}");
}
