//! Objectives and the rule of the peers: so many failed looks in a row.

use crate::{Batch, Metric, MetricJudgement, Verdict};

/// A bound on a number; the bound itself is still good.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Objective {
    /// At least this.
    pub min: Option<f64>,
    /// At most this.
    pub max: Option<f64>,
}

impl Objective {
    /// Whether the value is good; false for NaN.
    pub fn holds(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max) && !value.is_nan()
    }

    fn words(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("between {} and {}", number(min), number(max)),
            (Some(min), None) => format!("at least {}", number(min)),
            (None, Some(max)) => format!("at most {}", number(max)),
            (None, None) => "any number".into(),
        }
    }
}

/// Four decimals at most, without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Judges one metric over the batches, oldest first. A look without a number neither counts nor clears.
pub(crate) fn judge(metric: &Metric, allowed: u32, batches: &[&Batch]) -> MetricJudgement {
    let samples: Vec<_> = batches.iter().filter_map(|b| b.samples.get(&metric.name)).collect();
    let failures = samples
        .iter()
        .rev()
        .filter_map(|s| s.value)
        .take_while(|v| !metric.objective.holds(*v))
        .count()
        .try_into()
        .unwrap_or(u32::MAX);
    let last = samples.last();
    let value = last.and_then(|s| s.value);
    let bound = metric.objective.words();
    let (verdict, message) = match (last, value) {
        (None, _) => (Verdict::Unknown, "not looked at yet".to_owned()),
        (Some(_), Some(v)) if metric.objective.holds(v) => (Verdict::Pass, format!("{} is {bound}", number(v))),
        (Some(_), Some(v)) if failures >= allowed => {
            (Verdict::Fail, format!("{} should be {bound}: failed look {failures} of {allowed}", number(v)))
        }
        (Some(_), Some(v)) => {
            (Verdict::Unknown, format!("{} should be {bound}: failed look {failures} of {allowed}", number(v)))
        }
        (Some(sample), None) => {
            let why = sample.unknown.as_ref().map_or("no number", |u| u.detail.as_str());
            (Verdict::Unknown, why.to_owned())
        }
    };
    MetricJudgement { name: metric.name.clone(), verdict, value, failures, tested: None, message }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, Utc};

    use super::*;
    use crate::{Look, Plan, Reason, Sample, judge as judge_all};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn plan(failures: u32) -> Plan {
        let metric = |name: &str, objective| Metric { name: name.into(), objective };
        Plan {
            metrics: vec![
                metric("success-rate", Objective { min: Some(99.0), max: None }),
                metric("latency-p99", Objective { min: None, max: Some(0.5) }),
            ],
            failures,
            sequential: None,
        }
    }

    fn looks(success: &[Option<f64>]) -> Vec<Batch> {
        let sample = |v: &Option<f64>| v.map_or(Sample::unknown(Reason::NoData, "no traffic"), Sample::value);
        success
            .iter()
            .enumerate()
            .map(|(i, v)| Batch {
                at: at(i as i64),
                window: None,
                step: 1,
                past: None,
                samples: BTreeMap::from([
                    ("success-rate".into(), sample(v)),
                    ("latency-p99".into(), Sample::value(0.1)),
                ]),
            })
            .collect()
    }

    fn verdict(failures: u32, success: &[Option<f64>]) -> Verdict {
        judge_all(&plan(failures), &looks(success), Look { at: at(99) }).verdict
    }

    #[test]
    fn the_bound_itself_is_still_good() {
        assert_eq!(verdict(2, &[Some(99.0)]), Verdict::Pass);
    }

    #[test]
    fn a_failed_look_holds_and_the_stated_number_in_a_row_fails() {
        assert_eq!(verdict(2, &[Some(98.9)]), Verdict::Unknown);
        assert_eq!(verdict(2, &[Some(98.9), Some(98.9)]), Verdict::Fail);
        assert_eq!(verdict(1, &[Some(98.9)]), Verdict::Fail);
    }

    #[test]
    fn a_good_look_clears_the_count() {
        assert_eq!(verdict(2, &[Some(90.0), Some(100.0), Some(90.0)]), Verdict::Unknown);
    }

    #[test]
    fn a_look_without_a_number_neither_counts_nor_clears() {
        assert_eq!(verdict(2, &[Some(90.0), None]), Verdict::Unknown);
        assert_eq!(verdict(2, &[Some(90.0), None, Some(90.0)]), Verdict::Fail);
        assert_eq!(verdict(2, &[Some(100.0), None]), Verdict::Unknown);
    }

    #[test]
    fn nothing_looked_at_is_unknown() {
        assert_eq!(verdict(2, &[]), Verdict::Unknown);
    }

    #[test]
    fn what_is_not_finite_is_never_a_number() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let sample = Sample::value(bad);
            assert_eq!(sample.value, None);
            assert_eq!(sample.unknown.unwrap().reason, Reason::NotANumber);
        }
        assert!(!Objective::default().holds(f64::NAN));
    }

    #[test]
    fn looks_after_the_one_that_is_judged_do_not_count() {
        let journal = looks(&[Some(100.0), Some(0.0), Some(0.0)]);
        assert_eq!(judge_all(&plan(2), &journal, Look { at: at(0) }).verdict, Verdict::Pass);
    }

    #[test]
    fn the_sentence_names_value_bound_and_count() {
        let judged = judge_all(&plan(2), &looks(&[Some(97.25)]), Look { at: at(9) });
        assert_eq!(judged.metrics[0].message, "97.25 should be at least 99: failed look 1 of 2");
    }
}
