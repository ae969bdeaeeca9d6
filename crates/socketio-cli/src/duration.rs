//! Durations as people write them on a command line: a whole number and its unit.

use std::time::Duration;

/// No time of this program is longer, so that no deadline overflows a clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `500ms`, `25s`, `2m` or `1h`: more than nothing, and at most a day.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = &text[digits.len()..];
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("the unit is missing: `{text}ms` for milliseconds, `{text}s` for seconds")),
        _ => return Err("write a whole number and a unit: 500ms, 25s, 2m or 1h".to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| "write a whole number and a unit: 500ms, 25s, 2m or 1h".to_owned())?;
    let duration = count.checked_mul(milliseconds).map(Duration::from_millis);
    match duration.filter(|duration| (Duration::from_millis(1)..=LONGEST).contains(duration)) {
        Some(duration) => Ok(duration),
        None => Err("choose a time of more than 0 and at most 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_with_a_unit_is_a_duration() {
        for (text, milliseconds) in
            [("1ms", 1), ("500ms", 500), ("25s", 25_000), ("2m", 120_000), ("1h", 3_600_000), ("24h", 86_400_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_the_message_says_what_to_write() {
        for (text, part) in [
            ("25", "`25s` for seconds"),
            ("0s", "more than 0"),
            ("25h", "at most 24h"),
            ("18446744073709551615h", "at most 24h"),
            ("99999999999999999999s", "whole number"),
            ("1.5s", "whole number"),
            ("-1s", "whole number"),
            ("s", "whole number"),
            ("25 s", "whole number"),
            ("25é", "whole number"),
            ("", "unit is missing"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(part), "{text:?}: {refused}");
        }
    }
}
