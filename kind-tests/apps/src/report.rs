//! What the load generator counted, as `GET /stats` and `POST /stop` answer it.
//!
//! Every request that was launched ends in exactly one of: an answer that is `ok`, an answer that is an
//! `error`, no answer (`failed`). So `sent == answered + failed` once nothing is outstanding, and
//! `answered == ok + errors` always. All times are Unix milliseconds.

mod between;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name of whoever gave an answer that did not say who it is (a proxy's own 503, for example).
pub const UNKNOWN: &str = "unknown";

/// The whole of it, cumulative since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When the first request was due.
    pub started_ms: u64,
    /// When this report was taken.
    pub now_ms: u64,
    /// Whether requests are still being sent.
    pub state: State,
    /// Why sending ended, once it has.
    pub ended_by: Option<EndedBy>,
    /// Requests a second, for each target.
    pub rate: f64,
    /// The share of requests that use a connection of their own, 0 to 1.
    pub fresh_share: f64,
    /// The longest that any request was launched after it was due. None is ever dropped.
    pub max_lag_ms: u64,
    /// By the target's name.
    pub targets: BTreeMap<String, Target>,
    /// The first thousand requests without an answer, in order of their end. The tallies count all.
    pub failures: Vec<Failure>,
    /// The first thousand answers with an error, in order. The tallies count all.
    pub error_answers: Vec<ErrorAnswer>,
    /// Marks set by `POST /mark`, in order.
    pub marks: Vec<Mark>,
}

/// Whether requests are being sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Requests are being sent.
    #[default]
    Running,
    /// No more are sent, some are still outstanding.
    Stopping,
    /// Nothing is outstanding: the counts are final.
    Finished,
}

/// Why sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The time given is over.
    Duration,
    /// The hard cap on requests was reached.
    RequestCap,
    /// Someone asked for it, by `POST /stop` or a signal.
    Request,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Where its requests go.
    pub url: String,
    /// All counts.
    pub counts: Counts,
    /// Requests without an answer, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Answers by HTTP status (`"200"`), or `OK` and the error's code (`READONLY`) for Redis.
    pub statuses: BTreeMap<String, u64>,
    /// Of answers, from launch to the last byte.
    pub latency: Latency,
    /// One entry for each second in which a request ended, in order.
    pub series: Vec<Second>,
}

/// What can be subtracted: the counts at two times give the counts between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests.
    pub total: Tally,
    /// Those that were given a connection of their own. Shares are measured on these.
    pub fresh: Tally,
    /// Those sent over kept connections.
    pub kept: Tally,
    /// Answers by who gave them, ordered by version, then host name.
    pub identities: Vec<Identity>,
}

/// How requests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Launched.
    pub sent: u64,
    /// With an answer, good or not.
    pub answered: u64,
    /// Status below 400, or no Redis error.
    pub ok: u64,
    /// Status 400 or above, or a Redis error.
    pub errors: u64,
    /// Without an answer.
    pub failed: u64,
    /// Sent twice: the kept connection was closed before a byte of an answer, so the request was tried once
    /// more on a new one, as HTTP clients do. Not failures by themselves.
    pub retried: u64,
    /// Kept connections found closed before anything was sent on them, and opened anew.
    pub renewed: u64,
}

/// Who gave answers, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The pod's host name; for Redis the `run_id`.
    pub hostname: String,
    /// The application's version.
    pub version: String,
    /// Answers on fresh connections.
    pub fresh: Answers,
    /// Answers on kept connections.
    pub kept: Answers,
    /// First answer of all.
    pub first_ms: u64,
    /// Last answer of all.
    pub last_ms: u64,
    /// First answer that was an error.
    pub first_error_ms: Option<u64>,
    /// Last answer on a fresh connection: after it, nobody new was sent here.
    pub last_fresh_ms: Option<u64>,
}

/// Good and bad answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Status below 400.
    pub ok: u64,
    /// Status 400 or above.
    pub errors: u64,
}

/// What ended within one second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Whole seconds since the start.
    pub second: u64,
    /// Answers by version.
    pub versions: BTreeMap<String, SecondAnswers>,
    /// Requests without an answer.
    pub failed: u64,
}

/// The answers of one version within one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondAnswers {
    /// Status below 400.
    pub ok: u64,
    /// Status 400 or above.
    pub errors: u64,
    /// How many of both came on fresh connections.
    pub fresh: u64,
}

/// From launch to the last byte of the answer, in milliseconds; within 5 % of the true value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The longest, exact.
    pub max_ms: f64,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The host name could not be resolved, or not in time.
    Dns,
    /// Nobody listens, or kube-proxy rejects for want of endpoints.
    ConnectRefused,
    /// No connection within the timeout.
    ConnectTimeout,
    /// No connection for another reason (no route, no ports left).
    ConnectFailed,
    /// The connection was reset.
    Reset,
    /// The connection was closed in order, but without the answer.
    ClosedBeforeAnswer,
    /// Connected, but no whole answer within the timeout.
    Timeout,
    /// An answer that is not whole, not HTTP, not Redis, or called JSON without being it.
    BadBody,
}

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it was given up.
    pub at_ms: u64,
    /// The name of the last mark before that.
    pub phase: Option<String>,
    /// The target's name.
    pub target: String,
    /// Whether it had a connection of its own.
    pub fresh: bool,
    /// Whether it had been tried twice.
    pub retried: bool,
    /// Why.
    pub cause: Cause,
    /// The error's own words.
    pub detail: String,
}

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// When it came.
    pub at_ms: u64,
    /// The name of the last mark before that.
    pub phase: Option<String>,
    /// The target's name.
    pub target: String,
    /// Whether it had a connection of its own.
    pub fresh: bool,
    /// As in [`Target::statuses`].
    pub status: String,
    /// Who gave it.
    pub hostname: String,
    /// Its version.
    pub version: String,
}

/// The counts at a time that someone gave a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The name.
    pub name: String,
    /// The time.
    pub at_ms: u64,
    /// The counts then, by target.
    pub counts: BTreeMap<String, Counts>,
}
