//! How much more errors vary than independent ones would: the design effect.
//!
//! Retries, one broken connection or a pause of the runtime make errors come in bursts. In clusters of size G the
//! variance of a count is `E[G^2] / E[G]` times that of independent errors (Kish 1965, the design effect of cluster
//! samples), and a test that does not know it rejects healthy candidates.

use crate::{Arm, Phi};

/// Fewer errors than this say nothing about their clusters.
const ENOUGH_ERRORS: u64 = 30;
/// Six hours.
const ENOUGH_MINUTES: usize = 360;
/// Beyond this no test on the counts is worth reading.
const UNUSABLE: f64 = 50.0;

/// The design effect to be used, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dispersion {
    /// Measured on the pods of the stable version.
    Measured(Phi),
    /// Taken from the policy, since the history cannot tell.
    Assumed {
        /// As the policy says.
        phi: Phi,
        /// What the history lacks.
        lack: Lack,
    },
    /// So bursty that the metric cannot be judged by its counts.
    Unusable(Phi),
}

/// What the history lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It is shorter than six hours.
    Time,
    /// There are fewer than 30 errors in it.
    Errors,
    /// No minute has two pods with traffic.
    Pods,
}

/// Measures the design effect of a history of the stable version: for each minute, what each of its pods counted.
/// `assumed` is used where it cannot be told.
pub fn dispersion(history: &[Vec<Arm>], assumed: Phi) -> Dispersion {
    let errors: u64 = history.iter().flatten().fold(0, |sum, pod| sum.saturating_add(pod.errors()));
    let lack = |lack| Dispersion::Assumed { phi: assumed, lack };
    if history.len() < ENOUGH_MINUTES {
        return lack(Lack::Time);
    }
    if errors < ENOUGH_ERRORS {
        return lack(Lack::Errors);
    }
    match design_effect(history) {
        None => lack(Lack::Pods),
        Some(phi) if phi.get() > UNUSABLE => Dispersion::Unusable(phi),
        Some(phi) => Dispersion::Measured(phi),
    }
}

/// The pooled design effect, at least 1; none where no minute with errors has two pods with traffic.
///
/// With the errors `m_i` of minute i and the share `s_ij` of pod j in its requests,
/// `sum_ij (x_ij - m_i s_ij)^2 / s_ij  /  sum_i m_i (P_i - 1)`. Given its total, what a minute was like for all pods
/// drops out, so outages that are shared do not count as bursts. Minutes are weighted with their errors: the plain mean
/// of Pearson's statistics is far too low where errors are rare.
pub fn design_effect(history: &[Vec<Arm>]) -> Option<Phi> {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for minute in history {
        let pods: Vec<_> = minute.iter().filter(|pod| pod.requests() > 0).collect();
        if pods.len() < 2 {
            continue;
        }
        let requests: f64 = pods.iter().map(|pod| pod.requests() as f64).sum();
        let errors: f64 = pods.iter().map(|pod| pod.errors() as f64).sum();
        freedom += errors * (pods.len() - 1) as f64;
        for pod in pods {
            let share = pod.requests() as f64 / requests;
            squares += (pod.errors() as f64 - errors * share).powi(2) / share;
        }
    }
    if freedom > 0.0 { Phi::new((squares / freedom).max(1.0)).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phi(value: f64) -> Phi {
        Phi::new(value).unwrap()
    }

    fn minute(pods: &[(u64, u64)]) -> Vec<Arm> {
        pods.iter().map(|(n, x)| Arm::new(*n, *x).unwrap()).collect()
    }

    fn hours(hours: usize, one: &[(u64, u64)]) -> Vec<Vec<Arm>> {
        vec![minute(one); 60 * hours]
    }

    #[test]
    fn errors_that_come_in_threes_have_a_design_effect_of_three() {
        assert_eq!(design_effect(&[minute(&[(100, 3), (100, 0), (100, 0), (100, 0)])]), Some(phi(3.0)));
    }

    #[test]
    fn errors_spread_more_evenly_than_chance_count_as_independent() {
        assert_eq!(design_effect(&[minute(&[(100, 5), (100, 5)])]), Some(phi(1.0)));
    }

    #[test]
    fn an_outage_that_all_pods_share_is_no_burst() {
        let even = minute(&[(100, 1), (100, 1)]);
        let outage = minute(&[(100, 90), (100, 90)]);
        assert_eq!(design_effect(&[even, outage]), Some(phi(1.0)));
    }

    #[test]
    fn pods_without_traffic_are_left_out() {
        let with = design_effect(&[minute(&[(100, 3), (50, 0), (0, 0)])]);
        assert_eq!(with, design_effect(&[minute(&[(100, 3), (50, 0)])]));
    }

    #[test]
    fn a_history_that_cannot_tell_gives_the_assumed_value_and_says_why() {
        let assumed = |lack| Dispersion::Assumed { phi: phi(1.5), lack };
        assert_eq!(dispersion(&hours(5, &[(100, 1), (100, 0)]), phi(1.5)), assumed(Lack::Time));
        assert_eq!(dispersion(&hours(6, &[(100, 0), (100, 0)]), phi(1.5)), assumed(Lack::Errors));
        assert_eq!(dispersion(&hours(6, &[(100, 1)]), phi(1.5)), assumed(Lack::Pods));
        assert_eq!(dispersion(&hours(6, &[(100, 3), (100, 0)]), phi(1.5)), Dispersion::Measured(phi(3.0)));
    }

    #[test]
    fn bursts_beyond_measure_make_the_metric_unusable() {
        assert_eq!(dispersion(&hours(6, &[(100, 60), (100, 0)]), phi(1.0)), Dispersion::Unusable(phi(60.0)));
    }

    proptest! {
        #[test]
        fn any_history_gives_a_number_from_1_or_none(
            history in prop::collection::vec(prop::collection::vec((any::<u64>(), any::<u64>()), 0..4), 0..4)
        ) {
            let pods = |pods: Vec<(u64, u64)>| pods.into_iter().map(|(a, b)| Arm::new(a.max(b), a.min(b)).unwrap());
            let history: Vec<Vec<_>> = history.into_iter().map(|minute| pods(minute).collect()).collect();
            if let Some(phi) = design_effect(&history) {
                prop_assert!(phi.get() >= 1.0);
            }
        }

        #[test]
        fn the_order_of_pods_and_minutes_does_not_matter(
            mut history in prop::collection::vec(prop::collection::vec((50_u64..90, 0_u64..50), 2..5), 1..5)
        ) {
            let of = |history: &[Vec<(u64, u64)>]| design_effect(&history.iter().map(|m| minute(m)).collect::<Vec<_>>());
            let before = of(&history);
            history.reverse();
            history.iter_mut().for_each(|minute| minute.reverse());
            let after = of(&history);
            prop_assert!(before.zip(after).is_none_or(|(a, b)| (a.get() - b.get()).abs() <= 1e-12 * a.get()) && before.is_some() == after.is_some());
        }
    }
}
