//! What waits for one channel: in the order in which it happened within a release, nothing twice, and a receiver that is down is asked
//! ever more seldom. Pure: the time is an argument.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use messages::Notice;

use super::notices::Told;

/// The pause after the first failure; it doubles with each that follows.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// What waits longer than this is news no more.
pub const TOO_OLD: TimeDelta = TimeDelta::hours(24);
/// Notices of one release that wait, at most.
const OF_ONE_RELEASE: usize = 500;
/// Times that a receiver may refuse one notice for what it says.
const REFUSALS: u32 = 3;

/// A release by its namespace and UID.
pub type Key = (String, String);

/// What waits for one channel.
#[derive(Debug, Default)]
pub struct Queue {
    lines: BTreeMap<Key, Line>,
    /// Failures in a row.
    failures: u32,
    not_before: Option<DateTime<Utc>>,
    dropped: u32,
}

/// What waits of one release.
#[derive(Debug, Default)]
struct Line {
    /// The name of the release.
    release: String,
    waiting: VecDeque<Notice>,
    /// The number of the last notice that was looked at.
    seen: u64,
    /// The number up to which the receiver has everything that is for it.
    up_to: u64,
    /// What is written down of that.
    written: u64,
    thread: Option<String>,
    ended: bool,
    /// Notices that were taken or given up since that was written down.
    settled: u32,
    refusals: u32,
    /// When the last of it happened.
    latest: DateTime<Utc>,
}

impl Line {
    /// Where nothing waits, what was not for this channel needs no telling either.
    fn drained(&mut self) {
        if self.waiting.is_empty() {
            self.up_to = self.seen;
        }
    }

    /// The first one needs no telling any more.
    fn shift(&mut self) {
        let Some(first) = self.waiting.pop_front() else { return };
        (self.up_to, self.refusals) = (first.number, 0);
        self.settled += 1;
        self.drained();
    }
}

/// How far the receiver has been told of a release, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Namespace and UID of the release.
    pub key: Key,
    /// Its name.
    pub release: String,
    /// The number of the last notice that needs no telling any more.
    pub up_to: u64,
    /// What the first message is known by.
    pub thread: Option<String>,
}

impl Queue {
    /// What was written down before this controller started.
    pub fn remember(&mut self, key: Key, up_to: u64, thread: Option<String>, now: DateTime<Utc>) {
        let known = Line { seen: up_to, up_to, written: up_to, thread, latest: now, ..Line::default() };
        self.lines.entry(key).or_insert(known);
    }

    /// Something happened; `takes` says whether it is for this channel. What was looked at before is not looked at again.
    pub fn add(&mut self, told: Told, takes: bool) {
        let Told { notice, last } = told;
        let line = self.lines.entry((notice.namespace.clone(), notice.release_uid.clone())).or_default();
        if notice.number <= line.seen {
            return;
        }
        (line.seen, line.ended, line.latest) = (notice.number, last, notice.at);
        line.release.clone_from(&notice.release);
        if takes {
            line.waiting.push_back(notice);
        }
        if line.waiting.len() > OF_ONE_RELEASE {
            line.shift();
            self.dropped += 1;
        }
        line.drained();
    }

    /// What to send now: of all that is first in its release, the oldest; with the thread that it belongs to.
    pub fn next(&mut self, now: DateTime<Utc>) -> Option<(Notice, Option<String>)> {
        self.age(now);
        if self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let first = |line: &Line| Some((line.waiting.front()?.clone(), line.thread.clone()));
        self.lines.values().filter_map(first).min_by_key(|(notice, _)| notice.at)
    }

    /// When there is something to send, if anything waits.
    pub fn due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.pending() > 0).then(|| self.not_before.unwrap_or(now))
    }

    /// The receiver took it.
    pub fn delivered(&mut self, notice: &Notice, thread: Option<String>) {
        (self.failures, self.not_before) = (0, None);
        let anew = self.was_refused(notice);
        if let Some(line) = self.pop(notice)
            && thread.is_some()
            && (anew || line.thread.is_none())
        {
            line.thread = thread.filter(|t| t.len() <= 256);
        }
    }

    /// It could not be delivered now; not before `after`, where the receiver asked for that.
    pub fn failed(&mut self, now: DateTime<Utc>, after: Option<Duration>) {
        let pause = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(self.failures.min(16))).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let pause = pause.max(after.unwrap_or_default().min(TOO_OLD.to_std().unwrap_or_default()));
        self.not_before = Some(now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::minutes(2)));
    }

    /// The receiver refuses it for what it says. After some times it is given up, so that it is in nobody's way.
    pub fn refused(&mut self, notice: &Notice, now: DateTime<Utc>) {
        self.failed(now, None);
        let Some(line) = self.lines.get_mut(&key(notice)) else { return };
        line.refusals += 1;
        if line.refusals >= REFUSALS {
            self.hopeful();
            self.dropped += 1;
            self.pop(notice);
        }
    }

    /// Whether the receiver has refused this notice before: it is tried in plainer words.
    pub fn was_refused(&self, notice: &Notice) -> bool {
        self.lines.get(&key(notice)).is_some_and(|line| line.refusals > 0)
    }

    /// The channel was changed: what failed may go well now.
    pub fn hopeful(&mut self) {
        (self.failures, self.not_before) = (0, None);
    }

    /// How many notices wait.
    pub fn pending(&self) -> usize {
        self.lines.values().map(|l| l.waiting.len()).sum()
    }

    /// How many were given up.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// What has to be written down. What only passes by is written when the release ends.
    pub fn unwritten(&self) -> Vec<Progress> {
        let due = |line: &Line| line.up_to > line.written && (line.settled > 0 || line.ended);
        let progress = |(key, line): (&Key, &Line)| Progress {
            key: key.clone(),
            release: line.release.clone(),
            up_to: line.up_to,
            thread: line.thread.clone(),
        };
        self.lines.iter().filter(|(_, line)| due(line)).map(progress).collect()
    }

    /// It was written down.
    pub fn written(&mut self, progress: &Progress) {
        let Some(line) = self.lines.get_mut(&progress.key) else { return };
        line.written = line.written.max(progress.up_to);
        line.settled = 0;
        if line.ended && line.waiting.is_empty() && line.written == line.up_to {
            self.lines.remove(&progress.key);
        }
    }

    /// Gives up what is too old, and forgets releases that went away in the middle.
    fn age(&mut self, now: DateTime<Utc>) {
        self.lines.retain(|_, line| !line.waiting.is_empty() || now - line.latest <= TOO_OLD);
        for line in self.lines.values_mut() {
            while line.waiting.front().is_some_and(|n| now - n.at > TOO_OLD) {
                line.shift();
                self.dropped += 1;
            }
        }
    }

    /// Takes a notice out of its line, if it is the first.
    fn pop(&mut self, notice: &Notice) -> Option<&mut Line> {
        let line = self.lines.get_mut(&key(notice))?;
        if line.waiting.front().is_none_or(|first| first.number != notice.number) {
            return None;
        }
        line.shift();
        Some(line)
    }
}

fn key(notice: &Notice) -> Key {
    (notice.namespace.clone(), notice.release_uid.clone())
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
