//! How a channel does, as its status says it.

use chrono::{DateTime, TimeDelta, Utc};
use crds::{NotificationChannelStatus, condition};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::send::Outcome;

/// A receiver that stumbles is not worth a word: so many failures in a row are.
const WORTH_TELLING: u32 = 3;

/// How often numbers alone are written, at most.
const NUMBERS: TimeDelta = TimeDelta::seconds(30);

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    state: State,
    /// In a row, for want of an answer.
    failures: u32,
    last_delivered: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum State {
    /// Nothing was sent yet.
    #[default]
    Untried,
    Well,
    Failing(&'static str, String),
}

impl Health {
    /// The channel cannot be used at all.
    pub fn broken(why: &str) -> Self {
        Self { state: State::Failing("Misconfigured", why.into()), ..Self::default() }
    }

    /// The channel was written anew: what was wrong may be mended.
    pub fn changed(&mut self) {
        if let State::Failing(..) = self.state {
            self.state = State::Untried;
        }
    }

    /// Something was sent.
    pub fn sent(&mut self, outcome: &Outcome, now: DateTime<Utc>) {
        self.failures = if let Outcome::Failed(..) = outcome { self.failures + 1 } else { 0 };
        self.state = match outcome {
            Outcome::Delivered(_) => {
                self.last_delivered = Some(now);
                State::Well
            }
            Outcome::Failed(..) if self.failures < WORTH_TELLING => return,
            Outcome::Failed(why, _) => State::Failing("Unreachable", format!("{why}; it is tried again and again")),
            Outcome::Misconfigured(why) => State::Failing("Misconfigured", why.clone()),
            Outcome::Refused(why) => State::Failing("Refused", why.clone()),
        };
    }

    /// The status that follows from it and from the one before.
    pub fn status(
        &self,
        before: &NotificationChannelStatus,
        (pending, dropped): (usize, u32),
        generation: i64,
        now: DateTime<Utc>,
    ) -> NotificationChannelStatus {
        let (ready, reason, message) = match &self.state {
            State::Untried => (None, "Untried", "nothing has been sent yet"),
            State::Well => (Some(true), "Delivered", "the last message was delivered"),
            State::Failing(reason, why) => (Some(false), *reason, why.as_str()),
        };
        let mut conditions = before.conditions.clone();
        let new = condition::condition(condition::READY, ready, reason, message, generation, time(now));
        condition::set(&mut conditions, new);
        NotificationChannelStatus {
            observed_generation: Some(generation),
            last_delivered: self.last_delivered.map(time).or_else(|| before.last_delivered.clone()),
            pending: i32::try_from(pending).unwrap_or(i32::MAX),
            dropped: i32::try_from(dropped).unwrap_or(i32::MAX),
            conditions,
        }
    }
}

/// Whether a status is worth a write: at once when it says something else, and now and then where only numbers differ.
pub fn worth_writing(
    before: &NotificationChannelStatus,
    next: &NotificationChannelStatus,
    written: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> bool {
    let says = |s: &NotificationChannelStatus| {
        let conditions = s.conditions.iter().map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone()));
        (s.observed_generation, s.pending == 0, conditions.collect::<Vec<_>>())
    };
    if before == next {
        return false;
    }
    says(before) != says(next) || written.is_none_or(|at| now - at >= NUMBERS)
}

fn time(at: DateTime<Utc>) -> Time {
    Time(Timestamp::from_second(at.timestamp()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_345_200, 0).unwrap_or_default()
    }

    fn says(health: &Health) -> (String, String) {
        let status = health.status(&NotificationChannelStatus::default(), (0, 0), 1, now());
        (status.conditions[0].status.clone(), status.conditions[0].reason.clone())
    }

    #[test]
    fn a_receiver_that_stumbles_is_not_told_of_and_one_that_is_down_is() {
        let failed = Outcome::Failed("no answer".into(), None);
        let mut health = Health::default();
        assert_eq!(says(&health), ("Unknown".into(), "Untried".into()));
        health.sent(&Outcome::Delivered(None), now());
        for _ in 1..WORTH_TELLING {
            health.sent(&failed, now());
            assert_eq!(says(&health), ("True".into(), "Delivered".into()));
        }
        health.sent(&failed, now());
        assert_eq!(says(&health), ("False".into(), "Unreachable".into()));
        health.sent(&Outcome::Delivered(None), now());
        health.sent(&failed, now());
        assert_eq!(says(&health), ("True".into(), "Delivered".into()));
    }

    #[test]
    fn what_a_person_has_to_mend_is_told_at_once_and_forgotten_when_the_channel_is_changed() {
        let mut health = Health::default();
        health.sent(&Outcome::Misconfigured("Secret shop/channels is missing".into()), now());
        assert_eq!(says(&health), ("False".into(), "Misconfigured".into()));
        health.changed();
        assert_eq!(says(&health), ("Unknown".into(), "Untried".into()));
    }

    #[test]
    fn numbers_alone_are_written_now_and_then() {
        let mut health = Health::default();
        health.sent(&Outcome::Delivered(None), now());
        let at = |pending, seconds| {
            let before = NotificationChannelStatus::default();
            health.status(&before, (pending, 0), 1, now() + TimeDelta::seconds(seconds))
        };
        let (before, later) = (at(2, 0), now() + TimeDelta::seconds(5));
        assert!(!worth_writing(&before, &before, Some(now()), later));
        assert!(!worth_writing(&before, &at(3, 0), Some(now()), later));
        assert!(worth_writing(&before, &at(3, 0), Some(now()), now() + NUMBERS));
        assert!(worth_writing(&before, &at(0, 0), Some(now()), later), "that nothing waits any more is told at once");
    }
}
