//! What became of every request, and what can be asked about it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{clock::Moment, traffic::Server};

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The proxy knows no such route, or one that sends to nobody.
    NoBackend,
    /// The proxy knows no endpoint.
    NoEndpoint,
    /// The pod no longer exists.
    PodGone,
    /// The pod is there and does not answer.
    PodNotReady,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Answered {
        server: Arc<Server>,
        /// False for an error of the application's own.
        ok: bool,
        latency: Duration,
    },
    Failed(Cause),
}

#[derive(Clone, Debug)]
pub struct Record {
    pub at: Moment,
    pub proxy: usize,
    /// Which of the Services and routes that get traffic, in the order in which they were given.
    pub target: usize,
    pub outcome: Outcome,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} s  proxy {}  ", self.at.as_secs_f64(), self.proxy)?;
        match &self.outcome {
            Outcome::Answered { server, ok, .. } => {
                let result = if *ok { "ok" } else { "error" };
                write!(f, "{result} from {} ({}, {})", server.pod, server.image, server.revision)
            }
            Outcome::Failed(cause) => write!(f, "failed: {cause:?}"),
        }
    }
}

/// All requests, oldest first.
#[derive(Clone, Default)]
pub struct Records(Vec<Record>);

impl Records {
    pub fn push(&mut self, record: Record) {
        self.0.push(record);
    }

    pub fn all(&self) -> &[Record] {
        &self.0
    }

    /// Those from `from` (included) to `to` (excluded).
    pub fn between(&self, from: Moment, to: Moment) -> &[Record] {
        let start = self.0.partition_point(|r| r.at < from);
        let end = self.0.partition_point(|r| r.at < to);
        &self.0[start..end.max(start)]
    }

    /// Answers by image.
    pub fn by_image(&self, from: Moment, to: Moment) -> BTreeMap<String, usize> {
        self.counts(from, to, |server| &server.image)
    }

    /// Answers by revision.
    pub fn by_revision(&self, from: Moment, to: Moment) -> BTreeMap<String, usize> {
        self.counts(from, to, |server| &server.revision)
    }

    fn counts(&self, from: Moment, to: Moment, of: impl Fn(&Server) -> &String) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.between(from, to) {
            if let Outcome::Answered { server, .. } = &record.outcome {
                match counts.get_mut(of(server)) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(of(server).clone(), 1)),
                }
            }
        }
        counts
    }

    /// Requests that were not answered. Errors of the application are not among them.
    pub fn failures(&self, from: Moment, to: Moment) -> Vec<&Record> {
        let failed = |r: &&Record| matches!(r.outcome, Outcome::Failed(_));
        self.between(from, to).iter().filter(failed).collect()
    }

    /// Answers of one revision of a policy: whether they were good, and how long they took.
    fn answers<'a>(
        &'a self,
        subject: &'a Subject<'a>,
        from: Moment,
        to: Moment,
    ) -> impl Iterator<Item = (bool, Duration)> {
        self.between(from, to).iter().filter_map(move |record| match &record.outcome {
            Outcome::Answered { server, ok, latency } if subject.is(server) => Some((*ok, *latency)),
            _ => None,
        })
    }

    /// Answers, and errors among them.
    pub fn tally(&self, subject: &Subject<'_>, from: Moment, to: Moment) -> (u64, u64) {
        self.answers(subject, from, to).fold((0, 0), |(all, errors), (ok, _)| (all + 1, errors + u64::from(!ok)))
    }

    /// 100 (1 - errors / answers); `None` without an answer.
    pub fn success_rate(&self, subject: &Subject<'_>, from: Moment, to: Moment) -> Option<f64> {
        let (all, errors) = self.tally(subject, from, to);
        (all > 0).then(|| 100.0 * (all - errors) as f64 / all as f64)
    }

    /// The number of answers.
    pub fn requests(&self, subject: &Subject<'_>, from: Moment, to: Moment) -> usize {
        self.answers(subject, from, to).count()
    }

    /// The latency that a share `q` of the answers does not exceed; `None` without an answer.
    pub fn latency(&self, subject: &Subject<'_>, q: f64, from: Moment, to: Moment) -> Option<Duration> {
        let mut all: Vec<_> = self.answers(subject, from, to).map(|(_, latency)| latency).collect();
        all.sort_unstable();
        let rank = (q * all.len() as f64).ceil() as usize;
        all.get(rank.clamp(1, all.len().max(1)) - 1).copied()
    }
}

/// Whose answers are meant.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub namespace: &'a str,
    pub policy: &'a str,
    pub revision: &'a str,
}

impl Subject<'_> {
    fn is(&self, server: &Server) -> bool {
        server.namespace == self.namespace && server.policy == self.policy && server.revision == self.revision
    }
}
