//! Times in which nothing rises, whatever a policy says.

use chrono::{DateTime, Utc};

/// A time in which no release starts or rises. The way back goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins; `None` if it has begun already.
    pub from: Option<DateTime<Utc>>,
    /// When it ends; `None` if somebody has to end it.
    pub until: Option<DateTime<Utc>>,
    /// Why, in words.
    pub reason: String,
    /// Where that is written, in words.
    pub by: String,
}

impl Freeze {
    /// Whether it holds now.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_freeze_holds_from_its_first_moment_until_just_before_its_end() {
        let (from, moment) = (DateTime::UNIX_EPOCH, TimeDelta::milliseconds(1));
        let until = from + TimeDelta::hours(1);
        let freeze = |from, until| Freeze { from, until, reason: "x".into(), by: "here".into() };
        let times = [from - moment, from, until - moment, until];
        let holds = |freeze: Freeze| times.map(|now| freeze.holds(now));
        assert_eq!(holds(freeze(Some(from), Some(until))), [false, true, true, false]);
        assert_eq!(holds(freeze(None, Some(until))), [true, true, true, false]);
        assert_eq!(holds(freeze(Some(from), None)), [false, true, true, true]);
        assert_eq!(holds(freeze(None, None)), [true; 4]);
    }
}
