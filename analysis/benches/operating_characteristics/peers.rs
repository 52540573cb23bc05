//! The rules of Flagger, Argo Rollouts and Kayenta, as they are by default.

use analysis::kayenta::{Class, Direction, Effect, Measure, Missing, Outliers, Roots, Settings, judge};
use analysis::{Arm, Counts, Rate};

use crate::draw::Draw;
use crate::rollout::{Schedule, Service};

/// Fewer successes than this, in percent, are a failure.
const SUCCESS: u64 = 99;
/// Failed checks that roll back, in Flagger.
const THRESHOLD: usize = 5;
/// Failed measurements that are let pass, in Argo Rollouts.
const FAILURE_LIMIT: usize = 3;
/// The first look at which Kayenta judges.
pub const WARM_UP: usize = 5;

fn fails(canary: Arm) -> bool {
    canary.requests() == 0 || canary.successes() * 100 < SUCCESS * canary.requests()
}

/// Flagger's `thresholdRange.min: 99`, `threshold: 5`: failed checks are counted and hold the weight, no traffic is a
/// failed check, and the tick after the fifth rolls back (v1.41, `scheduler.go`, `providers/prometheus.go`).
///
/// In minutes.
pub fn flagger(service: &Service, schedule: &Schedule, draw: &mut Draw) -> Option<f64> {
    let begins = service.begins(draw);
    let weights: Vec<f64> = schedule.looks().map(|(_, weight)| weight).collect();
    let (mut course, mut passed, mut failed) = (service.course(draw), 0, 0);
    while passed < weights.len() {
        let minute = schedule.minute(passed + failed);
        let counts = course.window(draw, begins, minute, schedule.seconds, weights[passed]);
        if fails(counts.canary) {
            failed += 1
        } else {
            passed += 1
        }
        if failed == THRESHOLD {
            return Some(minute + schedule.seconds / 60.0);
        }
    }
    None
}

/// Argo's `successCondition: result >= 0.99`, `failureLimit: 3`: the fourth failure rolls back, and so does a measurement
/// of nothing (v1.10, `analysis.go`). The look, from 0.
pub fn argo(windows: &[Counts]) -> Option<usize> {
    threshold(windows, FAILURE_LIMIT, fails)
}

/// The look, from 0, with one failure more than the limit.
pub fn threshold(windows: &[Counts], limit: usize, fails: impl Fn(Arm) -> bool) -> Option<usize> {
    windows.iter().enumerate().filter(|(_, counts)| fails(counts.canary)).nth(limit).map(|(look, _)| look)
}

/// Kayenta's judge as it is by default, for a metric that gets worse upwards.
pub fn default_judge(allowed_increase: f64) -> Settings {
    Settings {
        direction: Direction::Increase,
        missing: Missing::Remove,
        outliers: Outliers::Keep,
        effect: Effect { allowed_increase, ..Effect::any(Measure::MeanRatio) },
        critical: false,
        must_have_data: false,
        confidence: Rate::new(0.98).expect("a rate"),
        roots: Roots::Kayenta,
    }
}

/// Kayenta's default judge on the error percentages of all minutes so far, each so many looks from the fifth minute on.
/// The look, from 0.
pub fn kayenta(windows: &[Counts], each: usize) -> Option<usize> {
    let percents = |arm: fn(&Counts) -> Arm| -> Vec<f64> {
        windows.iter().map(|counts| arm(counts).rate().map_or(f64::NAN, |rate| 100.0 * rate)).collect()
    };
    let (canary, baseline) = (percents(|counts| counts.canary), percents(|counts| counts.baseline));
    let settings = default_judge(1.0);
    (WARM_UP..=windows.len())
        .step_by(each)
        .find(|looks| judge(&canary[..*looks], &baseline[..*looks], &settings).class == Class::High)
        .map(|looks| looks - 1)
}
