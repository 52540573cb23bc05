//! Whether the canary is proven good enough to go on before its time.

use crate::eproc::{EProcess, Margin, Onset};
use crate::xtest::{Kernel, XTest};
use crate::{Alpha, Counts, Invalid, Kappa, Phi, Progress, Rate, Ratio};

/// What is good enough: fewer errors than `ratio` times the baseline's, and `extra` more, or fewer than `floor`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptable {
    ratio: Ratio,
    extra: f64,
    floor: Option<Rate>,
}

impl Acceptable {
    /// A ratio to the baseline, a difference on top of it, and a rate that is good enough whatever the baseline does.
    ///
    /// # Errors
    ///
    /// When the difference is negative or not finite.
    pub fn new(ratio: Ratio, extra: f64, floor: Option<Rate>) -> Result<Self, Invalid> {
        Margin::new(ratio.get(), extra).map(|_| Self { ratio, extra, floor })
    }

    /// Twice the baseline's rate, or half of what the objective lets fail.
    pub fn default_for(objective: Option<Rate>) -> Self {
        let floor = objective.and_then(|limit| Rate::new(limit.get() / 2.0).ok());
        Self { ratio: Ratio::TWICE, extra: 0.0, floor }
    }
}

/// The tests that prove it, each at half of the probability that a canary which is not good enough is accepted.
///
/// They are the tests against the canary, mirrored: what is counted is errors of the baseline, or successes of the canary.
/// With a difference on top the e-process takes the place of the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    comparison: Comparison,
    floor: Option<XTest>,
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Exact(Box<XTest>),
    Evidence(Box<EProcess>),
}

impl Acceptance {
    /// At most with probability `beta` a canary that is not good enough is accepted.
    pub fn new(of: Acceptable, beta: Alpha, phi: Phi, onset: Onset, history: Option<Rate>) -> Self {
        let half = beta.share(0.5);
        let comparison = match Margin::new(of.ratio.get(), of.extra) {
            Ok(margin) if of.extra > 0.0 => {
                Comparison::Evidence(Box::new(EProcess::accepting(margin, half, phi, onset, history)))
            }
            // Winsorised, so that one bad scrape of the baseline cannot buy acceptance.
            _ => Comparison::Exact(Box::new(XTest::new(Kernel::Mirrored(of.ratio), half, Kappa::default(), phi))),
        };
        let floor = of.floor.map(|floor| XTest::new(Kernel::OneMirrored(floor), half, Kappa::NONE, phi));
        Self { comparison, floor }
    }

    /// Adds a batch, `seconds` long, and looks; whether the canary is good enough, now or before.
    pub fn look(&mut self, seconds: f64, counts: &Counts, u: Progress) -> bool {
        match &mut self.comparison {
            Comparison::Evidence(process) => _ = process.look(seconds, counts),
            Comparison::Exact(test) => {
                test.add(counts);
                test.look(u);
            }
        }
        if let Some(test) = &mut self.floor {
            test.add(counts);
            test.look(u);
        }
        self.accepted()
    }

    /// Whether the canary was found to be good enough.
    pub fn accepted(&self) -> bool {
        let comparison = match &self.comparison {
            Comparison::Evidence(process) => process.last().rejected,
            Comparison::Exact(test) => test.last().rejected,
        };
        comparison || self.floor.as_ref().is_some_and(|test| test.last().rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arm;
    use crate::special::ln_binomial_pmf;

    fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
        Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
    }

    fn acceptance(beta: f64, floor: Option<f64>) -> Acceptance {
        let of = Acceptable::new(Ratio::TWICE, 0.0, floor.map(|f| Rate::new(f).unwrap())).unwrap();
        Acceptance::new(of, Alpha::new(beta).unwrap(), Phi::INDEPENDENT, Onset::default(), None)
    }

    fn at(look: u32, of: u32) -> Progress {
        Progress::of(f64::from(look), f64::from(of)).unwrap()
    }

    fn run(acceptance: &mut Acceptance, batch: Counts) -> Option<u32> {
        (1..=20).find(|look| acceptance.look(60.0, &batch, at(*look, 20)))
    }

    #[test]
    fn a_canary_like_the_baseline_is_accepted_and_one_twice_as_bad_is_not() {
        assert!(run(&mut acceptance(0.05, None), counts(600, 6, 600, 6)).is_some());
        assert_eq!(run(&mut acceptance(0.05, None), counts(600, 12, 600, 6)), None);
    }

    #[test]
    fn a_canary_below_the_floor_is_accepted_even_beside_a_baseline_without_errors() {
        assert!(run(&mut acceptance(0.05, Some(0.005)), counts(600, 0, 600, 0)).is_some());
        assert_eq!(run(&mut acceptance(0.05, None), counts(600, 0, 600, 0)), None);
        assert_eq!(run(&mut acceptance(0.05, Some(0.005)), counts(600, 4, 600, 0)), None);
    }

    #[test]
    fn one_bad_scrape_of_the_baseline_buys_no_acceptance() {
        let mut acceptance = acceptance(0.05, None);
        assert!(!acceptance.look(60.0, &counts(600, 6, 600, 600), at(1, 20)));
        assert!((2..=20).all(|look| !acceptance.look(60.0, &counts(600, 12, 600, 6), at(look, 20))));
    }

    #[test]
    fn without_requests_nothing_is_accepted() {
        assert_eq!(run(&mut acceptance(0.05, Some(0.005)), counts(0, 0, 600, 6)), None);
        assert_eq!(run(&mut acceptance(0.05, None), counts(600, 6, 0, 0)), None);
    }

    #[test]
    fn a_difference_on_top_is_proven_by_evidence() {
        let of = Acceptable::new(Ratio::STRICT, 0.02, None).unwrap();
        let new = || Acceptance::new(of, Alpha::new(0.05).unwrap(), Phi::INDEPENDENT, Onset::default(), None);
        assert!(run(&mut new(), counts(600, 6, 600, 6)).is_some());
        assert_eq!(run(&mut new(), counts(600, 18, 600, 6)), None);
        assert!(Acceptable::new(Ratio::STRICT, -0.1, None).is_err());
    }

    #[test]
    fn an_intolerable_canary_is_accepted_at_most_as_often_as_stated_over_all_outcomes() {
        fn accepted(state: &Acceptance, rates: (f64, f64), look: u32) -> f64 {
            if look > 3 {
                return 0.0;
            }
            let (n_c, n_b) = (6, 6);
            let outcomes = (0..=n_c).flat_map(|x_c| (0..=n_b).map(move |x_b| (x_c, x_b)));
            outcomes
                .map(|(x_c, x_b)| {
                    let mut next = state.clone();
                    let weight = (ln_binomial_pmf(n_c, rates.0, x_c) + ln_binomial_pmf(n_b, rates.1, x_b)).exp();
                    let now = next.look(60.0, &counts(n_c, x_c, n_b, x_b), at(look, 3));
                    if now { weight } else { weight * accepted(&next, rates, look + 1) }
                })
                .sum()
        }
        for rates in [(0.4, 0.2), (0.6, 0.3), (0.9, 0.45)] {
            let got = accepted(&acceptance(0.3, Some(rates.0)), rates, 1);
            assert!(got <= 0.3, "{rates:?}: {got}");
        }
    }
}
