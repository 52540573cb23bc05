//! Fractions that hold over short windows, without a random source.

use std::fmt;
use std::str::FromStr;

const MILLION: u128 = 1_000_000;
/// 2^64 divided by the golden ratio: the most even irrational rotation there is.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A fraction from 0 to 1, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);

    /// Whether number `n` of a sequence belongs to the share, by error diffusion.
    ///
    /// Of any `k` consecutive numbers, the count that belongs differs from `k * share` by less than 1.
    pub fn diffused(self, n: u64) -> bool {
        let whole = |n: u128| n * u128::from(self.0) / MILLION;
        whole(u128::from(n) + 1) != whole(u128::from(n))
    }

    /// Whether number `n` belongs to the share, by a golden-ratio rotation.
    ///
    /// Nearly as even as [`Share::diffused`], and never in step with it: two decisions about the same
    /// sequence of requests do not fall on the same requests.
    pub fn scattered(self, n: u64) -> bool {
        self.drawn(n.wrapping_mul(GOLDEN))
    }

    /// Whether an even draw from all numbers of 64 bits falls into the share.
    pub fn drawn(self, draw: u64) -> bool {
        u128::from(draw) * MILLION < u128::from(self.0) << 64
    }

    /// The share as a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("{text} is not between 0 and 1"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Share((share * 1e6).round() as u32))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        text.parse().unwrap()
    }

    #[test]
    fn diffusion_is_exact_to_one_over_every_window() {
        for (text, rate) in [("0.33", 0.33), ("0.01", 0.01), ("0.5", 0.5), ("0.999", 0.999)] {
            let hits: Vec<bool> = (0..2_000).map(|n| share(text).diffused(n)).collect();
            for length in [10, 100, 1_000] {
                for window in hits.windows(length) {
                    let count = window.iter().filter(|hit| **hit).count() as f64;
                    let want = rate * length as f64;
                    assert!((count - want).abs() < 1.001, "{text}: {count} of {length}");
                }
            }
        }
    }

    #[test]
    fn none_and_all_mean_none_and_all() {
        assert!((0..100).all(|n| !Share::NONE.diffused(n) && !Share::NONE.scattered(n)));
        assert!((0..100).all(|n| share("1").diffused(n) && share("1").scattered(n)));
    }

    #[test]
    fn scattering_keeps_the_share_within_a_few_of_a_short_run() {
        for (text, rate) in [("0.5", 0.5), ("0.25", 0.25), ("0.9", 0.9)] {
            for from in [0, 1_000, 77_777] {
                let hits = (from..from + 400).filter(|n| share(text).scattered(*n)).count() as f64;
                assert!((hits - rate * 400.0).abs() <= 4.0, "{text} from {from}: {hits}");
            }
        }
    }

    #[test]
    fn a_draw_belongs_when_it_lies_below_the_share_of_all_numbers() {
        assert!(share("0.25").drawn(u64::MAX / 4) && !share("0.25").drawn(u64::MAX / 4 + 2));
        assert!(share("1").drawn(u64::MAX) && !Share::NONE.drawn(0));
    }

    #[test]
    fn scattering_is_not_in_step_with_diffusion() {
        let (half, both) = (share("0.5"), |n: &u64| share("0.5").diffused(*n) && share("0.5").scattered(*n));
        assert_eq!((0..1_000).filter(|n| half.diffused(*n)).count(), 500);
        let overlap = (0..1_000).filter(both).count();
        assert!((240..=260).contains(&overlap), "{overlap}");
    }

    #[test]
    fn a_fraction_outside_zero_to_one_is_refused() {
        for text in ["1.01", "-0.1", "NaN", "inf", "x", ""] {
            assert!(text.parse::<Share>().is_err(), "{text:?} was accepted");
        }
    }
}
