use proptest::prelude::*;

use super::*;

fn rows(captions: &Captions) -> Vec<(u64, u64, Option<&str>, &str)> {
    let times = |cue: &Cue| cue.span.map_or((0, 0), |span| (span.start_ms, span.end_ms));
    let row = |cue: &'_ Cue| (times(cue).0, times(cue).1);
    captions
        .cues
        .iter()
        .map(|cue| (row(cue).0, row(cue).1, cue.speaker.as_deref(), cue.text.as_str()))
        .collect()
}

#[test]
fn live_captions_with_settings_notes_and_voices() {
    let text = "WEBVTT - live\nKind: captions\n\nSTYLE\n::cue { color: red }\n\n00:00:01.000 --> 00:00:02.000 align:start\n \n\
        good<00:00:01.200><c> evening</c>\n\n00:00:02.000 --> 00:00:02.010\ngood evening\n \n\n\
        NOTE two\nlines\n\nintro\n00:02.500 --> 00:04.000 line:0\n<v Ann Lee>Fish &amp; chips,\nplease</v>\n";
    let captions = parse(Format::Vtt, text).unwrap();
    let expected =
        [(1000, 2000, None, "good evening"), (2500, 4000, Some("Ann Lee"), "Fish & chips, please")];
    assert_eq!(rows(&captions), expected);
    assert_eq!(captions.dropped, 0);
}

#[test]
fn untidy_subrip() {
    let text = "\u{feff}1\r\n00:00:00,000 --> 00:00:01.000\r\nOne\r\n\r\n\r\n00:01,5 --> 00:02,5 X1:10 X2:20\r\n{\\an8}Two\r\n\r\n\
        3\r\n0:00:03,000 --> 0:00:04,000\r\n\r\n4\r\n00:00:05,000 --> 00:00:06,000\r\n42\r\n\r\nmore";
    let captions = parse(Format::Srt, text).unwrap();
    let expected = [(0, 1000, None, "One"), (1500, 2500, None, "Two"), (5000, 6000, None, "42 more")];
    assert_eq!(rows(&captions), expected);
}

#[test]
fn small_damage_is_counted_with_its_line() {
    let text = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nOne\n\n00:00:0x.000 --> 00:00:03.000\nLost\n\n\
        00:00:04.000 --> 00:00:05.000\nThree\n";
    let captions = parse(Format::Vtt, text).unwrap();
    assert_eq!(captions.cues.len(), 2);
    assert_eq!(captions.dropped, 1);
    assert_eq!(
        captions.warnings,
        ["line 6: the start time `00:00:0x.000` cannot be read; the cue was left out"]
    );
}

#[test]
fn ruins_are_refused_with_the_line() {
    for (format, text, line) in [
        (Format::Vtt, "WEBVTT\n\nHello there\n", 1),
        (Format::Vtt, "WEBVTT\n\n00:00:01.000 --> later\nHello\n", 3),
        (Format::Srt, "1\n00:00:09,000 --> 00:00:01,000\nBackwards\n", 2),
        (Format::Srt, "1\nHello\n", 1),
        (Format::Vtt, "", 1),
        (Format::Text, " \n ", 1),
        (Format::Srv1, "<transcript></transcript>", 1),
        (Format::PodcastJson, "{\"segments\": 3}", 1),
    ] {
        let error = parse(format, text).unwrap_err();
        assert_eq!(error.line, line, "{text}");
        assert!(!error.problem.is_empty() && !error.remedy.is_empty());
    }
}

#[test]
fn a_slip_of_the_clock_is_tolerated() {
    let captions = parse(Format::Srt, "1\n00:00:02,000 --> 00:00:01,900\nHi\n").unwrap();
    assert_eq!(rows(&captions), [(2000, 2000, None, "Hi")]);
    assert_eq!(captions.warnings.len(), 1);
}

#[test]
fn an_arrow_in_the_words_is_words() {
    let captions = parse(Format::Srt, "1\n00:00:01,000 --> 00:00:02,000\ncold\nhot --> warm\n").unwrap();
    assert_eq!(captions.cues[0].text, "cold hot --> warm");
}

#[test]
fn right_to_left_text_and_emoji_stay_whole() {
    let text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v ليلى>مرحبا بكم 👩‍👩‍👧 في المدينة.\n";
    let captions = parse(Format::Vtt, text).unwrap();
    assert_eq!(rows(&captions), [(1000, 2000, Some("ليلى"), "مرحبا بكم 👩‍👩‍👧 في المدينة.")]);
}

#[test]
fn absurd_times_are_none() {
    let check = |format: Format, text: &str, expected: Option<&[Option<u64>]>| {
        let captions = parse(format, text).ok();
        let ends = captions.map(|captions| {
            // Sentences are given their part of the time.
            let sentences = crate::segments::from_cues(&captions.cues);
            sentences.iter().map(|sentence| sentence.end_ms).collect::<Vec<_>>()
        });
        assert_eq!(ends.as_deref(), expected, "{text}");
    };
    const MOST: u64 = u64::MAX;
    let srv3 = |t: u64, d: u64| {
        format!("<timedtext><body><p t=\"{t}\" d=\"{d}\">Hello. You.</p></body></timedtext>")
    };
    check(Format::Srv1, &srv3(0, 2_000), Some(&[Some(1_090), Some(2_000)]));
    check(Format::Srv1, &srv3(7, MOST), Some(&[Some(7), Some(7)]));
    check(Format::Srv1, &srv3(MOST, MOST), None);
    let json3 = format!(
        "{{\"events\":[{{\"tStartMs\":{MOST},\"dDurationMs\":{MOST},\"segs\":[{{\"utf8\":\"Hello. You.\"}}]}}]}}"
    );
    check(Format::Json3, &json3, None);
    let podcast = format!("[{{\"startTime\":{MOST},\"endTime\":{MOST},\"body\":\"Hello. You.\"}}]");
    check(Format::PodcastJson, &podcast, Some(&[None, None]));
}

#[test]
fn formats_have_names() {
    for (format, name) in NAMES {
        assert_eq!(format.name(), name);
        assert_eq!(Format::from_name(name), Some(format));
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,200}", position in 0..NAMES.len()) {
        let _ = parse(NAMES[position].0, &text);
        let _ = parse(detect("", &text), &text);
    }

    #[test]
    fn caption_like_noise(text in "(WEBVTT\n\n)?([0-9:.,\n >a-c<v/&;{-]|-->|00:0[0-9]\\.[0-9]{3}|\n\n){0,80}") {
        for (format, _) in NAMES {
            if let Ok(captions) = parse(format, &text) {
                prop_assert!(!captions.cues.is_empty());
                prop_assert!(captions.cues.iter().all(|cue| !cue.text.is_empty()));
                prop_assert!(captions.cues.iter().all(|cue| cue.span.is_none_or(|span| span.start_ms <= span.end_ms)));
            }
        }
    }
}
