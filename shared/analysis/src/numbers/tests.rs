use super::*;
use crate::segments::Segment;

fn check(language: &str, text: &str, expected: &[(&str, Kind, Option<f64>, Option<&str>)]) {
    let segments = [Segment { id: "s1".into(), text: text.into(), ..Segment::default() }];
    let document = Document::new(&segments, language);
    let found = find(&document);
    let rows: Vec<_> = found
        .iter()
        .map(|number| (number.text.as_str(), number.kind, number.value, number.unit.as_deref()))
        .collect();
    assert_eq!(rows, expected, "{text}");
}

#[test]
fn english() {
    check(
        "en",
        "A budget of 42 million pounds.",
        &[("42 million pounds", Kind::Money, Some(42e6), Some("pounds"))],
    );
    check(
        "en",
        "It cost $1.2bn or £3m.",
        &[("$1.2bn", Kind::Money, Some(1.2e9), Some("$")), ("£3m", Kind::Money, Some(3e6), Some("£"))],
    );
    check(
        "en",
        "It pays 55 percent, not 4.2% or 3 per cent.",
        &[
            ("55 percent", Kind::Percent, Some(55.0), Some("%")),
            ("4.2%", Kind::Percent, Some(4.2), Some("%")),
            ("3 per cent", Kind::Percent, Some(3.0), Some("%")),
        ],
    );
    check(
        "en",
        "On the fourteenth of May and the 31st of March 2027, May 5, 2020, in 1968.",
        &[
            ("fourteenth of May", Kind::Date, None, None),
            ("31st of March 2027", Kind::Date, None, None),
            ("May 5, 2020", Kind::Date, None, None),
            ("1968", Kind::Date, Some(1968.0), Some("year")),
        ],
    );
    check(
        "en",
        "It holds 900,000 cubic metres over 2.3 kilometres for twenty-five years.",
        &[
            ("900,000 cubic metres", Kind::Quantity, Some(900_000.0), Some("cubic metres")),
            ("2.3 kilometres", Kind::Quantity, Some(2.3), Some("kilometres")),
            ("twenty-five years", Kind::Quantity, Some(25.0), Some("years")),
        ],
    );
    check(
        "en",
        "612 homes, forty shops and three million voters; two hundred and fifty jobs.",
        &[
            ("612 homes", Kind::Count, Some(612.0), Some("homes")),
            ("forty shops", Kind::Count, Some(40.0), Some("shops")),
            ("three million voters", Kind::Count, Some(3e6), Some("voters")),
            ("two hundred and fifty jobs", Kind::Count, Some(250.0), Some("jobs")),
        ],
    );
    check("en", "One of them may go at 7:30 on page 3.", &[]);
}

#[test]
fn other_languages() {
    check(
        "de",
        "Am 3. März 2025: 23.000 Menschen, 18 Millionen Euro und 4,5 Prozent.",
        &[
            ("3. März 2025", Kind::Date, None, None),
            ("23.000 Menschen", Kind::Count, Some(23_000.0), Some("menschen")),
            ("18 Millionen Euro", Kind::Money, Some(18e6), Some("euro")),
            ("4,5 Prozent", Kind::Percent, Some(4.5), Some("%")),
        ],
    );
    check(
        "fr",
        "Il y a 23 000 habitants et 3 millions d'euros.",
        &[
            ("23 000 habitants", Kind::Count, Some(23_000.0), Some("habitants")),
            ("3 millions d'euros", Kind::Money, Some(3e6), Some("euros")),
        ],
    );
    check("ar", "إنفاق ٣٥ مليون دولار", &[("٣٥ مليون دولار", Kind::Money, Some(35e6), Some("دولار"))]);
}
