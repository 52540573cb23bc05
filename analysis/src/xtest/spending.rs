//! How much of the error probability may have been spent by when.

use crate::Progress;

/// The share of alpha that may have been spent at this progress: `0.9 u` up to the planned end, `1 - 0.1/u` beyond.
///
/// An alpha spending function (Lan & DeMets 1983) that never reaches 1, so that a rollout which is held or extended goes on
/// being watched.
pub fn spending(u: Progress) -> f64 {
    let u = u.get();
    if u <= 1.0 { 0.9 * u } else { 1.0 - 0.1 / u }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spending_grows_without_a_jump_and_never_reaches_all() {
        let g = |u: f64| spending(Progress::new(u).unwrap());
        assert_eq!((g(0.0), g(1.0)), (0.0, 0.9));
        assert!(g(1.0 + 1e-9) - g(1.0) < 1e-8);
        let mut before = -1.0;
        for step in 0..100_000 {
            let now = g(f64::from(step) / 100.0);
            assert!(now > before && now < 1.0);
            before = now;
        }
    }
}
