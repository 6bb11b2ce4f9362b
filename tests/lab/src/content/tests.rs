//! The measures on rows made by hand: right rows score 1, a wrong row lowers the score and is named.

use std::io::Write as _;
use std::path::Path;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// All rows right is 1; with the wrong one added it is `lower`, and the row is named by `words`.
fn check(name: &str, measuring: Measuring, right: &str, wrong: &str, lower: f64, words: &str) {
    let all_right = folder(&[(name, right)]);
    let figure = measuring(all_right.path()).unwrap();
    assert_eq!((figure.value, figure.failing.len()), (1.0, 0), "{name}: {figure:?}");
    let one_wrong = folder(&[(name, &format!("{right}\n{wrong}\n"))]);
    let figure = measuring(one_wrong.path()).unwrap();
    assert!((figure.value - lower).abs() < 1e-9, "{name}: {figure:?}");
    let within = figure.interval.is_none_or(|(low, high)| low <= figure.value && figure.value <= high);
    assert!(within, "{name}: {figure:?}");
    assert_eq!(figure.failing.len(), 1, "{name}");
    assert!(figure.failing[0].contains(words), "{name}: {:?}", figure.failing);
}

#[test]
fn a_wrong_row_lowers_the_score() {
    check(
        "urls.jsonl",
        links::recognised,
        r#"{"url":"https://youtu.be/abcDEF12_-3","platform":"youtube","kind":"video","id":"abcDEF12_-3","src":"x"}"#,
        r#"{"url":"https://x.com/a/status/12","platform":"x","kind":"post","id":"13"}"#,
        0.5,
        r#"x post Some("12") instead of x post Some("13")"#,
    );
    check(
        "ssrf_urls.jsonl",
        links::guarded,
        "{\"url\":\"http://127.0.0.1/\",\"expect\":\"deny\"}\n{\"url\":\"https://news.example/\",\"expect\":\"allow\"}",
        r#"{"url":"http://10.0.0.1/","expect":"allow"}"#,
        2.0 / 3.0,
        "deny instead of allow",
    );
    check(
        "subtitles.jsonl",
        captions::cue_lists,
        r#"{"name":"a","format":"srt","input":"1\n00:00:01,000 --> 00:00:02,500\nHi","expect":[{"start":1,"end":2.5,"text":"Hi"}]}"#,
        r#"{"name":"late","format":"srt","input":"1\n00:00:01,002 --> 00:00:02,500\nHi","expect":[{"start":1,"end":2.5,"text":"Hi"}]}"#,
        0.5,
        "late: cue 1",
    );
    check(
        "clickbait.jsonl",
        wording::clickbait,
        "{\"text\":\"21 Things You Will Only Understand If You Are A Cat\",\"label\":1}\n\
         {\"text\":\"Council approves budget for flood wall\",\"label\":0}",
        r#"{"text":"Council approves budget for night bus","label":1}"#,
        2.0 / 3.0,
        "does not lure",
    );
    check(
        "fallacy_argotario.jsonl",
        wording::fallacy_yes_no,
        "{\"text\":\"The wall is two metres high.\",\"voted\":\"No Fallacy\"}\n\
         {\"text\":\"Everyone knows that.\",\"voted\":\"Hasty Generalization\"}",
        r#"{"text":"The wall is three metres high.","voted":"Red Herring"}"#,
        // One of two fallacies found, and one of two answers of "none" right: F1 is 2/3 for both.
        2.0 / 3.0,
        "is a fallacy",
    );
}

/// A page of six paragraphs, as it is or packed; and what of it is the article.
fn article(id: &str, packed: bool, more: &str) -> (tempfile::TempDir, Figure) {
    let sentence = |at: usize| {
        format!(
            "Paragraph {at} says that the council voted for the wall on day {at}, after a long debate about it."
        )
    };
    let body: Vec<String> = (1..7).map(sentence).collect();
    let paragraphs: String = body.iter().map(|text| format!("<p>{text}</p>")).collect();
    let html = format!("<html><body><nav>Home</nav><article>{paragraphs}</article></body></html>");
    let truth =
        json!({ id: {"articleBody": format!("{}{more}", body.join("\n\n")), "url": "https://a.example/"} });
    let folder = folder(&[("articles/ground-truth.json", &truth.to_string())]);
    if packed {
        let file = std::fs::File::create(folder.path().join(format!("articles/{id}.html.gz"))).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packer.write_all(html.as_bytes()).unwrap();
        packer.finish().unwrap();
    } else {
        std::fs::write(folder.path().join(format!("articles/{id}.html")), html).unwrap();
    }
    let figure = articles::f1(folder.path()).unwrap();
    (folder, figure)
}

#[test]
fn articles_by_the_words_they_share() {
    for packed in [true, false] {
        let (_folder, figure) = article("p1", packed, "");
        assert_eq!((figure.value, figure.sample), (1.0, 1), "{figure:?}");
    }
    let (folder, figure) =
        article("p1", true, " And these words are not in the page at all, nor anything like them.");
    assert!(figure.value < 0.96 && figure.value > 0.8, "{figure:?}");
    assert!(figure.failing[0].contains("p1 https://a.example/"), "{figure:?}");
    std::fs::remove_file(folder.path().join("articles/p1.html.gz")).unwrap();
    assert_eq!(articles::f1(folder.path()), Err(Trouble::NotRun("articles/ has no pages".to_owned())));
}

#[test]
fn claims_worth_checking_by_rank_and_by_class() {
    let fact =
        r#"{"text":"Unemployment fell by 12 percent in 2019, the largest drop since 1990.","label":1}"#;
    let talk = r#"{"text":"Thank you all so much for coming.","label":0}"#;
    let figures = |rows: &str| {
        let folder = folder(&[("checkworthy_claimbuster.jsonl", rows)]);
        let auc = wording::checkworthy_auc(folder.path()).unwrap().value;
        (auc, wording::checkworthy_macro_f1(folder.path()).unwrap())
    };
    let (auc, right) = figures(&format!("{fact}\n{talk}"));
    assert_eq!((auc, right.value), (1.0, 1.0));
    let (auc, wrong) = figures(&format!("{fact}\n{talk}\n{}", talk.replace('0', "1")));
    assert!(auc < 1.0 && wrong.value < 1.0);
    assert_eq!(wrong.failing.len(), 1);
}

#[test]
fn sentiment_by_its_largest_difference() {
    let figure = |compound: f64| {
        let row = json!({"text": "VADER is smart, handsome, and funny!", "compound": compound});
        let neutral = json!({"text": "The wall is two metres high.", "compound": 0.0});
        let folder = folder(&[("vader_golden.jsonl", &format!("{row}\n{neutral}\n"))]);
        wording::sentiment_difference(folder.path()).unwrap()
    };
    // The example of VADER's own documentation.
    let right = figure(0.8439);
    assert!(right.value <= 1e-4 && right.failing.is_empty(), "{right:?}");
    assert_eq!(right.also["share_within_1e-4"], 1.0);
    let wrong = figure(0.5);
    assert!((wrong.value - 0.3439).abs() < 1e-9 && wrong.failing.len() == 1, "{wrong:?}");
    assert_eq!(wrong.also["share_within_1e-4"], 0.5);
}

#[test]
fn fallacies_by_label_and_place() {
    let text = "The wall is high. You are an idiot, so your plan for the wall is wrong.";
    let found = cues_of(text);
    assert!(!found.is_empty(), "the rules know this one");
    let figure = |spans: Value| {
        let row = json!({"text": text, "spans": spans});
        let folder = folder(&[("fallacy_mafalda.jsonl", &row.to_string())]);
        wording::fallacy_spans(folder.path()).unwrap()
    };
    let right = figure(found.iter().map(|(start, end, label)| json!([start, end, label])).collect());
    assert_eq!((right.value, right.failing.len()), (1.0, 0), "{right:?}");
    assert_eq!(figure(json!([[0, 17, "slippery slope"], [0, 17, "nothing"]])).value, 0.0);
    assert_eq!(figure(json!([[0, 17, "slippery slope"], [0, 17, "nothing"]])).also["misses"], 1.0);
}

fn cues_of(text: &str) -> Vec<(usize, usize, String)> {
    let spans = analysis::cues::fallacy_spans(text);
    spans.into_iter().map(|span| (span.start, span.end, span.label.to_owned())).collect()
}

#[test]
fn podcast_files_that_cannot_be_read_are_named() {
    let vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n";
    let good = folder(&[("podcast/a.vtt", vtt)]);
    assert_eq!(captions::podcast_files(good.path()).unwrap().value, 1.0);
    let bad = folder(&[("podcast/a.vtt", vtt), ("podcast/b.json", "{")]);
    let figure = captions::podcast_files(bad.path()).unwrap();
    assert!(figure.value == 0.5 && figure.failing[0].starts_with("b.json"), "{figure:?}");
}

#[test]
fn summaries_are_of_a_set_that_says_where_it_is_from() {
    let nowhere = Path::new("/nowhere");
    let figures =
        [summaries::ours, summaries::lead, summaries::random].map(|measure| measure(nowhere).unwrap());
    for figure in &figures {
        assert!(figure.sample >= 5 && (0.0..1.0).contains(&figure.value), "{figure:?}");
    }
    // What the summary is for: nearer to the abstracts than the beginning, and than chance.
    assert!(figures[0].value > figures[1].value && figures[0].value > figures[2].value, "{figures:?}");
}

#[test]
fn what_is_not_there_is_not_run_and_what_is_broken_is_named() {
    // Without the last measures, which run the command line.
    let quick = &MEASURES[..12];
    let empty = tempfile::tempdir().unwrap();
    let measured = measure_these(empty.path(), quick).unwrap();
    assert!(measured.iter().all(|(_, outcome)| outcome.is_err()));
    let found = report(&measured);
    assert_eq!((&found["urls.exact"], found["ssrf.exact"].is_null()), (&Value::Null, true));
    assert_eq!(found["details"]["urls.exact"]["not_run"], "urls.jsonl is not there");

    let one = folder(&[("ssrf_urls.jsonl", "{\"url\":\"file:///a\",\"expect\":\"deny\"}\n")]);
    let found = report(&measure_these(one.path(), quick).unwrap());
    assert_eq!(found["ssrf.exact"].as_f64(), Some(1.0));
    let detail = &found["details"]["ssrf.exact"];
    assert_eq!((detail["n"].as_u64(), detail["high"].as_f64()), (Some(1), Some(1.0)));
    assert!(detail["low"].as_f64().unwrap() < 0.5 && detail["rows"].as_array().unwrap().is_empty());

    let broken = folder(&[("urls.jsonl", "\n{\"url\":1}\n")]);
    let error = measure_these(broken.path(), quick).unwrap_err();
    assert!(error.starts_with("urls.jsonl, line 2 cannot be read"), "{error}");
    let error = measure_these(Path::new("/no/such/folder"), quick).unwrap_err();
    assert!(error.contains("/no/such/folder cannot be read") && error.contains("--data"), "{error}");
}
