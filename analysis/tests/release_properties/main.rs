//! What holds of a release for any settings and any journal.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

mod adversary;
mod generated;
mod verdicts;

use analysis::release::{Decided, Entry, MetricReport, Plan, Replay, Settings, Sight, decide, lint, sensitivity};
use proptest::prelude::*;

/// Probabilities are probabilities, and nothing is NaN.
fn check(plan: &Plan, decided: &Decided) -> Result<(), TestCaseError> {
    let alpha = plan.settings().alpha.get();
    prop_assert!((0.0..=alpha * (1.0 + 1e-9)).contains(&decided.alpha_used), "{} of {alpha}", decided.alpha_used);
    for metric in &decided.metrics {
        prop_assert!((0.0..=1.0).contains(&metric.p), "{metric:?}");
        prop_assert!((0.0..=metric.alpha.get() * (1.0 + 1e-9)).contains(&metric.used), "{metric:?}");
        prop_assert!(!metric.ln_e.is_nan() && !metric.message.is_empty(), "{metric:?}");
        prop_assert!(metric.power.is_none_or(|(rate, power)| rate > 0.0 && (0.0..=1.0).contains(&power)), "{metric:?}");
        for interval in [metric.canary_rate, metric.baseline_rate, metric.ratio].into_iter().flatten() {
            prop_assert!(interval.low >= 0.0 && interval.low <= interval.high, "{metric:?}");
        }
        for test in &metric.tests {
            prop_assert!((0.0..=1.0).contains(&test.p) && !test.ln_e.is_nan(), "{metric:?}");
            prop_assert!(
                test.used.is_none_or(|used| (0.0..=test.alpha.get() * (1.0 + 1e-9)).contains(&used)),
                "{metric:?}"
            );
        }
    }
    Ok(())
}

fn by_name(decided: &Decided) -> Vec<&MetricReport> {
    let mut metrics: Vec<_> = decided.metrics.iter().collect();
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    metrics
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_settings_and_no_journal_make_it_panic_or_say_what_is_no_number(
        settings in generated::settings(), journal in generated::journal(),
    ) {
        let Ok(plan) = Plan::new(settings) else { return Ok(()) };
        let mut replay = Replay::new(&plan);
        check(&plan, &replay.decided())?;
        for entry in &journal {
            replay.look(entry);
            check(&plan, &replay.decided())?;
        }
    }

    #[test]
    fn a_journal_that_is_replayed_after_any_look_gives_what_it_gave_look_by_look(
        settings in generated::settings(), journal in generated::journal(),
    ) {
        let Ok(plan) = Plan::new(settings) else { return Ok(()) };
        let mut replay = Replay::new(&plan);
        for (so_far, entry) in journal.iter().enumerate() {
            replay.look(entry);
            prop_assert_eq!(replay.decided(), decide(&plan, &journal[..=so_far]));
        }
    }

    #[test]
    fn the_order_of_the_metrics_changes_no_decision_and_no_report(
        settings in generated::settings(), journal in generated::journal(), turn in 0_usize..8,
    ) {
        let mut turned = Settings { metrics: settings.metrics.clone(), ..settings.clone() };
        let count = turned.metrics.len().max(1);
        turned.metrics.rotate_left(turn % count);
        // The split is watched on the first critical metric.
        let (settings, turned) =
            (Settings { watch_split: false, ..settings }, Settings { watch_split: false, ..turned });
        let (Ok(plan), Ok(turned)) = (Plan::new(settings), Plan::new(turned)) else { return Ok(()) };
        let (one, other) = (decide(&plan, &journal), decide(&turned, &journal));
        prop_assert_eq!(one.decision, other.decision);
        prop_assert!((one.alpha_used - other.alpha_used).abs() <= 1e-12);
        for (a, b) in by_name(&one).into_iter().zip(by_name(&other)) {
            prop_assert_eq!(a.standing, b.standing);
            prop_assert!((a.p - b.p).abs() <= 1e-9 && a.counts == b.counts, "{:?} {:?}", a, b);
        }
        let names = |decided: &Decided| decided.blamed.iter().cloned().collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(names(&one), names(&other));
    }

    #[test]
    fn a_look_that_was_written_twice_or_comes_late_changes_nothing(
        settings in generated::settings(), journal in generated::journal(), again in any::<prop::sample::Index>(),
    ) {
        let Ok(plan) = Plan::new(settings) else { return Ok(()) };
        prop_assume!(!journal.is_empty());
        let mut longer: Vec<Entry> = journal.clone();
        longer.push(again.get(&journal).clone());
        prop_assert_eq!(decide(&plan, &journal), decide(&plan, &longer));
    }

    #[test]
    fn any_plan_can_be_checked_for_any_traffic(
        settings in generated::settings(), rps in prop_oneof![8 => 0.0..50.0, 1 => Just(f64::NAN), 1 => Just(-1.0)],
        interval in 60.0..600.0,
    ) {
        let Ok(plan) = Plan::new(settings) else { return Ok(()) };
        prop_assert!(lint(&plan, rps, interval).iter().all(|warning| !warning.to_string().contains("NaN")));
    }

    #[test]
    fn whatever_the_plan_the_traffic_and_the_usual_rate_what_is_seen_is_said_in_numbers(
        settings in generated::settings(),
        rps in prop_oneof![8 => 0.0..50.0, 1 => Just(1e4), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => any::<f64>()],
        interval in prop_oneof![4 => 1.0..600.0, 1 => any::<f64>()],
        usual in prop::option::of(prop_oneof![4 => 0.0..0.1, 1 => 0.0..=1.0, 1 => any::<f64>()]),
    ) {
        let Ok(plan) = Plan::new(settings) else { return Ok(()) };
        for seen in sensitivity(&plan, rps, interval, |_| usual) {
            let said = seen.to_string();
            prop_assert!(!["NaN", "inf", "-"].iter().any(|wrong| said.contains(wrong)), "{said}");
            if let Sight::Finds(finding) = seen.sight {
                prop_assert!((0.0..=1.0).contains(&finding.power), "{finding:?}");
                prop_assert!(finding.mean_seconds.is_none_or(|mean| mean > 0.0), "{finding:?}");
            }
        }
    }
}
