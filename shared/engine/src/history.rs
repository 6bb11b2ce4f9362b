//! What a run is shown of the runs before it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use crate::error::Result;
use crate::model::{ContentRef, MemoryRecord, Run};
use crate::ports::Ports;
use crate::transact::again;

/// How many earlier runs an agent's analyser is given.
const MOST: usize = 50;
/// Texts are compared by their runs of so many words.
const WORDS: usize = 4;
/// What is remembered of a run on other content shares less than this with the content.
const SAME: f64 = 0.7;
/// What has fewer runs of words says too little to be told by.
const FEWEST: usize = 20;

/// Earlier runs, without runs on the same content: they would confirm themselves. A run that repeats another is shown what
/// was there before that one, also where some lines of the content are others than they were.
pub(crate) async fn history(ports: &Ports, run: &Run, content: &ContentRef) -> Result<Value> {
    let recent = async |before| again(ports, || ports.memory.recent(&run.key.tenant, before, MOST)).await;
    let is_earlier = |record: &MemoryRecord| {
        record.run_id != run.key.run
            && record.content != run.source.content
            && record.created_ms <= run.created_ms
    };
    let mut records = recent(run.repeats.as_ref()).await?;
    records.retain(is_earlier);
    if run.repeats.is_none()
        && run.use_cache
        && let Some(first) = first_of_same(ports, run, content, &records).await?
    {
        records = recent(Some(&first.run_id)).await?;
        records.retain(|record| is_earlier(record) && record.run_id != first.run_id);
    }
    Ok(records
        .into_iter()
        .map(|record| {
            let mut row = record.record;
            row["run_id"] = json!(record.run_id);
            row["created_ms"] = json!(record.created_ms);
            row
        })
        .collect())
}

/// The earliest run whose content was this one but for some lines: most of what is remembered of it stands in this content.
async fn first_of_same(
    ports: &Ports,
    run: &Run,
    content: &ContentRef,
    records: &[MemoryRecord],
) -> Result<Option<MemoryRecord>> {
    if records.is_empty() || content.as_str().is_empty() {
        return Ok(None);
    }
    let bytes = again(ports, || ports.content.get(&run.key.tenant, content)).await?;
    let said = runs_of_words(&String::from_utf8_lossy(&bytes));
    let is_same = |record: &&MemoryRecord| {
        let mut remembered = HashSet::new();
        texts_of(&record.record, &mut |text| remembered.extend(runs_of_words(text)));
        let shared = remembered.intersection(&said).count();
        remembered.len() >= FEWEST && shared as f64 >= SAME * remembered.len() as f64
    };
    Ok(records.iter().rev().find(is_same).cloned())
}

fn texts_of(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, tell)),
        Value::Object(fields) => fields.values().for_each(|value| texts_of(value, tell)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The runs of words of a text, whatever its marks, case and spaces. Figures are left out: captions have times between their
/// words, and a figure that was put right makes no other content.
fn runs_of_words(text: &str) -> HashSet<u64> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<String> =
        words.filter(|word| !word.chars().all(char::is_numeric)).map(str::to_lowercase).collect();
    let hash = |run: &[String]| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    };
    words.windows(WORDS).map(hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentRef, MemoryRecord, RunId};
    use crate::scenarios::house::{House, request};
    use crate::start_run::load_run;

    /// Which runs a new run is shown, so many hours after those before it, and remembered then.
    fn shown(house: &House, after_hours: u64, use_cache: bool, other_content: bool) -> (RunId, Vec<String>) {
        let ports = house.ports.clone();
        house.block_on(async move {
            ports.clock.sleep(after_hours * 3_600_000).await;
            let mut request = request(&ports, None).await;
            request.use_cache = use_cache;
            let content =
                if other_content { format!("{}", ports.random.next_u64()) } else { "the same".into() };
            request.source.content = ports.content.put(&request.tenant, content.as_bytes()).await.unwrap();
            let key = crate::start_run(&ports, &request).await.unwrap().0;
            let run = load_run(&ports, &key).await.unwrap().unwrap();
            let history = history(&ports, &run, &run.source.content).await.unwrap();
            let record = MemoryRecord {
                run_id: key.run.clone(),
                created_ms: run.created_ms,
                content: run.source.content,
                record: json!({}),
            };
            ports.memory.remember(&key.tenant, &record).await.unwrap();
            let runs = history.as_array().unwrap().iter();
            (key.run, runs.map(|row| row["run_id"].as_str().unwrap().to_owned()).collect())
        })
    }

    /// How many earlier runs a run on `said` is shown, after a run on other content and one that remembers `first`.
    fn check(first: &str, said: &str, use_cache: bool, expected: usize) {
        let house = House::new(None, Some(Vec::new()));
        shown(&house, 1, true, true);
        let (ports, remembered, content) = (house.ports.clone(), first.to_owned(), said.as_bytes().to_vec());
        let found = house.block_on(async move {
            let tenant = request(&ports, None).await.tenant;
            let remember = async |run: &str, text: &str, created_ms: u64| {
                let (run_id, content) = (RunId::new(run), ContentRef::new(run));
                let record = json!({"title": "A talk", "claims": [{"text": text, "verdict": null}]});
                let record = MemoryRecord { run_id, created_ms, content, record };
                ports.memory.remember(&tenant, &record).await.unwrap();
            };
            let now_ms = ports.clock.now_ms();
            remember("zz1", &remembered, now_ms).await;
            remember("zz2", "What came since has to do with nothing of it.", now_ms).await;
            let mut request = request(&ports, None).await;
            request.use_cache = use_cache;
            request.source.content = ports.content.put(&tenant, &content).await.unwrap();
            let key = crate::start_run(&ports, &request).await.unwrap().0;
            let run = load_run(&ports, &key).await.unwrap().unwrap();
            history(&ports, &run, &run.source.content).await.unwrap().as_array().unwrap().len()
        });
        assert_eq!(found, expected, "{first} / {said}");
    }

    #[test]
    fn content_with_other_lines_is_shown_what_the_first_was() {
        let talk: Vec<String> = (0..40)
            .map(|line| {
                format!("In line {line} somebody tells what w{line} has done for x{line} of y{line}.")
            })
            .collect();
        let captions = |lines: &[String]| {
            let cue = |(at, line): (usize, &String)| {
                let (left, right) = line.split_once(" tells ").unwrap_or((line, ""));
                format!("\n00:00:{at:02}.000 --> 00:00:{at:02}.500\n{left} tells\n{right}\n")
            };
            format!("WEBVTT\n{}", lines.iter().enumerate().map(cue).collect::<String>())
        };
        let mut edited = talk.clone();
        edited[7] = "Um,  nobody remembers this line at all".to_owned();
        edited[20] = talk[20].replace("line 20", "line 21").to_uppercase();
        check(&talk.join(" "), &captions(&edited), true, 1);
        check(&talk.join(" "), &captions(&edited), false, 3);
        let third: Vec<String> = talk[..13].iter().chain(&vec!["Else.".to_owned(); 27]).cloned().collect();
        check(&talk.join(" "), &captions(&third), true, 3);
        check("Too short to be told by.", "Too short to be told by.", true, 3);
        check(&talk.join(" "), "", true, 3);
    }

    #[test]
    fn a_repeated_run_is_shown_the_memory_of_the_first_one_for_a_day() {
        let house = House::new(None, Some(Vec::new()));
        let names = |runs: &[&RunId]| runs.iter().map(|run| run.as_str().to_owned()).collect::<Vec<_>>();
        let (older, nothing) = shown(&house, 1, true, true);
        assert_eq!(nothing, names(&[]));
        let (_, first) = shown(&house, 1, true, false);
        assert_eq!(first, names(&[&older]));
        let (newer, _) = shown(&house, 1, true, true);
        assert_eq!(shown(&house, 1, true, false).1, names(&[&older]), "as the first run was");
        assert_eq!(shown(&house, 1, false, false).1, names(&[&newer, &older]), "whoever asks anew sees all");
        // That run is the first one now.
        assert_eq!(shown(&house, 23, true, false).1, names(&[&newer, &older]));
        let (newest, _) = shown(&house, 0, true, true);
        assert_eq!(shown(&house, 0, true, false).1, names(&[&newer, &older]));
        assert_eq!(shown(&house, 1, true, false).1, names(&[&newest, &newer, &older]), "a day is over");
    }
}
