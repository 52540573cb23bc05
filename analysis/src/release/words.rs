//! One sentence per metric.

use super::report::{MetricReport, Standing, Test};
use super::{ErrorPolicy, Tolerance};
use crate::words::{percent, thousands};
use crate::{Arm, Ratio};

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

/// The same for gauges of pods.
pub(super) fn pods(standing: Standing, worse: u64, pairs: u64, p: f64) -> String {
    if pairs == 0 {
        return "no pods were compared yet".into();
    }
    let share = percent(worse as f64 / pairs as f64);
    let compared =
        format!("a canary pod is worse than tolerated beside a stable one in {share} of {} pairs", thousands(pairs));
    match standing {
        Standing::Rejected { .. } => format!("{compared}; a version no worse would show this in {}", rarity(p)),
        Standing::Open => format!("{compared}; too little to tell"),
        _ => format!("{compared}; had all been worse, it would have been rolled back by now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarities_have_two_digits() {
        assert_eq!(rarity(1.0 / 9_080.0), "1 of 9,000 releases");
        assert_eq!(rarity(0.3), "1 of 3 releases");
        assert_eq!(rarity(1.0), "1 of 1 releases");
        assert_eq!(rarity(0.0), "less than 1 of 1,000,000,000 releases");
    }
}
