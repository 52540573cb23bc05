//! How a channel does, as its status says it.

use chrono::{DateTime, TimeDelta, Utc};
use crds::{NotificationChannelStatus, condition};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::send::Outcome;

/// How often numbers alone are written, at most.
const NUMBERS: TimeDelta = TimeDelta::seconds(30);

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    state: State,
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
        Self { state: State::Failing("Misconfigured", why.into()), last_delivered: None }
    }

    /// The channel was written anew: what was wrong may be mended.
    pub fn changed(&mut self) {
        if let State::Failing(..) = self.state {
            self.state = State::Untried;
        }
    }

    /// Something was sent.
    pub fn sent(&mut self, outcome: &Outcome, now: DateTime<Utc>) {
        self.state = match outcome {
            Outcome::Delivered(_) => {
                self.last_delivered = Some(now);
                State::Well
            }
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
