//! Rules of thumb for messages.

use statrs::distribution::{ContinuousCDF, Normal};

use super::Regression;
use crate::eproc::Bet;
use crate::{Alpha, Counts, Rate};

/// What twenty looks and the cap cost against one look.
const LOOKS: f64 = 1.4;
/// The 80 % point of the normal distribution.
const Z80: f64 = 0.841_621_233_572_914_3;

/// About how many requests the canary needs, at this constant weight, to see the regression with probability .8.
///
/// The two-sample formula for the canary's part of all errors, in normal approximation, times what looking often costs;
/// within a quarter of the exact figure from some fifty errors on. None where there is no regression.
pub fn requests_by_rule(weight: Rate, regression: Regression, alpha: Alpha) -> Option<f64> {
    let (w, p1, p_b) = (weight.get(), regression.canary.get(), regression.baseline.get());
    let share = p1 * w / (p1 * w + p_b * (1.0 - w));
    let errors = p1 + p_b * (1.0 - w) / w;
    if share <= w || alpha == Alpha::OFF {
        return None;
    }
    let z = Normal::standard().inverse_cdf(1.0 - 0.9 * alpha.get());
    let spread = z * (w * (1.0 - w)).sqrt() + Z80 * (share * (1.0 - share)).sqrt();
    Some(LOOKS * spread * spread / ((share - w).powi(2) * errors))
}

/// How fast the evidence of the e-process against a strict margin grows under the regression, in nats per batch of these
/// requests.
pub fn growth(requests: &Counts, regression: Regression) -> Option<f64> {
    let (n_c, n_b) = (requests.canary.requests() as f64, requests.baseline.requests() as f64);
    if !requests.comparable() {
        return None;
    }
    let (p1, p_b) = (regression.canary.get(), regression.baseline.get());
    let bet = Bet::growing(p1 / p_b, 0.0, n_c / n_b);
    Some(n_c * p1 * bet.a.ln() + n_b * p_b * bet.u.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regression(baseline: f64, canary: f64) -> Regression {
        Regression { canary: Rate::new(canary).unwrap(), baseline: Rate::new(baseline).unwrap() }
    }

    #[test]
    fn the_rule_gives_the_figures_that_were_worked_out_for_ten_percent() {
        let figures = [
            (0.001, 0.002, 23_351.0),
            (0.001, 0.005, 2_131.0),
            (0.001, 0.011, 500.0),
            (0.001, 0.051, 49.0),
            (0.005, 0.01, 4_670.0),
            (0.005, 0.025, 426.0),
            (0.005, 0.015, 1_366.0),
            (0.005, 0.055, 99.0),
            (0.01, 0.02, 2_335.0),
            (0.01, 0.05, 213.0),
            (0.01, 0.06, 148.0),
        ];
        let (weight, alpha) = (Rate::new(0.1).unwrap(), Alpha::new(0.005).unwrap());
        for (baseline, canary, requests) in figures {
            let got = requests_by_rule(weight, regression(baseline, canary), alpha).unwrap();
            assert!((got - requests).abs() <= 1.0, "{baseline} {canary}: {got}");
        }
    }

    #[test]
    fn no_regression_is_never_seen() {
        let (weight, alpha) = (Rate::new(0.1).unwrap(), Alpha::new(0.005).unwrap());
        assert_eq!(requests_by_rule(weight, regression(0.01, 0.01), alpha), None);
        assert_eq!(requests_by_rule(weight, regression(0.01, 0.005), alpha), None);
        assert_eq!(requests_by_rule(weight, regression(0.01, 0.05), Alpha::OFF), None);
    }

    #[test]
    fn evidence_grows_under_a_regression_and_faster_the_worse_it_is() {
        use crate::Arm;
        let requests = Counts::new(Arm::new(100, 0).unwrap(), Arm::new(900, 0).unwrap());
        let of = |canary| growth(&requests, regression(0.01, canary)).unwrap();
        assert!(of(0.01).abs() < 1e-12 && of(0.02) > 0.0 && of(0.05) > of(0.02));
        assert_eq!(growth(&Counts::default(), regression(0.01, 0.02)), None);
    }
}
