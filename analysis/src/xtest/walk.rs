//! The distribution of a sum of counts that has not yet crossed a bound.

use super::pmf::Pmf;

/// At the low end as much mass as this is folded into its neighbour.
const NEGLIGIBLE_BELOW: f64 = 1e-17;
/// Cells below this at the high end are forgotten.
const NEGLIGIBLE_ABOVE: f64 = 1e-60;

/// `P(sum = s and no bound crossed so far)` for s = `first`, `first + 1`, ...; 0 elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    first: u64,
    mass: Vec<f64>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { first: 0, mass: vec![1.0] }
    }
}

impl Walk {
    /// Adds an independent count: a convolution, then the ends are trimmed.
    ///
    /// What is trimmed at the low end goes to the lowest cell that stays, so that the sum can only seem larger and the test errs on the
    /// side of not rejecting.
    pub fn add(&mut self, pmf: &Pmf) {
        if self.mass.is_empty() {
            return;
        }
        let weights = pmf.weights();
        let mut mass = vec![0.0; self.mass.len() + weights.len() - 1];
        let mut spread = |shift: usize, by: f64, over: &[f64]| {
            mass[shift..].iter_mut().zip(over).for_each(|(cell, of)| *cell += by * of);
        };
        // The longer one goes inside, where it is quick; each cell gets its parts in the same order either way.
        if self.mass.len() < weights.len() {
            self.mass.iter().enumerate().for_each(|(shift, have)| spread(shift, *have, weights));
        } else {
            weights.iter().enumerate().rev().for_each(|(shift, weight)| spread(shift, *weight, &self.mass));
        }
        let high = mass.iter().rposition(|m| *m > NEGLIGIBLE_ABOVE).unwrap_or(0);
        mass.truncate(high + 1);
        let mut low = 0.0;
        let small = |m: &&f64| {
            let fits = low + **m <= NEGLIGIBLE_BELOW;
            low += if fits { **m } else { 0.0 };
            fits
        };
        let dropped = mass.iter().take(high).take_while(small).count();
        mass.drain(..dropped);
        mass[0] += low;
        self.first += pmf.first() + dropped as u64;
        self.mass = mass;
    }

    /// `P(sum >= s and no bound crossed so far)`, summed from the small end upward.
    pub fn tail(&self, s: u64) -> f64 {
        let from = (s.saturating_sub(self.first) as usize).min(self.mass.len());
        self.mass[from..].iter().rev().sum()
    }

    /// The least s of the support whose tail is at most `available`, with that tail; none where even the top has more.
    pub fn bound(&self, available: f64) -> Option<(u64, f64)> {
        if available <= 0.0 {
            return None;
        }
        let mut tail = 0.0;
        let mut found = None;
        for (index, mass) in self.mass.iter().enumerate().rev() {
            let next = tail + mass;
            if next > available {
                break;
            }
            tail = next;
            found = Some((self.first + index as u64, tail));
        }
        found
    }

    /// The least sum that has no mass, nor any above it: one that is reached cannot be by chance. None when all is cut.
    pub fn end(&self) -> Option<u64> {
        (!self.mass.is_empty()).then(|| self.first + self.mass.len() as u64)
    }

    /// Takes away all that is at or above the bound; tells how much that was.
    pub fn cut(&mut self, bound: u64) -> f64 {
        let gone = self.tail(bound);
        self.mass.truncate(bound.saturating_sub(self.first) as usize);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::near::near;

    fn coin() -> Pmf {
        Pmf::from_weights(0, vec![0.5, 0.5]).unwrap()
    }

    #[test]
    fn three_coins_show_two_heads_in_three_of_eight() {
        let mut walk = Walk::default();
        (0..3).for_each(|_| walk.add(&coin()));
        assert_eq!((walk.tail(2) - walk.tail(3), walk.tail(0), walk.tail(4)), (0.375, 1.0, 0.0));
    }

    #[test]
    fn a_long_walk_and_a_short_count_give_what_a_short_walk_and_a_long_count_give() {
        let (short, long) =
            (Pmf::binomial(3, crate::Rate::new(0.3).unwrap()), Pmf::binomial(40, crate::Rate::new(0.1).unwrap()));
        let walk = |first: &Pmf, second: &Pmf| {
            let mut walk = Walk::default();
            walk.add(first);
            walk.add(second);
            walk
        };
        let by_hand = |s: usize| -> f64 {
            (0..=s.min(3)).filter_map(|k| Some(short.weights()[k] * long.weights().get(s - k)?)).sum()
        };
        let (one, other) = (walk(&short, &long), walk(&long, &short));
        for s in 0..20 {
            near(one.mass[s], by_hand(s), 1e-14);
            near(other.mass[s], one.mass[s], 1e-14);
        }
    }

    #[test]
    fn the_bound_is_the_least_sum_whose_tail_is_affordable() {
        let mut walk = Walk::default();
        (0..3).for_each(|_| walk.add(&coin()));
        assert_eq!(walk.bound(0.125), Some((3, 0.125)));
        assert_eq!(walk.bound(0.124), None);
        assert_eq!(walk.bound(0.6), Some((2, 0.5)));
        assert_eq!(walk.bound(0.0), None);
    }

    #[test]
    fn what_is_cut_never_comes_back_and_nothing_is_left_of_nothing() {
        let mut walk = Walk::default();
        walk.add(&coin());
        assert_eq!(walk.cut(1), 0.5);
        walk.add(&coin());
        assert_eq!(walk.tail(0), 0.5);
        walk.cut(0);
        walk.add(&coin());
        assert_eq!((walk.tail(0), walk.bound(0.5)), (0.0, None));
    }

    #[test]
    fn trimming_the_low_end_loses_no_mass() {
        let mut walk = Walk::default();
        let pmf = Pmf::binomial(2_000, crate::Rate::new(0.3).unwrap());
        (0..30).for_each(|_| walk.add(&pmf));
        near(walk.tail(0), 1.0, 1e-12);
        assert!(walk.first > 10_000 && walk.mass.len() < 3_500, "{} {}", walk.first, walk.mass.len());
    }
}
