//! Who may order the version back while it has live traffic.

use crds::{RolloutPolicySpec, parse};

use crate::words::span;

/// A line for each rollback webhook.
pub(super) fn text(spec: &RolloutPolicySpec) -> String {
    let all = spec.rollback_webhooks.iter().flatten().map(|webhook| {
        let interval = span(parse::time(webhook.interval));
        format!(
            "Rollback webhook {} is asked from the first live traffic until the old version's pods end, {interval} after each answer: 2xx takes the version back.\n",
            webhook.name
        )
    });
    all.collect()
}
