//! Days and months in UTC, as budgets and the ledger name them.

use crate::model::RunId;

/// The length of a day, in milliseconds.
pub const DAY_MS: u64 = 86_400_000;

/// The day of a moment, as `2026-11-22`.
pub fn day(at_ms: u64) -> String {
    let (year, month, day) = civil(at_ms);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The month of a moment, as `2026-11`.
pub fn month(at_ms: u64) -> String {
    let (year, month, _) = civil(at_ms);
    format!("{year:04}-{month:02}")
}

/// The moment in the form of RFC 3339, as `2026-11-22T10:00:00.000Z`.
pub fn timestamp(at_ms: u64) -> String {
    let (second, milliseconds) = (at_ms / 1_000, at_ms % 1_000);
    let (hour, minute, second) = (second / 3_600 % 24, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z", day(at_ms))
}

/// The month a run was accepted in, by its id. All ids that carry no time share `0000-00`.
pub fn month_of(run: &RunId) -> String {
    ulid::Ulid::from_string(run.as_str())
        .map_or_else(|_| "0000-00".to_owned(), |ulid| month(ulid.timestamp_ms()))
}

/// The day so many days before that of a moment.
pub fn day_before(at_ms: u64, days: u32) -> String {
    day(at_ms.saturating_sub(u64::from(days) * DAY_MS))
}

/// The first moment of a day such as `2026-11-22`; `None` for what is no day from 1970 to 9999.
pub fn begin_of(name: &str) -> Option<u64> {
    let parts: Vec<u64> = name.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, of_month] = parts[..] else { return None };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&of_month) {
        return None;
    }
    // Months of the civil calendar beginning with March, after the same source as `civil`.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + of_month - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let at_ms = (era * 146_097 + day_of_era).checked_sub(719_468)? * DAY_MS;
    (day(at_ms) == name).then_some(at_ms)
}

/// Which day of its month a moment is in, from 1, and how many the month has.
pub fn day_of_month(at_ms: u64) -> (u32, u32) {
    let (year, month, day) = civil(at_ms);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (day, length)
}

/// Year, month and day, after Howard Hinnant's "chrono-compatible low-level date algorithms".
fn civil(at_ms: u64) -> (i64, u32, u32) {
    let days = (at_ms / DAY_MS) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_follow_the_calendar() {
        for (at_ms, expected, of_month) in [
            (0, "1970-01-01", (1, 31)),
            (31 * DAY_MS - 1, "1970-01-31", (31, 31)),
            (31 * DAY_MS, "1970-02-01", (1, 28)),
            (951_782_400_000, "2000-02-29", (29, 29)),
            (11_017 * DAY_MS, "2000-03-01", (1, 31)),
            (1_795_305_600_000 - 1, "2026-11-21", (21, 30)),
            (1_795_305_600_000, "2026-11-22", (22, 30)),
            (1_798_761_599_999, "2026-12-31", (31, 31)),
            ((1 << 48) - 1, "10889-08-02", (2, 31)),
        ] {
            assert_eq!((day(at_ms).as_str(), day_of_month(at_ms)), (expected, of_month), "{at_ms}");
            if at_ms < 253_402_300_800_000 {
                assert_eq!(begin_of(expected), Some(at_ms / DAY_MS * DAY_MS));
            }
            assert_eq!(month(at_ms), expected.rsplit_once('-').unwrap().0);
            let run = RunId::new(ulid::Ulid::from_parts(at_ms, 9).to_string());
            assert_eq!(month_of(&run), month(at_ms));
        }
        for no_day in
            ["", "2026-11", "2026-02-29", "2026-13-01", "2026-1-1", "1969-12-31", "2026-11-31", "-1-1-1"]
        {
            assert_eq!(begin_of(no_day), None, "{no_day}");
        }
        assert_eq!(day_before(1_795_305_600_000, 22), "2026-10-31");
        assert_eq!(month_of(&RunId::new("no ulid")), "0000-00");
    }

    #[test]
    fn times_are_in_utc() {
        for (at_ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_305_600_000, "2026-11-22T00:00:00.000Z"),
            (1_795_305_600_000 + 86_399_999, "2026-11-22T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(at_ms), expected);
        }
    }
}
