//! How long one look through a namespace's vectors takes, as JSON. Vectors come on standard input, 384 little-endian `f32` each;
//! there are as many entries as the first argument says, the given ones again and again, and they are looked for by the given
//! ones. `cargo lab bench recall` starts it, built as functions are built for deployment.

use std::io::{Read as _, stdin};
use std::time::Instant;

use engine::recall::vectors::{Query, Threshold, Vectors, WIDTH, quantise};
use serde_json::json;

const LOOKS: usize = 301;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: usize = std::env::args().nth(1).ok_or("the number of entries is missing")?.parse()?;
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes)?;
    let numbers =
        bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let numbers: Vec<f32> = numbers.collect();
    let given: Vec<&[f32]> = numbers.chunks_exact(WIDTH).collect();
    let mut index = Vectors::default();
    for (id, vector) in given.iter().cycle().take(entries).enumerate() {
        index.add(id, &quantise(vector)?)?;
    }
    // Nothing can be left early where everything is near.
    let mut near = Vectors::default();
    let first = given.first().ok_or("no vectors are given")?;
    for (id, other) in given.iter().cycle().take(entries).enumerate() {
        let mixed: Vec<f32> = first.iter().zip(*other).map(|(first, other)| first + 0.3 * other).collect();
        near.add(id, &quantise(&mixed)?)?;
    }
    let queries =
        given.iter().cycle().take(LOOKS).map(|vector| Query::of(vector)).collect::<Result<Vec<_>, _>>()?;
    let report = json!({
        "entries": index.len(),
        "usual_us": looks(&index, &queries),
        "all_near_us": looks(&near, &queries[..1]),
    });
    #[expect(clippy::print_stdout, reason = "this is what the bench reads")]
    {
        println!("{report}");
    }
    Ok(())
}

/// Microseconds of one look: the median, and all but one in a hundred.
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is measured")]
fn looks(index: &Vectors<usize>, queries: &[Query]) -> serde_json::Value {
    let mut took_us = Vec::with_capacity(LOOKS);
    for query in queries.iter().cycle().take(LOOKS) {
        let began = Instant::now();
        let best = index.best(query, Threshold::default(), 8);
        took_us.push(began.elapsed().as_secs_f64() * 1e6);
        std::hint::black_box(best);
    }
    took_us.sort_by(f64::total_cmp);
    json!({ "median": took_us[LOOKS / 2], "p99": took_us[LOOKS * 99 / 100] })
}
