//! What the steps of a plan are said to see, and whether they do.

use rand::SeedableRng;
use rand_distr::{Binomial, Distribution, Poisson};
use rand_pcg::Pcg64;

use super::*;

fn steps(of: &[(f64, f64)]) -> impl FnOnce(&mut Settings) {
    let steps = of.iter().map(|(weight, minutes)| Step { weight: *weight, seconds: minutes * 60.0 }).collect();
    |settings| settings.steps = steps
}

/// What is said of the only metric where so much usually fails, with a look every 15 s.
fn said(given: Given, requests_per_second: f64, usual: Option<f64>) -> String {
    let seen = sensitivity(&given.plan(), requests_per_second, 15.0, |_| usual);
    assert_eq!(seen.len(), 1);
    seen[0].to_string()
}

#[test]
fn several_steps_are_told_how_often_how_soon_and_what_would_suffice() {
    assert_eq!(
        said(ramp(), 12.0, Some(0.005)),
        "at 12 requests per second these steps find errors going from 0.5 % to 1.5 % errors in 95 of 100 releases, in \
         13 min on average; to find it in 99, bake 4 min longer in step 4"
    );
    assert_eq!(
        said(ramp(), 100.0, Some(0.005)),
        "at 100 requests per second these steps find errors going from 0.5 % to 1.5 % errors in 99 of 100 releases, in 4 min \
         on average"
    );
}

#[test]
fn one_step_is_told_to_be_longer_without_its_number() {
    assert_eq!(
        said(ramp().settings(steps(&[(0.2, 10.0)])), 12.0, Some(0.005)),
        "at 12 requests per second these steps find errors going from 0.5 % to 1.5 % errors in 78 of 100 releases, in 6 min on \
         average; to find it in 99, bake 11 min longer"
    );
}

#[test]
fn where_no_time_suffices_the_smallest_regression_that_is_seen_is_told() {
    assert_eq!(
        said(ramp().settings(steps(&[(0.1, 2.0)])), 2.0, Some(0.001)),
        "at 2 requests per second these steps find errors going from 0.1 % to 1.1 % errors in less than 1 of 100 releases; ten \
         times as long would not find it in 99, but as they are they find 30 % in 99"
    );
    let hopeless = said(ramp().settings(steps(&[(0.1, 1.0)])), 0.1, Some(0.001));
    assert!(hopeless.ends_with("and as they are not even a canary that always fails; give it more weight or time"));
}

#[test]
fn the_usual_rate_is_the_callers_or_that_of_the_past_or_assumed_and_then_said_to_be() {
    let past = || History::of(&[Arm::new(36_000, 72).unwrap(); 168]).unwrap();
    let given = || ramp().metric("errors", |policy| policy.history = Some(past()));
    assert!(said(given(), 12.0, None).contains("from 0.2 % to 1.2 % errors"));
    assert!(said(given(), 12.0, Some(0.003)).contains("from 0.3 % to 1.3 % errors"));
    assert!(said(ramp(), 12.0, None).contains("from 0.5 % (assumed) to 1.5 % errors"));
    assert!(said(ramp(), 12.0, Some(f64::NAN)).contains("from 0.5 % (assumed) to 1.5 % errors"));
    assert!(said(ramp(), 12.0, Some(0.0)).contains("from 0.0001 % to 1 % errors"));
}

#[test]
fn without_requests_nothing_can_be_seen_and_it_is_said_why() {
    for none in [0.0, -1.0, f64::NAN] {
        assert_eq!(said(ramp(), none, None), "without requests nothing can be seen");
    }
    assert_eq!(
        said(ramp().settings(steps(&[(0.0, 10.0)])), 12.0, None),
        "no step gives the canary requests, and without requests nothing can be seen"
    );
}

#[test]
fn with_all_of_the_traffic_at_once_only_limits_can_be_tested() {
    let at_once = || steps(&[(1.0, 10.0)]);
    assert_eq!(
        said(ramp().settings(at_once()), 50.0, Some(0.002)),
        "at 50 requests per second these steps find errors going from 0.2 % to 1.2 % errors in 55 of 100 releases, in 7 min \
         on average, by limits alone since no stable version runs beside it; to find it in 99, bake 19 min longer"
    );
    let no_limit = || ramp().metric("errors", |policy| policy.objective = None);
    assert!(
        said(no_limit().settings(at_once()), 50.0, Some(0.002)).contains("; give errors an objective, or a step with")
    );
    assert!(said(ramp().settings(at_once()), 50.0, Some(0.02)).contains("no limit that the service keeps"));
}

#[test]
fn what_is_tolerated_is_not_sought() {
    let detecting = |rate: f64| ramp().metric("errors", |policy| policy.detect = Rate::new(rate).ok());
    assert_eq!(
        said(detecting(0.01), 12.0, Some(0.02)),
        "2 % of errors usually fails, and 1 % is tolerated; state a larger regression to detect"
    );
    assert!(said(ramp(), 12.0, Some(0.5)).ends_with("too much for anything worse to be sought"));
    let by_evidence = ramp().metric("errors", |policy| {
        policy.tolerance = Tolerance::new(Ratio::STRICT, 0.001, None).unwrap();
        policy.objective = None;
    });
    assert!(
        said(by_evidence, 12.0, Some(0.005)).starts_with("how often errors is found getting worse cannot be foretold")
    );
}

#[test]
fn only_critical_metrics_that_are_counted_by_errors_are_spoken_of() {
    let given = ramp().metric("shown", |_| ()).metric("slow", |_| ()).settings(|s| s.metrics[1].critical = false);
    let seen = sensitivity(&given.plan(), 12.0, 15.0, |name| (name == "slow").then_some(0.03));
    let said: Vec<_> =
        seen.iter().map(|seen| (seen.metric.as_str(), seen.to_string().contains("3 % to 9 %"))).collect();
    assert_eq!(said, [("errors", false), ("slow", true)]);
}

#[test]
fn what_is_told_to_suffice_does_and_a_minute_less_does_not() {
    let power = |minutes: f64| {
        let given = ramp().settings(|settings| settings.steps[3].seconds += minutes * 60.0);
        let Sight::Finds(finding) = &sensitivity(&given.plan(), 12.0, 15.0, |_| Some(0.005))[0].sight else { panic!() };
        (finding.power, finding.remedy)
    };
    let Remedy::Longer { step: Some(4), seconds } = power(0.0).1 else { panic!("{:?}", power(0.0)) };
    let (enough, less) = (power(seconds / 60.0), power(seconds / 60.0 - 1.0));
    assert!(enough.0 >= 0.99 && less.0 < 0.99, "{enough:?} {less:?}");
    assert_eq!(enough.1, Remedy::None);
}

/// The part of so many ramps in which the canary is rolled back, and after how many seconds on average.
fn simulated(plan: &Plan, requests_per_minute: f64, canary: f64, baseline: f64) -> (f64, f64) {
    const RUNS: u64 = 300;
    let run = |seed: u64| {
        let mut chance = Pcg64::seed_from_u64(seed);
        let mut arm = |requests: f64, rate: f64| {
            let requests = Poisson::new(requests).unwrap().sample(&mut chance) as u64;
            (requests, Binomial::new(requests, rate).unwrap().sample(&mut chance))
        };
        let journal = (0..20).fold(Journal::new(), |journal, minute| {
            let weight = [0.05, 0.1, 0.25, 0.5][minute / 5];
            let (n_c, x_c) = arm(requests_per_minute * weight, canary);
            let (n_b, x_b) = arm(requests_per_minute * (1.0 - weight), baseline);
            journal.minute(&[("errors", counts(n_c, x_c, n_b, x_b))])
        });
        let mut replay = Replay::new(plan);
        journal.0.iter().enumerate().find_map(|(look, entry)| {
            replay.look(entry);
            (replay.decided().decision == Decision::Rollback).then_some((look + 1) as f64 * 60.0)
        })
    };
    let found: Vec<f64> = (0..RUNS).filter_map(run).collect();
    (found.len() as f64 / RUNS as f64, found.iter().sum::<f64>() / found.len() as f64)
}

#[test]
fn what_is_foretold_is_what_happens() {
    let comparing = || {
        ramp().settings(|s| s.watch_split = false).metric("errors", |policy| {
            policy.shares = Shares::new(1.0, 0.0, 0.0, 0.0).ok();
        })
    };
    for (given, requests_per_second, usual) in
        [(comparing(), 12.0, 0.005), (comparing(), 3.0, 0.02), (comparing(), 1.0, 0.01)]
    {
        let plan = given.plan();
        let seen = sensitivity(&plan, requests_per_second, 60.0, |_| Some(usual));
        let Sight::Finds(Finding { power, mean_seconds, regression, .. }) = seen[0].sight else { panic!("{seen:?}") };
        let (found, seconds) = simulated(&plan, requests_per_second * 60.0, regression.canary.get(), usual);
        assert!((power - found).abs() < 0.06, "{requests_per_second}: {power} {found}");
        assert!((mean_seconds.unwrap() - seconds).abs() < 90.0, "{requests_per_second}: {mean_seconds:?} {seconds}");
    }
}

#[test]
fn all_tests_together_find_at_least_what_is_foretold_of_the_best() {
    let plan = ramp().settings(|s| s.watch_split = false).plan();
    let seen = sensitivity(&plan, 8.0, 60.0, |_| Some(0.005));
    let Sight::Finds(Finding { power, regression, .. }) = seen[0].sight else { panic!("{seen:?}") };
    let (found, _) = simulated(&plan, 8.0 * 60.0, regression.canary.get(), 0.005);
    assert!(found > power - 0.05, "{power} {found}");
}
