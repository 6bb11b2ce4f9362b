//! Time stamps: `1:02:03.450`, `02:03,45`, `0:07`, `12.5`.

/// The longest time taken for real: 1000 hours.
const LONGEST_MS: u64 = 1000 * 3_600_000;

/// Reads a clock time in milliseconds. Hours are optional, the fraction may follow a point or a comma and have
/// any number of digits; minutes may exceed 59 when there are no hours.
pub fn parse_stamp(text: &str) -> Option<u64> {
    let (clock, fraction) = match text.find(['.', ',']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    if parts.len() > 3 || (parts.len() == 1 && fraction.is_none()) {
        return None;
    }
    let mut seconds: u64 = 0;
    for (position, part) in parts.iter().enumerate() {
        if part.is_empty() || part.len() > 6 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let value: u64 = part.parse().ok()?;
        if position > 0 && value > 59 {
            return None;
        }
        seconds = seconds * 60 + value;
    }
    let total_ms = seconds * 1000 + fraction.map_or(Some(0), fraction_ms)?;
    (total_ms <= LONGEST_MS).then_some(total_ms)
}

/// Seconds as a number, in milliseconds, rounded; negative or absurd values are refused.
pub(super) fn seconds_to_ms(seconds: f64) -> Option<u64> {
    let total_ms = (seconds * 1000.0).round();
    (total_ms.is_finite() && total_ms >= 0.0 && total_ms <= LONGEST_MS as f64).then_some(total_ms as u64)
}

/// Milliseconds as a whole number; absurd values are refused.
pub(super) fn milliseconds(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|total_ms| *total_ms <= LONGEST_MS)
}

fn fraction_ms(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &digits[..digits.len().min(3)];
    let value: u64 = kept.parse().ok()?;
    Some(value * 10_u64.pow(3 - kept.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_every_shape() {
        for (text, expected) in [
            ("00:00:01.500", Some(1500)),
            ("00:00:01,500", Some(1500)),
            ("1:02:03.4", Some(3_723_400)),
            ("02:03.45", Some(123_450)),
            ("0:07", Some(7000)),
            ("12.5", Some(12_500)),
            ("75:10.000", Some(4_510_000)),
            ("00:00:01.123456", Some(1123)),
            ("12", None),
            ("00:00:xx.000", None),
            ("00:61:00.000", None),
            ("1:2:3:4", None),
            ("", None),
            ("::", None),
            ("99999:00:00", None),
        ] {
            assert_eq!(parse_stamp(text), expected, "{text}");
        }
    }
}
