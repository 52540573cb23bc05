//! Keeps the books: every launch and every end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::latency::Histogram;
use super::outcome::{Answer, Outcome, Trouble};
use crate::report::{Answers, Cause, Counts, ErrorAnswer, Failure, Identity, Mark, Report, Second, Tally, Target};

/// Entries kept of each list; the tallies count all.
const KEPT: usize = 1_000;
/// Marks kept.
const MARKS: usize = 200;

/// Shared by everything that sends or tells.
#[derive(Debug)]
pub struct Recorder(Mutex<Books>);

#[derive(Debug)]
struct Books {
    started_ms: u64,
    max_lag: Duration,
    targets: Vec<Account>,
    failures: Vec<Failure>,
    error_answers: Vec<ErrorAnswer>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Account {
    name: String,
    url: String,
    fresh: Tally,
    kept: Tally,
    /// By version, then host name.
    identities: BTreeMap<(String, String), Identity>,
    causes: BTreeMap<Cause, u64>,
    statuses: BTreeMap<String, u64>,
    latency: Histogram,
    series: BTreeMap<u64, Second>,
}

/// One end of a request.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The target's place in the list.
    pub target: usize,
    /// Whether it had a connection of its own.
    pub fresh: bool,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// How long after the launch.
    pub took: Duration,
}

impl Recorder {
    /// Empty books for these targets (name and URL).
    pub fn new(started_ms: u64, targets: impl IntoIterator<Item = (String, String)>) -> Recorder {
        let targets = targets.into_iter().map(|(name, url)| Account::new(name, url)).collect();
        Recorder(Mutex::new(Books {
            started_ms,
            max_lag: Duration::ZERO,
            targets,
            failures: Vec::new(),
            error_answers: Vec::new(),
            marks: Vec::new(),
        }))
    }

    /// A request was launched, this long after it was due.
    pub fn launched(&self, target: usize, fresh: bool, lag: Duration) {
        let mut books = self.books();
        books.max_lag = books.max_lag.max(lag);
        books.targets[target].tally(fresh).sent += 1;
    }

    /// A request ended.
    pub fn ended(&self, end: End, outcome: Outcome) {
        let mut books = self.books();
        let second = end.at_ms.saturating_sub(books.started_ms) / 1_000;
        let tally = books.targets[end.target].tally(end.fresh);
        tally.retried += u64::from(outcome.retried);
        tally.renewed += u64::from(outcome.renewed);
        match outcome.result {
            Ok(answer) => books.answered(end, second, answer),
            Err(trouble) => books.failed(end, second, outcome.retried, trouble),
        }
    }

    /// Records a mark, unless there are too many.
    pub fn mark(&self, name: &str, at_ms: u64) -> Option<Mark> {
        let mut books = self.books();
        let mark = Mark { name: name.to_owned(), at_ms, counts: books.counts() };
        (books.marks.len() < MARKS).then(|| books.marks.push(mark.clone()))?;
        Some(mark)
    }

    /// The counts of every target.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.books().counts()
    }

    /// Everything that is counted here; the rest of the report is left at its default.
    pub fn report(&self) -> Report {
        let books = self.books();
        let targets = books.targets.iter().map(|a| (a.name.clone(), a.target()));
        Report {
            started_ms: books.started_ms,
            max_lag_ms: u64::try_from(books.max_lag.as_millis()).unwrap_or(u64::MAX),
            targets: targets.collect(),
            failures: books.failures.clone(),
            error_answers: books.error_answers.clone(),
            marks: books.marks.clone(),
            ..Report::default()
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn answered(&mut self, end: End, second: u64, answer: Answer) {
        self.targets[end.target].answered(end, second, &answer);
        if !answer.good && self.error_answers.len() < KEPT {
            self.error_answers.push(ErrorAnswer {
                at_ms: end.at_ms,
                phase: self.phase(),
                target: self.targets[end.target].name.clone(),
                fresh: end.fresh,
                status: answer.status,
                hostname: answer.hostname,
                version: answer.version,
            });
        }
    }

    fn failed(&mut self, end: End, second: u64, retried: bool, trouble: Trouble) {
        let account = &mut self.targets[end.target];
        account.tally(end.fresh).failed += 1;
        *account.causes.entry(trouble.cause).or_default() += 1;
        account.second(second).failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(Failure {
                at_ms: end.at_ms,
                phase: self.phase(),
                target: self.targets[end.target].name.clone(),
                fresh: end.fresh,
                retried,
                cause: trouble.cause,
                detail: trouble.detail,
            });
        }
    }

    fn phase(&self) -> Option<String> {
        self.marks.last().map(|mark| mark.name.clone())
    }

    fn counts(&self) -> BTreeMap<String, Counts> {
        self.targets.iter().map(|a| (a.name.clone(), a.counts())).collect()
    }
}

impl Account {
    fn new(name: String, url: String) -> Account {
        Account {
            name,
            url,
            fresh: Tally::default(),
            kept: Tally::default(),
            identities: BTreeMap::new(),
            causes: BTreeMap::new(),
            statuses: BTreeMap::new(),
            latency: Histogram::default(),
            series: BTreeMap::new(),
        }
    }

    fn tally(&mut self, fresh: bool) -> &mut Tally {
        if fresh { &mut self.fresh } else { &mut self.kept }
    }

    fn second(&mut self, second: u64) -> &mut Second {
        let empty = || Second { second, ..Second::default() };
        self.series.entry(second).or_insert_with(empty)
    }

    fn answered(&mut self, end: End, second: u64, answer: &Answer) {
        let (ok, errors) = (u64::from(answer.good), u64::from(!answer.good));
        let tally = self.tally(end.fresh);
        tally.answered += 1;
        tally.ok += ok;
        tally.errors += errors;
        *self.statuses.entry(answer.status.clone()).or_default() += 1;
        self.latency.observe(end.took);

        let versions = &mut self.second(second).versions;
        let now = versions.entry(answer.version.clone()).or_default();
        now.ok += ok;
        now.errors += errors;
        now.fresh += u64::from(end.fresh);

        let key = (answer.version.clone(), answer.hostname.clone());
        let identity = self.identities.entry(key).or_insert_with(|| Identity {
            hostname: answer.hostname.clone(),
            version: answer.version.clone(),
            first_ms: end.at_ms,
            ..Identity::default()
        });
        let answers = if end.fresh { &mut identity.fresh } else { &mut identity.kept };
        *answers = Answers { ok: answers.ok + ok, errors: answers.errors + errors };
        identity.last_ms = end.at_ms;
        if end.fresh {
            identity.last_fresh_ms = Some(end.at_ms);
        }
        if !answer.good {
            identity.first_error_ms.get_or_insert(end.at_ms);
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            total: self.fresh.plus(self.kept),
            fresh: self.fresh,
            kept: self.kept,
            identities: self.identities.values().cloned().collect(),
        }
    }

    fn target(&self) -> Target {
        Target {
            url: self.url.clone(),
            counts: self.counts(),
            causes: self.causes.clone(),
            statuses: self.statuses.clone(),
            latency: self.latency.summary(),
            series: self.series.values().cloned().collect(),
        }
    }
}
