//! Numbers as people read them.

/// A rate in percent, with two digits that say something.
pub(crate) fn percent(rate: f64) -> String {
    let value = rate * 100.0;
    let digits = if value >= 10.0 || value == 0.0 { 0 } else { (1.0 - value.log10().floor()).clamp(1.0, 9.0) as usize };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A number with two digits that say something, or all of a large one.
pub(crate) fn number(value: f64) -> String {
    if value < 0.001 {
        return "less than 0.001".into();
    }
    if value >= 10.0 {
        return thousands(value.round() as u64);
    }
    let digits = (1.0 - value.log10().floor()).clamp(1.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

/// A time that suffices, in whole minutes, or in hours where it is long.
pub(crate) fn minutes(seconds: f64) -> String {
    let minutes = (seconds / 60.0 - 1e-9).ceil().max(1.0);
    if minutes < 300.0 { format!("{minutes} min") } else { format!("{} h", thousands((minutes / 60.0).ceil() as u64)) }
}

/// A whole number with separators.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_two_digits_that_say_something() {
        let said = [
            (0.0, "0 %"),
            (0.021, "2.1 %"),
            (0.006, "0.6 %"),
            (0.1234, "12 %"),
            (0.000_123, "0.012 %"),
            (1.0, "100 %"),
        ];
        for (rate, want) in said {
            assert_eq!(percent(rate), want);
        }
    }

    #[test]
    fn times_suffice() {
        let said = [(0.0, "1 min"), (60.0, "1 min"), (61.0, "2 min"), (17_000.0, "284 min"), (86_500.0, "25 h")];
        for (seconds, want) in said {
            assert_eq!(minutes(seconds), want);
        }
    }

    #[test]
    fn numbers_that_are_not_whole_have_two_digits() {
        let said =
            [(12.0, "12"), (1.0, "1"), (0.25, "0.25"), (9.96, "10"), (2_345.6, "2,346"), (1e-300, "less than 0.001")];
        for (value, want) in said {
            assert_eq!(number(value), want);
        }
    }

    #[test]
    fn numbers_have_separators() {
        assert_eq!(
            (thousands(999), thousands(111_900), thousands(1_000_000)),
            ("999".into(), "111,900".into(), "1,000,000".into())
        );
    }
}
