//! Has the routing gone over from one share to another? Counts of requests tell, before anything hangs on it.
//!
//! The likelihood ratio of the two shares decides between them at 100 to 1 (Wald 1945). Whether the split is the right one, once
//! it has gone over, is [`crate::srm`]'s question.

use crate::Invalid;

/// No share is taken to be nearer to nothing, or to everything, than this: one stray request must not settle it.
const NEAREST: f64 = 0.001;
/// So much more likely must one share be than the other.
const ODDS: f64 = 100.0;

/// A change of the candidate's share of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    from: f64,
    to: f64,
}

/// Which of two shares the proxies give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The new one.
    Yes,
    /// Still the old one.
    No,
    /// Too few requests to tell, or a share that is neither of the two.
    Unknown,
}

impl Move {
    /// From one share to another, each from 0 to 1.
    ///
    /// # Errors
    ///
    /// When a share is not from 0 to 1, or not a number.
    pub fn new(from: f64, to: f64) -> Result<Self, Invalid> {
        let share = |value: f64| {
            let good = (0.0..=1.0).contains(&value);
            let wanted = "a share from 0 to 1, such as 0.05 for 5 %";
            if good { Ok(value.clamp(NEAREST, 1.0 - NEAREST)) } else { Err(Invalid { name: "share", value, wanted }) }
        };
        Ok(Self { from: share(from)?, to: share(to)? })
    }

    /// What requests since the change say: those of the candidate among all of them.
    pub fn judge(self, candidate: u64, all: u64) -> Moved {
        let evidence = self.evidence(candidate, all);
        if evidence > ODDS.ln() {
            Moved::Yes
        } else if evidence < -ODDS.ln() {
            Moved::No
        } else {
            Moved::Unknown
        }
    }

    /// The logarithm of how much likelier these requests are with the new share than with the old one.
    pub fn evidence(self, candidate: u64, all: u64) -> f64 {
        let rest = all.saturating_sub(candidate) as f64;
        candidate as f64 * (self.to / self.from).ln() + rest * ((1.0 - self.to) / (1.0 - self.from)).ln()
    }

    /// How many requests it takes on average to see that the new share is in force; infinite where nothing changes.
    pub fn requests(self) -> f64 {
        let each = self.to * (self.to / self.from).ln() + (1.0 - self.to) * ((1.0 - self.to) / (1.0 - self.from)).ln();
        if each > 0.0 { ODDS.ln() / each } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn from(from: f64, to: f64) -> Move {
        Move::new(from, to).unwrap()
    }

    #[test]
    fn the_smaller_the_change_the_more_requests_it_takes_to_see_it() {
        let needed = [
            (0.0, 0.01, 328.0),
            (0.0, 0.05, 32.0),
            (0.0, 0.1, 13.0),
            (0.05, 0.1, 223.0),
            (0.1, 0.2, 104.0),
            (0.2, 0.5, 21.0),
            (0.5, 1.0, 7.0),
            (0.1, 0.0, 47.0),
        ];
        for (old, new, requests) in needed {
            assert_eq!(from(old, new).requests().ceil(), requests, "{old} to {new}");
        }
        assert_eq!(from(0.3, 0.3).requests(), f64::INFINITY);
    }

    #[test]
    fn requests_speak_for_one_share_or_the_other_or_for_neither_yet() {
        let first = from(0.0, 0.1);
        assert_eq!([first.judge(0, 0), first.judge(0, 44), first.judge(1, 20)], [Moved::Unknown; 3]);
        // 45 requests without one of the candidate are a hundred times likelier at 0.1 % than at 10 %.
        assert_eq!(first.judge(0, 45), Moved::No);
        assert_eq!(first.judge(2, 20), Moved::Yes);
        let back = from(0.1, 0.0);
        assert_eq!([back.judge(0, 47), back.judge(5, 47)], [Moved::Yes, Moved::No]);
    }

    #[test]
    fn one_stray_request_does_not_settle_that_nothing_or_everything_has_gone_over() {
        assert_eq!(from(0.0, 0.5).judge(1, 30), Moved::No);
        assert_eq!(from(0.5, 0.0).judge(1, 30), Moved::Yes);
        assert_eq!(from(0.5, 1.0).judge(29, 30), Moved::Yes);
    }

    #[test]
    fn there_and_back_weigh_the_same_and_more_requests_than_all_are_all() {
        let (there, back) = (from(0.05, 0.4), from(0.4, 0.05));
        assert!((there.evidence(7, 31) + back.evidence(7, 31)).abs() < 1e-12);
        assert_eq!(there.evidence(9, 8), there.evidence(9, 9));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for wrong in [-0.1, 1.1, 50.0, f64::NAN, f64::INFINITY] {
            assert!(Move::new(0.1, wrong).is_err() && Move::new(wrong, 0.1).is_err(), "{wrong}");
        }
        assert!(Move::new(0.1, 50.0).unwrap_err().to_string().contains("such as 0.05 for 5 %"));
    }
}
