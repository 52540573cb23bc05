//! Distributions that the tests stand on, to nearly the last digit.
//!
//! statrs is used where its error was measured to be small enough (see the tests beside each function). Point
//! probabilities are our own: a difference of logarithms of factorials loses as many digits as the count has, and they
//! are multiplied a thousand times over.

mod beta;
mod gamma;
mod pmf;
mod poisson;

pub use beta::{ln_beta, ln_beta_upper};
pub use gamma::{ln_factorial, ln_gamma};
pub use pmf::{BetaBinomial, ln_binomial_pmf, ln_hypergeometric_pmf};
pub use poisson::{gamma_inverse, poisson_tail};

/// `ln(exp(a) + exp(b))` without overflow; minus infinity is zero.
pub fn ln_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// `ln(sum of exp)` without overflow; minus infinity for nothing.
pub fn ln_sum_exp(terms: impl IntoIterator<Item = f64>) -> f64 {
    terms.into_iter().fold(f64::NEG_INFINITY, ln_add_exp)
}

#[cfg(test)]
pub(crate) mod near {
    /// Fails unless the relative error is at most `tolerance`.
    #[track_caller]
    pub fn near(got: f64, want: f64, tolerance: f64) {
        let error = (got - want).abs();
        assert!(error <= tolerance * want.abs().max(1e-300), "expected {want:e}, got {got:e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_exponentials_neither_overflow_nor_vanish() {
        near::near(ln_add_exp(1000.0, 1000.0), 1000.0 + 2f64.ln(), 1e-15);
        near::near(ln_add_exp(-1000.0, -1001.0), -1000.0 + (-1f64).exp().ln_1p(), 1e-15);
        assert_eq!(ln_add_exp(f64::NEG_INFINITY, 3.0), 3.0);
        assert_eq!(ln_sum_exp([]), f64::NEG_INFINITY);
        assert_eq!(ln_sum_exp([f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::NEG_INFINITY);
    }
}
