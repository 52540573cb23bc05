//! Windows, and which of them are too early to be evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UnixMillis;

/// The time after `after` up to and including `until`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Not in it.
    pub after: UnixMillis,
    /// In it.
    pub until: UnixMillis,
}

/// How long after a change counts are kept out of the tests, in milliseconds.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// After the candidate's pods became ready: caches are cold.
    pub warmup: u64,
    /// After each change of the weight: the routing takes effect.
    pub settle: u64,
}

impl Default for Settling {
    /// A minute after the pods are ready and half a minute after a change of the weight.
    fn default() -> Self {
        Self { warmup: 60_000, settle: 30_000 }
    }
}

impl Settling {
    /// Whether all of a window lies after the warm-up and after the last change of the weight has settled.
    pub fn is_over(&self, window: Window, ready: UnixMillis, changed: Option<UnixMillis>) -> bool {
        let past = |from: UnixMillis, wait: u64| window.after >= from && window.after.since(from) >= wait;
        past(ready, self.warmup) && changed.is_none_or(|changed| past(changed, self.settle))
    }
}
