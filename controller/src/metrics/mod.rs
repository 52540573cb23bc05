//! Metrics: what the analysis is made from.
//!
//! One look asks a Prometheus for every metric of an analysis, all at once, each with its own deadline. What cannot be had is an
//! unknown sample with its reason, never a number and never an error: a release holds for it and is not failed by it.

mod ask;
mod counts;
mod prometheus;
pub mod queries;
mod scraped;
mod source;
pub mod template;
#[cfg(test)]
mod tests;
pub mod view;

use std::time::Duration;

use analysis::ingest::UnixMillis;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

pub use prometheus::PrometheusMeasure;
pub use view::Services;

use crate::outbound::{Kind, Problem};

/// Asks for numbers.
pub trait Measure: Send + Sync {
    /// One look: every metric of the analysis over `window` ending at `at`. Never fails: what cannot be had is an unknown sample
    /// with its reason.
    fn measure<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, analysis::Batch>;

    /// What the requests of a revision that serves alone have been over the window.
    fn usual<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Usual>;

    /// How often the source scrapes, the default of 15 s when it cannot be read.
    fn scrape_interval<'a>(&'a self, namespace: &'a str, source: &'a str) -> BoxFuture<'a, Duration>;
}

/// What one look is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Namespace of the policy.
    pub namespace: String,
    /// The policy.
    pub policy: String,
    /// The user's Deployment.
    pub workload: String,
    /// The Service that callers use.
    pub service: String,
    /// Short id of the revision that is measured.
    pub revision: String,
    /// The Services that lead to the versions now, by which proxies know them.
    pub services: Services,
    /// How far back the numbers reach; wholly after the split was in force.
    pub window: TimeDelta,
    /// When the window ends.
    pub at: DateTime<Utc>,
    /// The metrics and where they are.
    pub analysis: crds::analysis::Analysis,
    /// What is counted of the built-in metrics; without it, they are asked for as numbers.
    pub counting: Option<Counting>,
}

impl Request {
    /// Short id of the stable revision, where that is counted too.
    fn stable(&self) -> Option<&str> {
        self.counting.as_ref()?.stable.as_deref()
    }
}

/// What a service's requests usually are.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Usual {
    /// Requests per second; `None` when nobody knows.
    pub requests_per_second: Option<f64>,
    /// The share of them that fails, 0 to 1; `None` when nobody knows.
    pub errors: Option<f64>,
}

/// Which requests are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counting {
    /// Those after this time.
    pub after: UnixMillis,
    /// Short id of the stable revision.
    pub stable: Option<String>,
    /// Whether that one is given traffic too: silence is a lack of data then.
    pub both: bool,
    /// So many hours of the service's past are asked for; none when 0.
    pub past_hours: u32,
}

/// Why there is no number.
type Lack = analysis::Unknown;

impl From<Problem> for Lack {
    fn from(problem: Problem) -> Self {
        match problem.kind {
            Kind::Misconfigured => misconfigured(problem.message),
            Kind::Unreachable => provider(problem.message),
        }
    }
}

fn misconfigured(detail: impl Into<String>) -> Lack {
    Lack { reason: analysis::Reason::Misconfigured, detail: detail.into() }
}

fn provider(detail: impl Into<String>) -> Lack {
    Lack { reason: analysis::Reason::ProviderError, detail: detail.into() }
}

fn unknown(lack: &Lack) -> analysis::Sample {
    analysis::Sample::unknown(lack.reason, lack.detail.as_str())
}
