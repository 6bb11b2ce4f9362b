//! The state of a metric alarm from its data points, as CloudWatch's user guide says under "Alarm evaluation" and
//! "Configuring how CloudWatch alarms treat missing data".

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The figure is within its threshold.
    Ok,
    /// It is not.
    Alarm,
    /// Nothing is known of it.
    InsufficientData,
}

/// How data points that are not there count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Not at all: without any the state is that nothing is known.
    Missing,
    /// The state stays.
    Ignore,
    /// As beyond the threshold.
    Breaching,
    /// As within it.
    NotBreaching,
}

impl Missing {
    /// Reads `TreatMissingData`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "missing" => Self::Missing,
            "ignore" => Self::Ignore,
            "breaching" => Self::Breaching,
            "notBreaching" => Self::NotBreaching,
            _ => return None,
        })
    }
}

/// The state after an evaluation. `points` are the data points of the evaluation range, the newest last: whether each is
/// beyond the threshold, `None` where there is none. `evaluated` of them count, and `to_alarm` of those must be beyond it.
pub fn next_state(
    points: &[Option<bool>],
    evaluated: usize,
    to_alarm: usize,
    missing: Missing,
    before: State,
) -> State {
    let there: Vec<bool> = points.iter().flatten().copied().collect();
    let alarm_if = |alarms: bool| if alarms { State::Alarm } else { State::Ok };
    let breaching = |points: &[bool]| points.iter().filter(|breaching| **breaching).count();
    if there.len() >= evaluated {
        return alarm_if(breaching(&there[there.len() - evaluated..]) >= to_alarm);
    }
    let filled = evaluated - there.len();
    let seen = breaching(&there);
    match missing {
        Missing::Breaching => alarm_if(seen + filled >= to_alarm),
        Missing::NotBreaching => alarm_if(seen >= to_alarm),
        Missing::Ignore if seen >= to_alarm => State::Alarm,
        Missing::Ignore if seen < there.len() => State::Ok,
        Missing::Ignore => before,
        Missing::Missing if there.is_empty() => State::InsufficientData,
        Missing::Missing => alarm_if(seen >= to_alarm || is_premature(points, to_alarm)),
    }
}

/// "Avoiding premature transitions to alarm state": nothing but breaching points, the oldest of them old enough.
fn is_premature(points: &[Option<bool>], to_alarm: usize) -> bool {
    let oldest = points.iter().position(|point| *point == Some(true));
    !points.contains(&Some(false)) && oldest.is_some_and(|at| points.len() - at >= to_alarm)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points of a row of the guide's tables: `0` within, `X` beyond, `-` missing, the newest last.
    fn points(row: &str) -> Vec<Option<bool>> {
        row.split(' ').map(|point| (point != "-").then_some(point == "X")).collect()
    }

    /// A row's states under missing, ignore, breaching, notBreaching: O(K), A(LARM), I(NSUFFICIENT_DATA), R(etained).
    fn check(row: &str, to_alarm: usize, expected: &str) {
        let treatments = [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];
        for (missing, expected) in treatments.into_iter().zip(expected.chars()) {
            for before in [State::Ok, State::Alarm, State::InsufficientData] {
                let expected = match expected {
                    'O' => State::Ok,
                    'A' => State::Alarm,
                    'I' => State::InsufficientData,
                    _ => before,
                };
                let actual = next_state(&points(row), 3, to_alarm, missing, before);
                assert_eq!(actual, expected, "{row} {to_alarm} of 3 {missing:?} after {before:?}");
            }
        }
    }

    #[test]
    fn the_first_table_of_the_guide_three_of_three() {
        check("0 - X - X", 3, "OOOO");
        check("0 - - - -", 3, "OOOO");
        check("- - - - -", 3, "IRAO");
        check("0 X X - X", 3, "AAAA");
        check("- - X - -", 3, "ARAO");
    }

    #[test]
    fn the_second_table_of_the_guide_two_of_three() {
        check("0 - X - X", 2, "AAAA");
        check("0 0 X 0 X", 2, "AAAA");
        check("0 - X - -", 2, "OOAO");
        check("- - - - 0", 2, "OOAO");
        check("- - - X -", 2, "ARAO");
    }

    /// The sentences around the tables.
    #[test]
    fn what_the_guide_says_beside_its_tables() {
        // "The next time this alarm is evaluated, if the data is still missing it will go to ALARM" (first table, row 2).
        check("- - - - -", 3, "IRAO");
        // "the alarm does not go immediately into ALARM state when the data is either - - - - X or - - - X -".
        for row in ["- - - - X", "- - - X -"] {
            assert_ne!(next_state(&points(row), 3, 3, Missing::Missing, State::Ok), State::Alarm, "{row}");
        }
        // "so that false positives are avoided when the next data point is non-breaching".
        for row in ["- - - X 0", "- - X - 0"] {
            assert_eq!(next_state(&points(row), 3, 3, Missing::Missing, State::Ok), State::Ok, "{row}");
        }
        // "the extra data points from farther back in the evaluation range are not needed and are ignored".
        check("X X 0 0 0", 2, "OOOO");
        check("0 0 X X X", 3, "AAAA");
    }
}
