//! Several metrics, one release: shares of the error probability, and merging of e-values.

use crate::Alpha;
use crate::special::ln_sum_exp;

/// Evidence against a hypothesis: a number of at least 0 whose mean is at most 1 if the hypothesis holds. Kept as its
/// logarithm, since it has no upper bound.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct EValue {
    ln: f64,
}

/// Why values cannot be merged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MergeError {
    /// Below 0 or NaN.
    #[error("{0} is no e-value; it must be a number of at least 0")]
    NotAnEValue(f64),
    /// Outside 0 to 1 or NaN.
    #[error("{0} is no p-value; it must be between 0 and 1")]
    NotAPValue(f64),
    /// Not a false discovery rate.
    #[error("{0} is no rate; it must be above 0 and at most 1")]
    NotARate(f64),
    /// A weight is negative or not finite, or they are all 0.
    #[error("weights must be finite, none below 0 and not all of them 0")]
    BadWeights,
    /// Not one weight for each value.
    #[error("{weights} weights for {values} values; give one for each")]
    Uneven {
        /// How many weights there are.
        weights: usize,
        /// How many values there are.
        values: usize,
    },
}

impl EValue {
    /// From the number itself; infinity is the strongest evidence there is.
    ///
    /// # Errors
    ///
    /// [`MergeError::NotAnEValue`].
    pub fn new(e: f64) -> Result<Self, MergeError> {
        if e >= 0.0 { Ok(Self { ln: e.ln() }) } else { Err(MergeError::NotAnEValue(e)) }
    }

    /// From its natural logarithm; minus infinity is 0.
    ///
    /// # Errors
    ///
    /// [`MergeError::NotAnEValue`] for NaN.
    pub fn from_ln(ln: f64) -> Result<Self, MergeError> {
        if ln.is_nan() { Err(MergeError::NotAnEValue(ln)) } else { Ok(Self { ln }) }
    }

    /// `1 / (2 sqrt(p))`, a calibrator of p-values (Vovk and Wang 2021).
    ///
    /// # Errors
    ///
    /// [`MergeError::NotAPValue`].
    pub fn from_p(p: f64) -> Result<Self, MergeError> {
        if (0.0..=1.0).contains(&p) {
            Ok(Self { ln: -(2f64.ln() + p.ln() / 2.0) })
        } else {
            Err(MergeError::NotAPValue(p))
        }
    }

    /// Natural logarithm.
    pub fn ln(self) -> f64 {
        self.ln
    }

    /// The number itself; infinite where it is too large.
    pub fn value(self) -> f64 {
        self.ln.exp()
    }
}

/// Shares that add up to 1, from weights in any unit.
///
/// # Errors
///
/// [`MergeError::BadWeights`].
pub fn shares(weights: &[f64]) -> Result<Vec<f64>, MergeError> {
    let greatest = weights.iter().copied().fold(0.0, f64::max);
    if weights.iter().any(|w| !w.is_finite() || *w < 0.0) || greatest == 0.0 {
        return Err(MergeError::BadWeights);
    }
    // By the greatest first, so that the sum cannot overflow.
    let scaled: Vec<f64> = weights.iter().map(|w| w / greatest).collect();
    let sum: f64 = scaled.iter().sum();
    Ok(scaled.into_iter().map(|w| w / sum).collect())
}

/// What each metric may spend of the release's probability `alpha` of a false rollback. By the union bound the release
/// keeps `alpha` whatever depends on what.
///
/// # Errors
///
/// [`MergeError::BadWeights`].
pub fn alpha_shares(alpha: Alpha, weights: &[f64]) -> Result<Vec<Alpha>, MergeError> {
    Ok(shares(weights)?.into_iter().map(|share| alpha.share(share)).collect())
}

/// The weighted mean, itself an e-value against "every hypothesis holds", whatever depends on what; no other way of
/// merging is admissible then (Wang 2024, arXiv 2409.19888).
///
/// # Errors
///
/// [`MergeError::BadWeights`] and [`MergeError::Uneven`].
pub fn weighted_mean(values: &[EValue], weights: &[f64]) -> Result<EValue, MergeError> {
    if values.len() != weights.len() {
        return Err(MergeError::Uneven { weights: weights.len(), values: values.len() });
    }
    let shares = shares(weights)?;
    // A share of 0 leaves its value out even if that is infinite.
    let counted = values.iter().zip(shares).filter(|(_, share)| *share > 0.0);
    let terms: Vec<f64> = counted.map(|(e, share)| share.ln() + e.ln).collect();
    // Infinite evidence less infinite evidence is no number, but there is none to take away.
    let ln = if terms.contains(&f64::INFINITY) { f64::INFINITY } else { ln_sum_exp(terms) };
    Ok(EValue { ln })
}

/// The values to be blamed at a false discovery rate, by their places in the list, in its order: the `k` largest for the
/// greatest `k` with `k e_(k) / K >= 1 / rate` (e-BH: Wang and Ramdas 2022). Valid whatever depends on what.
///
/// # Errors
///
/// [`MergeError::NotARate`].
pub fn e_bh(values: &[EValue], rate: f64) -> Result<Vec<usize>, MergeError> {
    if !(rate > 0.0 && rate <= 1.0) {
        return Err(MergeError::NotARate(rate));
    }
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|a, b| values[*b].ln.total_cmp(&values[*a].ln));
    let enough = |k: usize| values[places[k - 1]].ln >= (values.len() as f64 / (k as f64 * rate)).ln();
    let blamed = (1..=values.len()).rev().find(|k| enough(*k)).unwrap_or(0);
    places.truncate(blamed);
    places.sort_unstable();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn e(value: f64) -> EValue {
        EValue::new(value).unwrap()
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let alpha = |value| Alpha::new(value).unwrap();
        assert_eq!(alpha_shares(alpha(0.01), &[1.0, 3.0]), Ok(vec![alpha(0.0025), alpha(0.0075)]));
        assert_eq!(shares(&[f64::MAX, f64::MAX]), Ok(vec![0.5, 0.5]));
    }

    #[test]
    fn weights_that_share_nothing_are_refused() {
        for bad in [vec![], vec![0.0], vec![1.0, -1.0], vec![f64::NAN], vec![f64::INFINITY, 1.0]] {
            assert_eq!(shares(&bad), Err(MergeError::BadWeights), "{bad:?}");
        }
        assert_eq!(weighted_mean(&[e(1.0)], &[]), Err(MergeError::Uneven { weights: 0, values: 1 }));
    }

    #[test]
    fn a_value_too_large_for_a_number_is_still_merged() {
        let huge = EValue::from_ln(2000.0).unwrap();
        let merged = weighted_mean(&[huge, e(0.0)], &[1.0, 1.0]).unwrap();
        assert!((merged.ln() - (2000.0 - 2f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn what_is_neither_an_e_value_nor_a_p_value_is_refused() {
        assert!(EValue::new(-1.0).is_err() && EValue::new(f64::NAN).is_err() && EValue::from_ln(f64::NAN).is_err());
        assert!(EValue::from_p(1.5).is_err() && EValue::from_p(f64::NAN).is_err());
        assert!((EValue::from_p(0.0001).unwrap().value() - 50.0).abs() < 1e-10);
    }

    #[test]
    fn nobody_is_blamed_without_evidence() {
        assert_eq!(e_bh(&[e(1.0), e(9.0)], 0.1), Ok(vec![]));
        assert_eq!(e_bh(&[], 0.1), Ok(vec![]));
        assert!(e_bh(&[], 0.0).is_err());
    }

    proptest! {
        #[test]
        fn any_values_merge_to_something_between_them(
            ln in prop::collection::vec(any::<f64>().prop_filter("a number", |x| !x.is_nan()), 1..6),
            weight in 0.1_f64..10.0,
        ) {
            let values: Vec<_> = ln.iter().map(|ln| EValue::from_ln(*ln).unwrap()).collect();
            let mut weights = vec![1.0; values.len()];
            weights[0] = weight;
            let merged = weighted_mean(&values, &weights).unwrap().ln();
            let low = ln.iter().copied().fold(f64::INFINITY, f64::min);
            let high = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let slack = 1e-9 * high.abs().clamp(1.0, 1e300);
            prop_assert!(merged >= low - slack && merged <= high + slack);
            prop_assert!(e_bh(&values, 0.1).unwrap().len() <= values.len());
        }
    }
}
