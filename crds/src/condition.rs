//! The conditions that kstatus defines, and why one holds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The wish is what serves.
pub const READY: &str = "Ready";
/// A release is under way.
pub const RECONCILING: &str = "Reconciling";
/// Nothing will happen until somebody acts.
pub const STALLED: &str = "Stalled";

/// Somebody scales the workload up again and again, and Sluice down.
pub const REPLICAS_CONTESTED: &str = "ReplicasContested";
/// Somebody writes the routes again and again in the middle of a step.
pub const ROUTE_CONTESTED: &str = "RouteContested";

/// There are decisions that do not count, since nothing vouches for whoever made them.
pub const DECISIONS_UNPROTECTED: &str = "DecisionsUnprotected";

/// The steps are likely to find a regression that matters; the message says which, how often and when.
pub const SENSITIVITY: &str = "Sensitivity";

/// Sets a condition as apimachinery does: the transition time moves only when the status does.
pub fn set(conditions: &mut Vec<Condition>, mut new: Condition) {
    match conditions.iter_mut().find(|c| c.type_ == new.type_) {
        Some(old) => {
            if old.status == new.status {
                new.last_transition_time = old.last_transition_time.clone();
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}

/// A condition of this type; `status` is `None` for `Unknown`.
pub fn condition(
    kind: &str,
    status: Option<bool>,
    reason: &str,
    message: &str,
    generation: i64,
    now: Time,
) -> Condition {
    Condition {
        type_: kind.into(),
        status: match status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
        .into(),
        reason: reason.into(),
        message: message.chars().take(1024).collect(),
        observed_generation: Some(generation),
        last_transition_time: now,
    }
}
