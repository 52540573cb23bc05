//! Numbers as people read them.

/// A rate in percent, with two digits that say something.
pub(crate) fn percent(rate: f64) -> String {
    let value = rate * 100.0;
    let digits = if value >= 10.0 || value == 0.0 { 0 } else { (1.0 - value.log10().floor()).clamp(1.0, 9.0) as usize };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
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
    fn numbers_have_separators() {
        assert_eq!(
            (thousands(999), thousands(111_900), thousands(1_000_000)),
            ("999".into(), "111,900".into(), "1,000,000".into())
        );
    }
}
