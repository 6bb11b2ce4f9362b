//! What a user sees: good input, bad input, and what is left behind.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use lab::scripted::{Script, ScriptedServer};
use serde_json::Value;

use crate::assay::{assay, json, root, run, sample};

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn run_sample(name: &str, more: &[&str]) -> (tempfile::TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let path = sample(name);
    let mut arguments = vec!["run", path.to_str().unwrap(), "--state", state.to_str().unwrap()];
    arguments.extend(more);
    let output = run(&mut assay(&arguments));
    (folder, output)
}

#[test]
fn the_readme_shows_what_is_printed() {
    let (_folder, output) = run_sample("flood-budget.vtt", &[]);
    let printed = text(&output.stdout);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("```").find(|block| block.starts_with("\nWater and money\n")).unwrap();
    // Each piece stands there as it is shown; the run's own line differs each time.
    let shown = shown.split_once("\nRun ").unwrap().0;
    let mut rest = printed.as_str();
    for piece in shown.split("  [...]").map(str::trim_end) {
        let at =
            rest.find(piece.trim_start_matches('\n')).unwrap_or_else(|| panic!("is not printed: {piece}"));
        rest = &rest[at..];
    }
}

#[test]
fn a_transcript_gives_a_briefing_without_a_model() {
    let (_folder, output) = run_sample("flood-budget.vtt", &["--depth", "comprehensive", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(report["status"], "complete");
    let briefing = &report["briefing"];
    let source = fs::read_to_string(sample("flood-budget.vtt")).unwrap();
    // A sentence may run over several cues.
    let spoken: Vec<&str> = source.lines().filter(|line| !line.contains("-->")).collect();
    let folded = fold(&spoken.join("\n"));
    let summary = briefing["summary"].as_array().unwrap();
    assert!(summary.len() >= 3, "{summary:?}");
    for sentence in summary {
        assert!(folded.contains(&fold(sentence["text"].as_str().unwrap())), "not verbatim: {sentence}");
        assert_said_at(&source, sentence);
    }
    let claims = briefing["claims"].as_array().unwrap();
    assert!(!claims.is_empty());
    for claim in claims {
        assert!(claim["score"].is_number(), "{claim}");
        assert_said_at(&source, claim);
        assert!(
            matches!(claim["verdict"].as_str(), None | Some("not_checked")),
            "no model, no verdict: {claim}"
        );
    }
    let steps = report["steps"].as_array().unwrap();
    let without_rules: Vec<String> = boot::load_catalogue()
        .unwrap()
        .agents
        .iter()
        .filter(|agent| agent.analyser.is_none())
        .map(|agent| agent.id.as_str().to_owned())
        .collect();
    assert!(without_rules.len() >= 4, "{without_rules:?}");
    for agent in without_rules {
        let step = steps.iter().find(|step| step["agent"] == agent.as_str()).unwrap();
        assert_eq!((&step["status"], &step["reason"]), (&"skipped".into(), &"no_model".into()), "{agent}");
    }
    assert_eq!(report["cost"]["total_nano_usd"], 0);
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["basis"], "deterministic", "{step}");
    }
}

/// Without tags, white space folded.
fn fold(text: &str) -> String {
    let mut plain = String::new();
    let mut in_tag = false;
    for letter in text.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            letter if !in_tag => plain.push(letter),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a row says was said begins in a cue at its time. Cues of people who talk at once overlap.
fn assert_said_at(captions: &str, row: &Value) {
    let at_ms = row["start_ms"].as_u64().unwrap_or_else(|| panic!("no time: {row}"));
    let milliseconds = |clock: &str| {
        let (time, rest) = clock.trim().split_once('.').unwrap();
        let seconds = time.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
        seconds * 1_000 + rest[..3].parse::<u64>().unwrap()
    };
    let is_then = |cue: &&str| {
        let times = cue.lines().find_map(|line| line.split_once(" --> "));
        times.is_some_and(|(from, to)| (milliseconds(from)..milliseconds(to)).contains(&at_ms))
    };
    // A claim is told without the "So" it may begin with.
    let words = fold(row["text"].as_str().unwrap()).to_lowercase();
    let beginning = words.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut cues = captions.split("\n\n").filter(is_then);
    assert!(cues.any(|cue| fold(cue).to_lowercase().contains(&beginning)), "not said then: {row}");
}

#[test]
fn every_form_is_written_whole() {
    for (ending, mark) in [("md", "# "), ("html", "<!doctype html>"), ("json", "{")] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join(format!("deep/briefing.{ending}"));
        let (_state, output) =
            run_sample("flood-budget.vtt", &["--depth", "quick", "--out", out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let written = fs::read_to_string(&out).unwrap();
        assert!(written.to_lowercase().starts_with(mark), "{ending}");
        match ending {
            "html" => {
                assert!(written.trim_end().ends_with("</html>"));
                for outside in [" src=", "<link", "<script", "@import", "url("] {
                    assert!(!written.contains(outside), "one file, fit to send: {outside}");
                }
            }
            "json" => assert_eq!(serde_json::from_str::<Value>(&written).unwrap()["status"], "complete"),
            _ => {}
        }
        assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "nothing beside it");
    }
}

#[test]
fn other_languages_and_plain_text_work() {
    for name in ["bahnhof.srt", "water-arabic.vtt", "speech.txt"] {
        let (_folder, output) = run_sample(name, &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        assert!(!json(&output)["briefing"]["summary"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn standard_input_and_emoji_work() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let words =
        "🌊 The harbour wall cost 4 million pounds in 2024. 🎉 It holds back 3 metres of water. ".repeat(6);
    let report = json(&fed(&["run", "-", "--json", "--state", path_text(&state)], words.as_bytes()));
    assert_eq!(report["status"], "complete");
    assert!(report["briefing"]["summary"].to_string().contains("🌊"), "{:#}", report["briefing"]["summary"]);
}

/// Bad input: exit code 2, the file's name and what would do on standard error, no run, nothing written.
fn check_refused(name: &str, content: Option<&[u8]>, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    if let Some(content) = content {
        fs::write(&path, content).unwrap();
    }
    let state = folder.path().join("state");
    let out = folder.path().join("out.md");
    let arguments =
        ["run", path.to_str().unwrap(), "--state", state.to_str().unwrap(), "--out", out.to_str().unwrap()];
    assert_refused(name, &run(&mut assay(&arguments)), [&state, &out], expected);
}

/// The same, handed in on standard input.
fn check_standard_input_refused(content: &[u8], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let [state, out] = ["state", "out.md"].map(|name| folder.path().join(name));
    let output = fed(&["run", "-", "--state", path_text(&state), "--out", path_text(&out)], content);
    assert_refused("standard input", &output, [&state, &out], expected);
}

/// What it prints that is fed with these bytes.
fn fed(arguments: &[&str], content: &[u8]) -> Output {
    let piped = || Stdio::piped();
    let mut child = assay(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    // It need not read what is too much to its end.
    let _ = child.stdin.take().unwrap().write_all(content);
    child.wait_with_output().unwrap()
}

fn assert_refused(name: &str, output: &Output, written: [&Path; 2], expected: &[&str]) {
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
    for part in expected.iter().chain(&[name]) {
        assert!(errors.contains(part), "{name}: no `{part}` in: {errors}");
    }
    assert!(errors.lines().count() <= 4, "{errors}");
    assert!(written.iter().all(|path| !path.exists()), "{name}: something was written");
    assert!(output.stdout.is_empty());
}

#[test]
fn bad_input_is_refused_with_what_would_work() {
    check_refused("missing.vtt", None, &["no such file"]);
    check_refused("empty.txt", Some(b""), &["is empty"]);
    check_refused("white.txt", Some(b"  \n\t\n"), &["is empty"]);
    check_refused("program.txt", Some(b"\x7fELF\x02\x01\x01\0\0\0"), &["not text"]);
    check_refused("windows.txt", Some(b"\xFF\xFEh\0e\0l\0l\0o\0"), &["UTF-16"]);
    check_refused("latin.txt", Some(b"first line\ncaf\xE9 is open\n"), &["line 2", "UTF-8"]);
    check_refused("huge.txt", Some(&vec![b'a'; 100 * 1024 * 1024]), &["more than 8 MB", "split"]);
    check_refused("line.txt", Some("word ".repeat(2 * 1024 * 1024).as_bytes()), &["more than 8 MB", "split"]);
    check_refused("broken.vtt", Some(b"WEBVTT\n\n00:00:01.000 --> 00:00:0x.000\nHello there\n"), &["line 3"]);
    check_refused("nothing.vtt", Some(b"WEBVTT\n\nNOTE nothing here\n"), &["line 1", "no cue with text"]);
    check_refused("deep.json", Some("[".repeat(100_000).as_bytes()), &["line 1", "segments"]);
    check_refused("other.json", Some(br#"{"hello": "world"}"#), &["line 1", "segments"]);
    check_refused("paper.pdf", Some(b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\n"), &["application/pdf", ".vtt"]);
    check_refused("talk.mp3", Some(b"ID3\x03\0\0"), &["a recording", "transcript"]);
    check_refused("archive.txt", Some(b"\x01\x02\xE9\x03"), &["not text"]);
    check_refused("wide.txt", Some(b"h\0e\0l\0l\0o\0"), &["UTF-16", "iconv -f UTF-16LE"]);
    let feed = "<rss version=\"2.0\"><channel><title>t</title></channel></rss>";
    check_refused("feed.xml", Some(feed.as_bytes()), &["a feed", "link"]);
    check_refused("build.xml", Some(b"<?xml version=\"1.0\"?><project>words</project>"), &["<project>"]);
    check_refused("music.vtt", Some(b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music]\n"), &["no words"]);
    check_standard_input_refused(b"", &["is empty"]);
    check_standard_input_refused(b"\x7fELF\x02\x01\x01\0\0\0", &["not text"]);
    check_standard_input_refused(b"first line\ncaf\xE9 is open\n", &["line 2", "UTF-8"]);
    check_standard_input_refused(&vec![b'a'; 100 * 1024 * 1024], &["more than 8 MB", "split"]);
    check_standard_input_refused(b"WEBVTT\n\n00:00:01.000 --> 00:00:0x.000\nHello there\n", &["line 3"]);
}

#[test]
fn an_input_is_told_by_all_of_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let [good, bad] = ["first/talk.vtt", "second/talk.vtt"].map(|name| folder.path().join(name));
    for path in [&good, &bad] {
        fs::create_dir(path.parent().unwrap()).unwrap();
    }
    fs::copy(sample("flood-budget.vtt"), &good).unwrap();
    fs::write(&bad, "WEBVTT\n\n00:00:01.000 --> 00:00:0x.000\nHello there\n").unwrap();
    let state = folder.path().join("state");
    let output = run(&mut assay(&["run", path_text(&good), path_text(&bad), "--state", path_text(&state)]));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("{}: line 3", path_text(&bad))), "{said}");
}

#[test]
fn several_inputs_are_done_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let inputs = ["speech.txt", "flood-budget.vtt", "bahnhof.srt"];
    let paths = inputs.map(sample);
    let mut arguments = vec!["run", "--depth", "quick", "--state", path_text(&state)];
    arguments.extend(paths.iter().map(|path| path_text(path)));
    let output = run(&mut assay(&arguments));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert_eq!(printed.matches("\nRun    ").count(), 3, "{printed}");
    arguments.push("--json");
    let output = run(&mut assay(&arguments));
    let printed = text(&output.stdout);
    // One object a line.
    let reports: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = reports.iter().map(|report| (report["source"]["name"].as_str(), report["status"].as_str()));
    let expected = inputs.map(|name| (Some(name), Some("complete")));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn one_bad_input_of_several_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (state, bad) = (folder.path().join("state"), folder.path().join("bad.txt"));
    fs::write(&bad, "").unwrap();
    let good = sample("speech.txt");
    let output = run(&mut assay(&["run", path_text(&good), path_text(&bad), "--state", path_text(&state)]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("bad.txt"));
    let form = run(&mut assay(&["run", path_text(&good), "--out", "x.pdf", "--state", path_text(&state)]));
    assert_eq!(form.status.code(), Some(2));
    assert!(
        text(&form.stderr).contains("md") && text(&form.stderr).contains("html"),
        "{}",
        text(&form.stderr)
    );
    assert!(!state.exists() && output.stdout.is_empty() && form.stdout.is_empty());
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    let (input, state) = (folder.path().join("talk.md"), folder.path().join("state"));
    let words =
        "The harbour wall cost 4 million pounds in 2024. It holds back 3 metres of water.\n".repeat(4);
    fs::write(&input, &words).unwrap();
    fs::create_dir(folder.path().join("folder.md")).unwrap();
    let write = |out: &str| {
        let out = folder.path().join(out);
        run(&mut assay(&["run", path_text(&input), "--state", path_text(&state), "--out", path_text(&out)]))
    };
    for (out, says) in [
        ("talk.md", "is the input"),
        ("folder.md/../talk.md", "is the input"),
        ("folder.md", "directory"),
        ("talk.md/deep/briefing.md", "cannot be written"),
    ] {
        let output = write(out);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{out}: {said}");
        assert!(said.contains(says) && said.contains("--out"), "{out}: {said}");
        assert!(!state.exists() && output.stdout.is_empty(), "{out}");
    }
    assert_eq!(fs::read_to_string(&input).unwrap(), words);
    // Once the state is there, its lock is in the way.
    let output = write("state/lock/briefing.md");
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    let run = printed.split_once("\nRun    ").unwrap().1.split(' ').next().unwrap();
    assert!(
        said.contains("cannot be written") && said.contains(&format!("cargo assay show {run}")),
        "{said}"
    );
}

#[test]
fn a_briefing_that_cannot_be_posted_holds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (input, state) = (sample("speech.txt"), folder.path().join("state"));
    let posts = state.join("briefings");
    fs::create_dir(&state).unwrap();
    fs::write(&posts, "").unwrap();
    let command = ["run", path_text(&input), "--json", "--state", path_text(&state)];
    let output = run(&mut assay(&command));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let first = json(&output);
    assert_eq!(first["status"], "complete");
    let id = first["run_id"].as_str().unwrap();
    let post = posts.join(format!("{id}.txt"));
    assert!(said.contains(path_text(&post)) && said.contains("exists"), "{said}");
    // Once it can be posted, the same command does so and runs nothing again.
    fs::remove_file(&posts).unwrap();
    let output = run(&mut assay(&command));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(json(&output), first);
    assert!(post.exists());
}

#[test]
fn a_state_folder_that_cannot_be_used_is_told_with_its_cause() {
    for (part, says) in [
        ("content", "the content folder cannot be made"),
        ("assay.sqlite", "cannot be opened"),
        ("journal", "the journal cannot be opened"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (input, state) = (sample("speech.txt"), folder.path().join("state"));
        fs::create_dir(&state).unwrap();
        match part {
            "content" => fs::write(state.join(part), "").unwrap(),
            _ => fs::create_dir(state.join(part)).unwrap(),
        }
        let output = run(&mut assay(&["run", path_text(&input), "--state", path_text(&state)]));
        let said = text(&output.stderr);
        let doctor = run(&mut assay(&["doctor", "--state", path_text(&state)]));
        let found = text(&doctor.stdout);
        for told in [said, found] {
            for part in [says, "cause: ", path_text(&state), "--state"] {
                assert!(told.contains(part), "no `{part}` in: {told}");
            }
        }
        assert_eq!((output.status.code(), doctor.status.code()), (Some(1), Some(1)));
    }
}

#[test]
fn a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let talks = folder.path().join("talks");
    fs::create_dir(&talks).unwrap();
    let (talks, state) = (talks.to_str().unwrap(), folder.path().join("state"));
    let output = run(&mut assay(&["run", talks, "--state", state.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("folder") && said.contains(talks), "{said}");
    assert!(!state.exists(), "nothing is half written");
}

#[test]
fn a_long_line_is_worked_on_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line.txt");
    fs::write(&path, "the river rose by 3 metres and ".repeat(30_000)).unwrap();
    let state = folder.path().join("state");
    let output =
        run(&mut assay(&["run", path.to_str().unwrap(), "--json", "--state", state.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn runs_are_listed_and_shown_again() {
    let (folder, output) = run_sample("flood-budget.vtt", &["--json"]);
    let state = folder.path().join("state");
    let id = json(&output)["run_id"].as_str().unwrap().to_owned();
    let listed = run(&mut assay(&["runs", "--state", state.to_str().unwrap()]));
    assert!(text(&listed.stdout).contains(&id));
    let shown = run(&mut assay(&["show", &id[16..], "--json", "--state", state.to_str().unwrap()]));
    assert_eq!(json(&shown), json(&output));
    let foreign = run(&mut assay(&["show", &id, "--tenant", "other", "--state", state.to_str().unwrap()]));
    assert_eq!(foreign.status.code(), Some(2), "another tenant sees nothing");
}

#[test]
fn a_list_of_runs_says_what_each_was() {
    let (folder, first) = run_sample("flood-budget.vtt", &["--depth", "quick"]);
    let state = folder.path().join("state");
    let ask = |arguments: &[&str]| {
        let output = run(&mut assay(&[arguments, &["--state", path_text(&state)]].concat()));
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let speech = sample("speech.txt");
    let (code, second, _) = ask(&["run", path_text(&speech), "--depth", "experimental"]);
    assert_eq!(code, Some(0));
    let (_, listed, _) = ask(&["runs"]);
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let [heads, newer, older] = &lines[..] else { panic!("{listed}") };
    assert_eq!(heads.join(" "), "RUN ACCEPTED (UTC) STATUS DEPTH COST SOURCE");
    assert_eq!(newer[3..], ["complete", "experimental", "$0.00", "speech.txt"]);
    assert_eq!(older[3..], ["complete", "quick", "$0.00", "flood-budget.vtt"]);
    // What is shown again is what was printed.
    for (run, printed) in [(newer[0], &second), (older[0], &text(&first.stdout))] {
        let (code, shown, _) = ask(&["show", run]);
        assert_eq!((code, &shown), (Some(0), printed));
        assert!(shown.contains(&format!("\nRun    {run} · complete · depth ")), "{shown}");
    }
    let (code, shown, said) = ask(&["show", "NONE"]);
    assert_eq!((code, shown.as_str()), (Some(2), ""));
    assert!(said.contains("no run NONE") && said.contains("cargo assay runs"), "{said}");
    let (code, _, said) = ask(&["show", ""]);
    assert_eq!(code, Some(2), "an id that fits both");
    assert!(said.contains("several runs"), "{said}");
    let (code, usage, _) = ask(&["usage"]);
    assert_eq!(code, Some(0));
    let all: Vec<&str> =
        usage.lines().find(|line| line.starts_with("in all")).unwrap().split_whitespace().collect();
    assert_eq!(all, ["in", "all", "0", "0", "0", "$0.00"], "{usage}");
}

#[test]
fn every_kind_of_transcript_is_read() {
    let segments: Vec<Value> = (0..12)
        .map(|number| {
            serde_json::json!({
                "speaker": if number % 2 == 0 { "Ada" } else { "Ben" },
                "startTime": number * 5, "endTime": number * 5 + 5,
                "body": format!("The harbour wall cost {number} million pounds in 2024."),
            })
        })
        .collect();
    let events: Vec<Value> = (0..12)
        .map(|number| {
            serde_json::json!({
                "tStartMs": number * 5_000, "dDurationMs": 5_000,
                "segs": [{"utf8": format!("The harbour wall cost {number} million pounds in 2024.")}],
            })
        })
        .collect();
    let marked = "# The wall\n\nThe harbour wall cost **4 million pounds** in 2024. It holds back 3 metres of water.\n"
        .repeat(4);
    for (name, content, timed) in [
        ("podcast.json", serde_json::json!({"version": "1.0.0", "segments": segments}).to_string(), true),
        ("captions.json3.json", serde_json::json!({"events": events}).to_string(), true),
        ("notes.md", marked, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (path, state) = (folder.path().join(name), folder.path().join("state"));
        fs::write(&path, content).unwrap();
        let output = run(&mut assay(&["run", path_text(&path), "--json", "--state", path_text(&state)]));
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        let report = json(&output);
        let claims = report["briefing"]["claims"].as_array().unwrap();
        assert!(!claims.is_empty(), "{name}");
        for claim in claims {
            let words = claim["text"].as_str().unwrap();
            let said = ["The harbour wall cost ", "It holds back 3 metres of water."];
            assert!(
                said.iter().any(|said| words.starts_with(said)) && !words.contains('*'),
                "{name}: {claim}"
            );
            // The figure said is the number of its part.
            let number = words.split(' ').find_map(|word| word.parse::<u64>().ok()).unwrap();
            let speaker = ["Ada", "Ben"][usize::from(number % 2 == 1)];
            let speaker = if name == "podcast.json" { speaker.into() } else { Value::Null };
            assert_eq!(claim["start_ms"].as_u64(), timed.then_some(number * 5_000), "{name}: {claim}");
            assert_eq!(claim["speaker"], speaker, "{name}: {claim}");
        }
    }
}

#[test]
fn agents_and_doctor_say_what_there_is() {
    let agents = text(&run(&mut assay(&["agents"])).stdout);
    assert_eq!(agents.matches("without a model:").count(), 26);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let doctor = run(&mut assay(&["doctor", "--state", state.to_str().unwrap()]));
    assert_eq!(doctor.status.code(), Some(0));
    assert!(text(&doctor.stdout).contains("not configured"));
    let with_model = |url: &str, price: Option<&str>| {
        let mut doctor = assay(&["doctor", "--state", state.to_str().unwrap()]);
        doctor
            .env("LLM_BASE_URL", url)
            .env("LLM_MODEL", "scripted")
            .envs(price.map(|price| ("LLM_PRICE", price)));
        let doctor = run(&mut doctor);
        (doctor.status.code(), text(&doctor.stdout))
    };
    let server = ScriptedServer::start(Script::new(Vec::new())).unwrap();
    let (code, said) = with_model(&server.url(), Some("0.15/0.60"));
    assert_eq!(code, Some(0), "{said}");
    for works in ["content", "rows", "model server: 1 models listed"] {
        assert!(said.contains(&format!("works       {works}")), "{works}: {said}");
    }
    let (code, said) = with_model("https://models.invalid/v1", None);
    assert_eq!(code, Some(1), "a model without a price is no working model");
    assert!(said.contains("LLM_PRICE"), "{said}");
    let (code, said) = with_model("http://127.0.0.1:9/v1", Some("0.15/0.60"));
    assert_eq!(code, Some(1), "a server that does not answer: {said}");
    assert!(said.contains("BROKEN      model server"), "{said}");
}

#[test]
fn a_second_process_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = local::state::State::open(folder.path()).unwrap();
    let _owner = state.own().unwrap();
    let path = sample("speech.txt");
    let output = run(&mut assay(&["run", path.to_str().unwrap(), "--state", path_text(folder.path())]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("in use"));
}

pub(crate) fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_second_run_of_the_same_content_is_not_the_first() {
    let (folder, first) = run_sample("speech.txt", &["--json"]);
    let state = folder.path().join("state");
    let path = sample("speech.txt");
    let second = run(&mut assay(&["run", path.to_str().unwrap(), "--json", "--state", path_text(&state)]));
    let (first, second) = (json(&first), json(&second));
    assert_ne!(first["run_id"], second["run_id"]);
    let without = |mut report: Value| report["briefing"].take();
    assert_eq!(without(first), without(second), "the same content gives the same briefing");
}
