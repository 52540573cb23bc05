//! The analysis of a policy, parsed: which metrics are counted and tested, which are judged by their objective alone.

use std::time::Duration;

use analysis::{
    Alpha, CountedMetric, Rate, Ratio, Sequential,
    release::{Step, Tolerance},
};
use chrono::TimeDelta;
use planner::policy;

use super::{InvalidPolicy, time};
use crate::analysis::{Analysis, MeasuredBy, Metric, Objective, Then, VersusStable};

/// A rate over fewer scrapes is noise.
const SCRAPES: u32 = 4;
/// Counts need one to count from and one to count to.
const SCRAPES_COUNTED: u32 = 2;

/// Parses what is measured during these steps and this time after promotion.
///
/// # Errors
/// Numbers that the schema refuses, in words.
pub(super) fn parse(
    analysis: &Analysis,
    steps: &[policy::Step],
    warm: TimeDelta,
    scrape: Duration,
) -> Result<policy::Analysis, InvalidPolicy> {
    let interval = time(analysis.interval);
    let metrics: Vec<_> = analysis
        .metrics
        .iter()
        .map(|m| analysis::Metric { name: m.name.clone(), objective: objective(&m.objective) })
        .collect();
    let sequential = if analysis.mode.is_none() { sequential(analysis, steps, warm)? } else { None };
    let all_counted = sequential.as_ref().is_some_and(|s| metrics.iter().all(|m| s.counts(&m.name)));
    let scrapes = scrape.saturating_mul(if all_counted { SCRAPES_COUNTED } else { SCRAPES });
    let failures = analysis.mode.clone().unwrap_or_default().threshold.failures;
    Ok(policy::Analysis {
        plan: analysis::Plan { metrics, failures: u32::try_from(failures).unwrap_or(1).max(1), sequential },
        interval,
        window: interval.max(TimeDelta::from_std(scrapes).unwrap_or(interval)),
        hold_unknown: time(analysis.on_unknown.hold),
        rollback_unknown: analysis.on_unknown.then == Then::Rollback,
        by_proxies: analysis.measured_by != MeasuredBy::Application,
    })
}

/// The tests of the metrics that are built in; `None` without any.
fn sequential(
    analysis: &Analysis,
    steps: &[policy::Step],
    warm: TimeDelta,
) -> Result<Option<Sequential>, InvalidPolicy> {
    let counted = analysis.metrics.iter().filter(|m| m.template.is_none());
    let counted: Vec<_> = counted.map(counted_metric).collect::<Result<_, _>>()?;
    if counted.is_empty() {
        return Ok(None);
    }
    // A step lasts one look at least, however short its bake.
    let seconds = |time: TimeDelta| time.max(super::time(analysis.interval)).num_milliseconds() as f64 / 1000.0;
    let mut parts: Vec<_> = steps.iter().map(|s| Step { weight: share(s), seconds: seconds(s.bake) }).collect();
    if parts.is_empty() || warm > TimeDelta::zero() {
        parts.push(Step { weight: 1.0, seconds: seconds(warm) });
    }
    let alpha = Alpha::new(analysis.false_rollback).map_err(|wrong| invalid("analysis.falseRollback", &wrong))?;
    let least = u64::try_from(analysis.min_requests).unwrap_or(1).max(1);
    Sequential::new(alpha, parts, counted, least).map(Some).map_err(|wrong| invalid("analysis", &wrong))
}

/// The candidate's share of all that both versions answer, as far as anybody knows before; half of it at most, since what matches is
/// compared with the rest.
fn share(step: &policy::Step) -> f64 {
    let copies = step.picks.mirror.as_ref().map_or(0.0, |m| f64::from(m.percent));
    let own = f64::from(step.weight.percent());
    match step.picks.matches.is_empty() {
        true if copies > 0.0 => copies / (100.0 + copies),
        true => own / 100.0,
        false => (own + f64::from(step.expected)).min(own.max(50.0)) / 100.0,
    }
}

fn counted_metric(metric: &Metric) -> Result<CountedMetric, InvalidPolicy> {
    let name = metric.name.clone();
    let failing = match metric.name.strip_prefix("latency-p").and_then(|digits| digits.parse::<f64>().ok()) {
        // The quantile is within the bound when no larger share of the requests is over it.
        Some(percent) => Some(1.0 - percent / 100.0),
        None => metric.objective.min.map(|percent| 1.0 - percent / 100.0),
    };
    let limit =
        failing.map(Rate::new).transpose().map_err(|wrong| invalid(&format!("the objective of {name}"), &wrong))?;
    let tolerance = metric.versus_stable.as_ref().map_or_else(|| Ok(Tolerance::default()), tolerance);
    let tolerance = tolerance.map_err(|wrong| invalid(&format!("versusStable of {name}"), &wrong))?;
    Ok(CountedMetric { name, limit, tolerance })
}

fn tolerance(versus: &VersusStable) -> Result<Tolerance, analysis::Invalid> {
    match (versus.margin, versus.margin_percent) {
        (Some(points), _) => Tolerance::new(Ratio::STRICT, points / 100.0, None),
        (None, percent) => Tolerance::new(Ratio::new(1.0 + percent.unwrap_or(0.0) / 100.0)?, 0.0, None),
    }
}

fn invalid(what: &str, wrong: &dyn std::fmt::Display) -> InvalidPolicy {
    InvalidPolicy(format!("{what}: {wrong}"))
}

fn objective(objective: &Objective) -> analysis::Objective {
    let max = objective.max.or(objective.max_duration.map(|d| d.0.as_secs_f64()));
    analysis::Objective { min: objective.min, max }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn steps() -> Vec<policy::Step> {
        let step = |weight| policy::Step {
            weight: policy::Weight::new(weight).unwrap(),
            picks: planner::picks::Picks::default(),
            expected: 0,
            bake: TimeDelta::seconds(60),
            pause: false,
        };
        vec![step(20), step(50)]
    }

    fn parsed(analysis: Value, scrape: u64) -> policy::Analysis {
        let analysis: Analysis = serde_json::from_value(analysis).unwrap();
        parse(&analysis, &steps(), TimeDelta::seconds(120), Duration::from_secs(scrape)).unwrap()
    }

    fn p99() -> Value {
        json!({ "name": "latency-p99", "objective": { "maxDuration": "500ms" } })
    }

    #[test]
    fn built_in_metrics_are_tested_and_others_are_judged_by_their_objective() {
        let queue = json!({ "name": "queue", "objective": { "max": 5 }, "template": { "name": "queue" } });
        let parsed = parsed(json!({ "metrics": [p99(), queue] }), 5).plan;
        let sequential = parsed.sequential.unwrap();
        assert_eq!((sequential.counts("latency-p99"), sequential.counts("queue")), (true, false));
        assert_eq!((parsed.metrics.len(), sequential.min_requests), (2, 100));
        assert_eq!(sequential.plan.settings().steps.iter().map(|s| s.seconds).sum::<f64>(), 240.0);
    }

    #[test]
    fn the_peers_rule_stays_for_those_who_ask_for_it() {
        let threshold = parsed(json!({ "metrics": [p99()], "mode": { "threshold": { "failures": 3 } } }), 5).plan;
        assert_eq!((threshold.sequential, threshold.failures), (None, 3));
    }

    #[test]
    fn only_proxies_know_what_a_route_gives() {
        let by_proxies = |by| parsed(json!({ "measuredBy": by, "metrics": [p99()] }), 5).by_proxies;
        assert_eq!(["Application", "Istio", "EnvoyGateway"].map(by_proxies), [false, true, true]);
    }

    #[test]
    fn a_quantile_lets_its_rest_be_slower_and_margins_are_points_or_a_tenth_more() {
        let metric = |value: Value| counted_metric(&serde_json::from_value(value).unwrap()).unwrap();
        let limit = metric(p99()).limit.unwrap().get();
        assert!((limit - 0.01).abs() < 1e-9, "{limit}");
        let rate = |versus: Value| {
            let metric = metric(json!({ "name": "success-rate", "objective": { "min": 99 }, "versusStable": versus }));
            (metric.tolerance.ratio().get(), metric.tolerance.extra())
        };
        assert_eq!(rate(json!({ "margin": 0.5 })), (1.0, 0.005));
        assert_eq!(rate(json!({ "marginPercent": 50 })), (1.5, 0.0));
        let usual = metric(json!({ "name": "success-rate", "objective": { "min": 99 } })).tolerance;
        assert_eq!(usual, Tolerance::default());
    }

    #[test]
    fn what_cannot_be_met_is_said_and_not_taken() {
        let wrong = |metric: Value| {
            let analysis = serde_json::from_value(json!({ "metrics": [metric] })).unwrap();
            parse(&analysis, &steps(), TimeDelta::zero(), Duration::from_secs(5)).unwrap_err().to_string()
        };
        let all = wrong(json!({ "name": "success-rate", "objective": { "min": 100 } }));
        assert!(all.contains("the objective of success-rate: rate is 0"), "{all}");
        let negative = json!({ "name": "success-rate", "objective": { "min": 99 }, "versusStable": { "margin": -1 } });
        assert!(wrong(negative).contains("versusStable of success-rate"));
    }

    #[test]
    fn a_look_reaches_back_over_four_scrapes_and_what_is_counted_over_two() {
        let window = |analysis, scrape| parsed(analysis, scrape).window.num_seconds();
        let counted = json!({ "interval": "10s", "metrics": [p99()] });
        assert_eq!((window(counted.clone(), 15), window(counted, 1)), (30, 10));
        let asked = json!({ "interval": "10s", "metrics": [p99()], "mode": { "threshold": {} } });
        assert_eq!((window(asked.clone(), 15), window(asked, 1)), (60, 10));
    }
}
