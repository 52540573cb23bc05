//! The emergency way: past steps and the calendar, never past a test, an approval or pods that are not ready.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{journal::cut, world::Release};

/// That a version was asked to go live without its steps, when its release began.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Emergency {
    /// Why, as the annotation `sluice.dev/emergency` of the pod template said.
    #[schemars(length(max = 512))]
    pub reason: String,
    /// Why the release goes its ordinary way all the same; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub refused: Option<String>,
}

impl Emergency {
    /// What was asked for, and whether that counts: not without a reason, nor where it is forbidden.
    pub fn asked(reason: &str, forbidden: Option<&str>) -> Self {
        let reason = cut(reason.trim(), 512);
        let none =
            || reason.is_empty().then_some("the annotation sluice.dev/emergency of the pod template gives no reason");
        let refused = forbidden.or_else(none).map(|why| cut(why, 512));
        Self { reason, refused }
    }

    /// What its timeline says when the release begins: one word, one sentence.
    pub(crate) fn told(&self) -> (&'static str, String) {
        match &self.refused {
            None => (
                "Emergency",
                format!(
                    "{}: without steps, windows and freezes; tests, approvals and pods are waited for",
                    self.reason
                ),
            ),
            Some(why) => ("EmergencyRefused", format!("the release goes its ordinary way: {why}")),
        }
    }
}

impl Release {
    /// It takes the emergency way.
    pub fn is_emergency(&self) -> bool {
        self.emergency.as_ref().is_some_and(|e| e.refused.is_none())
    }

    /// Neither windows nor freezes hold the way back to what has passed before, nor an emergency.
    pub fn is_bound_to_no_calendar(&self) -> bool {
        self.fast || self.rollback || self.is_emergency()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_as_long_as_a_release_may_keep_it() {
        let long = "ä".repeat(600);
        let asked = Emergency::asked(&long, Some(&long));
        let lengths = [Some(asked.reason), asked.refused].map(|text| text.map_or(0, |text| text.chars().count()));
        assert_eq!(lengths, [512, 512]);
    }
}
