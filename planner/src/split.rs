//! Shares of the traffic as numbers of pods.

use std::collections::BTreeSet;

use crate::{
    policy::{Shares, Step, Weight},
    world::Revision,
};

/// How many candidate pods a step takes, where all of the traffic takes `capacity`.
pub fn needs(shares: Shares, capacity: u32, step: &Step) -> u32 {
    match shares {
        Shares::Pods { .. } => members(capacity, step.weight).max(1),
        Shares::Routes => {
            let pods = (u64::from(capacity) * u64::from(step.traffic())).div_ceil(100);
            u32::try_from(pods).unwrap_or(capacity).max(1)
        }
    }
}

/// How many candidate pods give `weight` percent beside `stable` pods that all serve: the number nearest to `stable * w / (100 - w)`,
/// at least 1, at most `stable`, ties to the smaller share; 0 when no stable pod serves, since nothing may be raised then.
pub fn members(stable: u32, weight: Weight) -> u32 {
    if stable == 0 {
        return 0;
    }
    let w = weight.percent();
    let (numerator, denominator) = (u64::from(stable) * u64::from(w), u64::from(100 - w));
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let nearest = if rest * 2 > denominator { whole + 1 } else { whole };
    u32::try_from(nearest).unwrap_or(stable).clamp(1, stable)
}

/// The candidate's share in percent, rounded, that so many pods make.
pub fn share(candidate: u32, stable: u32) -> u32 {
    let all = u64::from(candidate) + u64::from(stable);
    if all == 0 {
        return 0;
    }
    u32::try_from((u64::from(candidate) * 200 + all) / (all * 2)).unwrap_or(100)
}

/// The fewest stable pods at which the share of `weight` is met within `error` percentage points; `None` beyond 1000 pods.
pub fn pods_for(weight: Weight, error: u32) -> Option<u32> {
    (1..=1000).find(|s| share(members(*s, weight), *s).abs_diff(weight.percent()) <= error)
}

/// Which pods of the candidate should answer: `count` of them, the fit ones first, then those that answer already, so that as few
/// labels as possible are written.
pub fn choose(candidate: &Revision, stable: &crate::RevisionId, count: u32) -> BTreeSet<String> {
    let mut pods: Vec<_> = candidate
        .pods
        .iter()
        .filter(|(_, p)| !p.terminating)
        .map(|(name, p)| (!p.may_answer(stable), !p.members_of.contains(stable), name))
        .filter(|(unfit, outside, _)| !(*unfit && *outside))
        .collect();
    pods.sort();
    pods.into_iter().take(count as usize).map(|(_, _, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picks::{Match, Mirror, Picks, Sticky};

    fn weight(percent: i32) -> Weight {
        Weight::new(percent).unwrap()
    }

    fn step(percent: i32) -> Step {
        let bake = chrono::TimeDelta::zero();
        Step { weight: weight(percent), picks: Picks::default(), expected: 0, bake, pause: false }
    }

    #[test]
    fn the_number_of_members_is_the_nearest_with_ties_to_the_smaller_share() {
        for (stable, percent, expected) in [
            (4, 20, 1),
            (4, 50, 4),
            (4, 1, 1),
            (10, 5, 1),
            (10, 25, 3),
            (1, 50, 1),
            (2, 20, 1),
            (3, 33, 1),
            (6, 20, 1),
            (0, 20, 0),
        ] {
            assert_eq!(members(stable, weight(percent)), expected, "{stable} pods, {percent} %");
        }
    }

    #[test]
    fn the_number_of_members_never_falls_when_weight_or_stable_pods_rise() {
        for stable in 1..60 {
            for percent in 1..50 {
                let here = members(stable, weight(percent));
                assert!((1..=stable).contains(&here));
                assert!(members(stable, weight(percent + 1)) >= here);
                assert!(members(stable + 1, weight(percent)) >= here);
            }
        }
    }

    #[test]
    fn ready_pods_are_chosen_first_then_members_and_nobody_unready_or_fresh_is_let_in() {
        let stable = crate::RevisionId::parse("11111111").unwrap();
        let pod = |ready, member: bool| crate::world::Pod {
            ready,
            members_of: member.then(|| stable.clone()).into_iter().collect(),
            ..Default::default()
        };
        let fresh = |member| crate::world::Pod { fresh: true, ..pod(true, member) };
        let pods = [
            ("a", pod(false, false)),
            ("b", pod(false, true)),
            ("c", pod(true, false)),
            ("d", pod(true, true)),
            ("e", fresh(false)),
            ("f", fresh(true)),
        ];
        let candidate = Revision {
            digest: crate::Digest::parse(&format!("sha256:{}", "2".repeat(64))).unwrap(),
            replicas: Some(6),
            complete: true,
            recorded: true,
            pods: pods.into_iter().map(|(name, pod)| (name.to_owned(), pod)).collect(),
            left_serving: false,
        };
        for (count, expected) in [(0, ""), (1, "d"), (2, "df"), (3, "cdf"), (4, "bcdf"), (5, "bcdf")] {
            assert_eq!(choose(&candidate, &stable, count).into_iter().collect::<String>(), expected, "{count}");
        }
    }

    #[test]
    fn a_route_takes_the_pods_that_the_share_of_the_capacity_takes() {
        for (capacity, percent, expected) in [(4, 1, 1), (4, 25, 1), (4, 26, 2), (10, 50, 5), (10, 99, 10), (0, 50, 1)]
        {
            assert_eq!(needs(Shares::Routes, capacity, &step(percent)), expected, "{capacity} pods, {percent} %");
        }
        assert_eq!(needs(Shares::Pods { max_error: None }, 4, &step(50)), 4);
        // What matches and what is copied comes on top, and all of it is never more than the capacity.
        let mirror = |percent| Some(Mirror { percent, methods: vec!["GET".into()] });
        let matches = vec![Match::default()];
        let picks = |matches, percent| Picks { matches, mirror: mirror(percent), sticky: None };
        for (picks, matching, expected) in
            [(picks(vec![], 30), 0, 4), (picks(matches.clone(), 30), 20, 6), (picks(matches, 100), 20, 10)]
        {
            assert_eq!(needs(Shares::Routes, 10, &Step { picks, expected: matching, ..step(10) }), expected);
        }
    }

    #[test]
    fn a_share_whose_callers_stay_takes_the_pods_for_all_of_the_traffic() {
        let sticky = Some(Sticky { cookie: "sluice".into(), max_age: 3600 });
        let picks = Picks { sticky, ..Picks::default() };
        assert_eq!(needs(Shares::Routes, 10, &Step { picks, ..step(10) }), 10);
    }

    #[test]
    fn shares_are_rounded_to_whole_percents() {
        assert_eq!(
            (share(1, 4), share(4, 4), share(1, 2), share(0, 3), share(3, 0), share(0, 0)),
            (20, 50, 33, 0, 100, 0)
        );
    }

    #[test]
    fn the_number_of_pods_that_a_precise_share_takes_is_told() {
        assert_eq!(pods_for(weight(50), 0), Some(1));
        assert_eq!(pods_for(weight(20), 0), Some(4));
        assert_eq!(pods_for(weight(5), 1), Some(15));
    }
}
