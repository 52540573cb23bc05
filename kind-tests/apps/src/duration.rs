//! Durations as Kubernetes users write them: `500ms`, `3s`, `2m`, `1h`.

use std::time::Duration;

/// A week: beyond it, something is mistyped.
const MAX_MS: u64 = 7 * 24 * 3_600_000;

/// Parses a whole number with a unit (`ms`, `s`, `m`, `h`); a bare `0` needs no unit.
///
/// # Errors
///
/// Says what is accepted when the text is anything else.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no duration of a week at most: write 500ms, 3s, 2m or 1h");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| refused())?;
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refused()),
    };
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms <= MAX_MS).ok_or_else(refused)?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_scale_the_number() {
        assert_eq!(parse("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse("3s").unwrap(), Duration::from_secs(3));
        assert_eq!(parse("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(parse("1h").unwrap(), Duration::from_secs(3600));
        assert_eq!(parse("0").unwrap(), Duration::ZERO);
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["", "3", "s", "-1s", "1.5s", "3 s", "1d", "169h", "99999999999999999999h"] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
