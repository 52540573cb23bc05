//! What people decide, as the planner is told of it.

use chrono::{DateTime, Utc};

use crate::id::Digest;

/// What a person decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// UID of the object.
    pub uid: String,
    /// Who.
    pub by: String,
    /// Groups that they are in, as far as they said.
    pub groups: Vec<String>,
    /// What.
    pub action: Order,
    /// Why.
    pub comment: Option<String>,
    /// The release it is about.
    pub release: String,
    /// The digest that was looked at.
    pub digest: Digest,
    /// When.
    pub at: DateTime<Utc>,
    /// Why they may not decide this, if they may not.
    pub refused: Option<String>,
}

/// What a person can order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Agree with what the gate of this name asks about.
    Approve(String),
    /// Refuse it.
    Reject(String),
    /// Hold the release where it is.
    Pause,
    /// Go on.
    Resume,
    /// End this step's bake, pause and analysis.
    SkipStep,
    /// Straight to promotion.
    Promote,
    /// Take the candidate back.
    Abort,
    /// One more attempt.
    Retry,
    /// From a version that was delivered back to the one before.
    Rollback,
}

impl std::fmt::Display for Order {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Approve(gate) => write!(out, "Approve of gate {gate}"),
            Self::Reject(gate) => write!(out, "Reject at gate {gate}"),
            other => write!(out, "{other:?}"),
        }
    }
}
