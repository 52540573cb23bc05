//! One sentence per metric.

use super::report::{MetricReport, Standing, Test};
use super::{ErrorPolicy, Tolerance};
use crate::{Arm, Ratio};

/// A rate in percent, with two digits that say something.
pub(super) fn percent(rate: f64) -> String {
    let value = rate * 100.0;
    let digits = if value >= 10.0 || value == 0.0 { 0 } else { (1.0 - value.log10().floor()).clamp(1.0, 9.0) as usize };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A whole number with separators.
pub(super) fn thousands(number: u64) -> String {
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

/// How rare something of this probability is.
fn rarity(p: f64) -> String {
    if p < 1e-9 {
        return "less than 1 of 1,000,000,000 releases".into();
    }
    let one_of = 1.0 / p;
    let unit = 10f64.powf((one_of.log10().floor() - 1.0).max(0.0));
    format!("1 of {} releases", thousands(((one_of / unit).floor() * unit).max(1.0) as u64))
}

fn arm(who: &str, arm: Arm) -> String {
    match arm.rate() {
        None => format!("{who} had no requests"),
        Some(rate) => format!("{who} fails {} of {} requests", percent(rate), thousands(arm.requests())),
    }
}

fn tolerable(tolerance: &Tolerance) -> String {
    let ratio = match tolerance.ratio() {
        Ratio::STRICT => "a version no worse".to_owned(),
        ratio => format!("a version at most {} times as bad", ratio.get()),
    };
    match tolerance.extra() {
        0.0 => ratio,
        extra => format!("{ratio} and {} more", percent(extra)),
    }
}

/// Says where the metric stands and why.
pub(super) fn sentence(report: &MetricReport, policy: &ErrorPolicy) -> String {
    let arms = format!("{}, {}", arm("canary", report.counts.canary), arm("stable", report.counts.baseline));
    let limit = |by: Test| {
        let past = policy.history.map(|history| ("its past", history.limit));
        let (whose, limit) = match by {
            Test::History => past?,
            Test::Objective => ("the objective", policy.objective?),
            _ => return None,
        };
        Some(format!("the {} that {whose} allows", percent(limit.get())))
    };
    let seen = || {
        report.power.map_or_else(String::new, |(rate, power)| {
            format!(
                "a canary that fails {} would have been rolled back by now with probability {power:.2}",
                percent(rate)
            )
        })
    };
    match report.standing {
        _ if report.counts.requests() == 0 => "no requests were counted yet".into(),
        Standing::Rejected { by } => match limit(by) {
            Some(limit) => {
                format!("{arms}, more than {limit}; a version within it would show this in {}", rarity(report.p))
            }
            None => format!("{arms}; {} would show this in {}", tolerable(&policy.tolerance), rarity(report.p)),
        },
        Standing::ServiceDegraded { by } => {
            let limit = limit(by).unwrap_or_else(|| "what is allowed".into());
            format!("{arms}; both are beyond {limit}, so the canary is not blamed for it")
        }
        Standing::Accepted => format!("{arms}; good enough to go on"),
        Standing::Sufficient => format!("{arms}; {}", seen()),
        Standing::Open => match seen() {
            seen if seen.is_empty() => format!("{arms}; too little to tell"),
            seen => format!("{arms}; too little to tell: {seen}"),
        },
    }
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
    fn numbers_have_separators_and_rarities_two_digits() {
        assert_eq!((thousands(999), thousands(111_900)), ("999".into(), "111,900".into()));
        assert_eq!(rarity(1.0 / 9_080.0), "1 of 9,000 releases");
        assert_eq!(rarity(0.3), "1 of 3 releases");
        assert_eq!(rarity(1.0), "1 of 1 releases");
        assert_eq!(rarity(0.0), "less than 1 of 1,000,000,000 releases");
    }
}
