//! Edge cases of counting, and what holds for any samples.

use proptest::prelude::*;

use super::*;
use crate::counts::DataError;

const BEGIN: UnixMillis = UnixMillis(1_000_000);

fn second(s: i64) -> UnixMillis {
    UnixMillis(BEGIN.0 + 1000 * s)
}

fn series(key: &str, role: Role, samples: &[(i64, f64)]) -> Series {
    let samples = samples.iter().map(|(s, v)| RawSample::new(second(*s), *v).unwrap()).collect();
    Series::new(key, role, samples).unwrap()
}

fn ok(samples: &[(i64, f64)]) -> Series {
    series("200", Role::Requests, samples)
}

fn failed(samples: &[(i64, f64)]) -> Series {
    series("500", Role::Both, samples)
}

fn pod(id: &str, series: Vec<Series>) -> Target {
    Target::new(id, None, series).unwrap()
}

fn arm(targets: Vec<Target>) -> ArmScrape {
    ArmScrape { targets, traffic: true }
}

fn quiet() -> ArmScrape {
    ArmScrape { targets: Vec::new(), traffic: false }
}

fn canary_of(batch: CountBatch) -> (u64, u64) {
    (batch.counts.canary.requests(), batch.counts.canary.errors())
}

fn requests_of(batch: CountBatch) -> (u64, u64) {
    (batch.counts.canary.requests(), batch.counts.baseline.requests())
}

/// Requests and errors of the candidate at one look after another, with a stable version that has no traffic.
fn canary(looks: &[(i64, Vec<Target>)]) -> Vec<(u64, u64)> {
    let mut ingest = CountIngest::new(BEGIN);
    let counts = |(s, targets): &(i64, Vec<Target>)| match ingest.take(second(*s), &arm(targets.clone()), &quiet()) {
        Observation::Batch { batch, faults } if faults.is_empty() => canary_of(batch),
        other => panic!("{other:?}"),
    };
    looks.iter().map(counts).collect()
}

#[test]
fn the_first_value_of_a_series_with_an_unknown_past_is_where_counting_starts() {
    assert_eq!(canary(&[(60, vec![pod("a", vec![ok(&[(10, 700.0), (40, 720.0)])])])]), [(20, 0)]);
}

#[test]
fn the_first_error_counts_when_its_pod_was_scraped_before_without_it() {
    let pods = vec![pod("a", vec![ok(&[(10, 700.0), (40, 720.0)]), failed(&[(40, 1.0)])])];
    assert_eq!(canary(&[(60, pods)]), [(21, 1)]);
}

#[test]
fn the_first_error_counts_when_an_earlier_look_saw_the_pod_without_it() {
    let first = vec![pod("a", vec![ok(&[(10, 700.0)])])];
    let second = vec![pod("a", vec![failed(&[(70, 2.0)])])];
    assert_eq!(canary(&[(60, first), (120, second)]), [(0, 0), (2, 2)]);
}

#[test]
fn a_scrape_with_success_says_that_the_series_was_not_there() {
    let pods = vec![pod("a", vec![failed(&[(40, 3.0)])]).scraped(second(10))];
    assert_eq!(canary(&[(60, pods)]), [(3, 3)]);
}

#[test]
fn all_that_a_pod_counts_which_started_after_counting_began_has_happened_since() {
    let young = Target::new("a", Some(second(5)), vec![ok(&[(40, 12.0)])]).unwrap();
    let old = Target::new("b", Some(second(-5)), vec![ok(&[(40, 12.0)])]).unwrap();
    assert_eq!(canary(&[(60, vec![young, old])]), [(12, 0)]);
}

#[test]
fn another_endpoint_of_the_pod_says_nothing_about_a_series() {
    let pods = vec![pod("a/sidecar", vec![ok(&[(10, 5.0)])]), pod("a/app", vec![failed(&[(12, 900.0)])])];
    assert_eq!(canary(&[(60, pods)]), [(0, 0)]);
}

#[test]
fn a_reset_of_one_pod_counts_all_since_its_restart() {
    let pods = vec![
        pod("a", vec![ok(&[(10, 100.0), (25, 130.0), (40, 4.0)])]),
        pod("b", vec![ok(&[(10, 100.0), (25, 110.0), (40, 120.0)])]),
    ];
    assert_eq!(canary(&[(60, pods)]), [(54, 0)]);
}

#[test]
fn resets_of_both_arms_in_one_window_leave_no_negative_count() {
    let mut ingest = CountIngest::new(BEGIN);
    let scrape = |id: &str| arm(vec![pod(id, vec![ok(&[(10, 100.0), (40, 7.0)])])]);
    let Observation::Batch { batch, .. } = ingest.take(second(60), &scrape("c"), &scrape("s")) else { panic!() };
    assert_eq!(requests_of(batch), (7, 7));
}

#[test]
fn a_missed_scrape_is_recovered_by_the_next_one() {
    let at = |samples: &[(i64, f64)]| vec![pod("a", vec![ok(samples)])];
    let looks = [(15, at(&[(10, 100.0)])), (75, at(&[(70, 160.0)]))];
    assert_eq!(canary(&looks), [(0, 0), (60, 0)]);
}

#[test]
fn samples_seen_before_add_nothing() {
    let samples = [(10, 100.0), (40, 120.0)];
    let again = || vec![pod("a", vec![ok(&samples)])];
    let later = vec![pod("a", vec![ok(&[(10, 100.0), (40, 120.0), (70, 125.0)])])];
    assert_eq!(canary(&[(60, again()), (120, later)]), [(20, 0), (5, 0)]);
}

#[test]
fn a_sample_after_the_look_waits_for_the_next_one() {
    let pods = || vec![pod("a", vec![ok(&[(10, 100.0), (60, 110.0), (61, 150.0)])])];
    assert_eq!(canary(&[(60, pods()), (120, pods())]), [(10, 0), (40, 0)]);
}

#[test]
fn what_was_counted_before_counting_began_does_not_count() {
    let pods = vec![pod("a", vec![ok(&[(-20, 100.0), (-5, 150.0), (10, 153.0)])])];
    assert_eq!(canary(&[(60, pods)]), [(3, 0)]);
}

#[test]
fn a_candidate_with_traffic_and_no_sample_is_no_data_and_changes_nothing() {
    let mut ingest = CountIngest::new(BEGIN);
    let stable = |s: i64, v: f64| arm(vec![pod("s", vec![ok(&[(10, 100.0), (s, v)])])]);
    let before = ingest.clone();
    assert_eq!(ingest.take(second(60), &arm(vec![]), &stable(50, 150.0)), Observation::NoData(NoData::Canary));
    assert_eq!(ingest, before);
    let both = arm(vec![pod("c", vec![ok(&[(10, 5.0), (110, 9.0)])])]);
    let Observation::Batch { batch, .. } = ingest.take(second(120), &both, &stable(110, 200.0)) else { panic!() };
    assert_eq!(batch.window, Window { after: BEGIN, until: second(120) });
    assert_eq!(requests_of(batch), (4, 100));
}

#[test]
fn an_arm_without_traffic_counts_0() {
    let mut ingest = CountIngest::new(BEGIN);
    let Observation::Batch { batch, .. } = ingest.take(second(60), &quiet(), &quiet()) else { panic!() };
    assert_eq!(requests_of(batch), (0, 0));
}

#[test]
fn a_clock_that_goes_back_drops_the_look_and_changes_nothing() {
    let mut ingest = CountIngest::new(BEGIN);
    let scrape = arm(vec![pod("a", vec![ok(&[(10, 1.0), (50, 9.0)])])]);
    ingest.take(second(60), &scrape, &quiet());
    let before = ingest.clone();
    for at in [second(60), second(30)] {
        let dropped = Observation::Dropped(Dropped::ClockWentBack { at, last: second(60) });
        assert_eq!(ingest.take(at, &scrape, &quiet()), dropped);
    }
    assert_eq!(ingest, before);
}

#[test]
fn more_errors_than_requests_are_cut_and_reported() {
    let mut ingest = CountIngest::new(BEGIN);
    let all = ok(&[(10, 0.0), (40, 5.0)]);
    let errors = series("errors", Role::Errors, &[(10, 0.0), (40, 8.0)]);
    let taken = ingest.take(second(60), &arm(vec![pod("a", vec![all, errors])]), &quiet());
    let Observation::Batch { batch, faults } = taken else { panic!() };
    assert_eq!(canary_of(batch), (5, 5));
    assert_eq!(faults, [DataError { errors: 8, requests: 5 }]);
}

#[test]
fn what_is_no_counter_cannot_become_a_sample() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        assert!(matches!(RawSample::new(BEGIN, bad), Err(BadSample::NotACount(_))));
        assert!(Increase::new(10.0, bad).is_err());
    }
    assert!(serde_json::from_str::<CounterValue>("-1.0").is_err());
}

#[test]
fn one_series_cannot_be_given_twice() {
    let twice = Target::new("a", None, vec![ok(&[(10, 1.0)]), ok(&[(20, 2.0)])]);
    assert_eq!(twice, Err(BadSample::SameSeriesTwice("200".into())));
}

#[test]
fn counts_from_increase_are_rounded_by_their_total() {
    let mut ingest = IncreaseIngest::new(BEGIN);
    let mut counted = Vec::new();
    for look in 1..=10 {
        let third = Increase::new(4.0 / 3.0, 1.0 / 3.0).unwrap();
        let taken = ingest.take(second(60 * look), 60_000, third, third).unwrap();
        let Observation::Batch { batch, .. } = taken else { panic!() };
        counted.push(canary_of(batch).1);
    }
    assert_eq!(counted, [0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
}

#[test]
fn ranges_of_increase_that_do_not_tile_are_refused() {
    let mut ingest = IncreaseIngest::new(BEGIN);
    let none = Increase::new(0.0, 0.0).unwrap();
    let wrong = ingest.take(second(60), 90_000, none, none);
    assert_eq!(wrong, Err(RangeError::DoesNotTile { range: 90_000, since: 60_000 }));
}

#[test]
fn increase_inflates_by_the_scrape_it_cannot_see() {
    assert_eq!(overlap_design_effect(60_000, 15_000), Ok(4.0 / 3.0));
    assert!(overlap_design_effect(15_000, 15_000).is_err());
}

#[test]
fn increase_misses_the_first_error_and_raw_samples_do_not() {
    let seen = [(second(40), 1.0), (second(55), 1.0)];
    assert_eq!(extrapolated_increase(&seen, BEGIN, second(60)), Ok(Some(0.0)));
    assert_eq!(extrapolated_increase(&seen[..1], BEGIN, second(60)), Ok(None));
}

#[test]
fn windows_within_the_warm_up_or_after_a_change_are_not_evidence() {
    let window = |after, until| Window { after: second(after), until: second(until) };
    let settling = Settling::default();
    assert!(settling.is_over(window(60, 75), BEGIN, None));
    assert!(!settling.is_over(window(59, 75), BEGIN, None));
    assert!(!settling.is_over(window(100, 115), BEGIN, Some(second(75))));
    assert!(settling.is_over(window(105, 120), BEGIN, Some(second(75))));
    assert!(!settling.is_over(window(-10, 5), BEGIN, None));
}

#[test]
fn the_state_survives_being_stored() {
    let mut ingest = CountIngest::new(BEGIN);
    ingest.take(second(60), &arm(vec![pod("a", vec![ok(&[(10, 1.0), (50, 9.0)])])]), &quiet());
    let stored = serde_json::to_string(&ingest).unwrap();
    assert_eq!(serde_json::from_str::<CountIngest>(&stored).unwrap(), ingest);
}

#[test]
fn a_target_that_is_gone_for_good_is_forgotten() {
    let mut ledger = Ledger::new(BEGIN);
    ledger.take(&[pod("a", vec![ok(&[(10, 1.0)])]), pod("b", vec![ok(&[(10, 1.0)])])], second(60));
    ledger.retain(|id| id == "b");
    let mut other = Ledger::new(BEGIN);
    other.take(&[pod("b", vec![ok(&[(10, 1.0)])])], second(60));
    assert_eq!(ledger, other);
}

/// A few pods with samples every 15 seconds, resets among them.
fn scrapes() -> impl Strategy<Value = Vec<Target>> {
    let samples = || prop::collection::vec(0_u32..500, 8);
    let of = |values: &[u32]| -> Vec<(i64, f64)> {
        values.iter().enumerate().map(|(i, v)| (10 + 15 * i as i64, f64::from(*v))).collect()
    };
    prop::collection::vec((samples(), samples(), 0_usize..8), 1..4).prop_map(move |pods| {
        let pod_of = |(i, (good, bad, born)): (usize, &(Vec<u32>, Vec<u32>, usize))| {
            pod(&format!("pod-{i}"), vec![ok(&of(good)), failed(&of(bad)[*born..])])
        };
        pods.iter().enumerate().map(pod_of).collect()
    })
}

fn totals(looks: &[(i64, Vec<Target>)]) -> (u64, u64) {
    canary(looks).iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

proptest! {
    #[test]
    fn the_order_of_targets_and_series_does_not_matter(pods in scrapes()) {
        let mut turned = pods.clone();
        turned.reverse();
        prop_assert_eq!(canary(&[(130, pods)]), canary(&[(130, turned)]));
    }

    #[test]
    fn looking_more_often_counts_the_same(pods in scrapes(), between in 10_i64..115) {
        let twice = [(between, pods.clone()), (130, pods.clone())];
        prop_assert_eq!(totals(&[(130, pods)]), totals(&twice));
    }

    #[test]
    fn any_samples_are_refused_or_counted(values in prop::collection::vec((any::<i64>(), any::<f64>()), 0..9), at in any::<i64>()) {
        let samples: Result<Vec<_>, _> = values.iter().map(|(at, v)| RawSample::new(UnixMillis(*at), *v)).collect();
        if let Ok(samples) = samples {
            let target = pod("a", vec![Series::new("200", Role::Both, samples).unwrap()]);
            let taken = CountIngest::new(BEGIN).take(UnixMillis(at), &arm(vec![target]), &quiet());
            if let Observation::Batch { batch, .. } = taken {
                prop_assert!(canary_of(batch).1 <= canary_of(batch).0);
            }
        }
        let pairs: Vec<_> = values.iter().map(|(at, v)| (UnixMillis(*at), *v)).collect();
        if let Ok(Some(increase)) = extrapolated_increase(&pairs, BEGIN, UnixMillis(at)) {
            prop_assert!(!increase.is_nan());
        }
    }
}
