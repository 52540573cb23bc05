//! Notices as they come: what templates are tried with, and what the tests and the pictures of the pages show.

use chrono::{DateTime, Utc};

use crate::{Failure, Kind, Next, Notice, Severity, Step, Version};

/// The beginning of a release of `front` 1.3.0 in the namespace `shop` of the cluster `prod-eu`.
pub fn example() -> Notice {
    Notice {
        id: "7f3c2d10-5b7e-4a55-9d0e-2f4f5a1c8e01/1".into(),
        number: 1,
        at: DateTime::<Utc>::from_timestamp(1_795_345_200, 0).unwrap_or_default(),
        kind: Kind::Started,
        severity: Severity::Info,
        reason: "ReleaseStarted".into(),
        message: "from 670c7218 to 90c238e4, attempt 1".into(),
        cluster: Some("prod-eu".into()),
        namespace: "shop".into(),
        policy: "front".into(),
        workload: "front".into(),
        release: "front-90c238e4-1".into(),
        release_uid: "7f3c2d10-5b7e-4a55-9d0e-2f4f5a1c8e01".into(),
        attempt: 1,
        purpose: "Update".into(),
        old: Some(version("670c7218", "1.2.0")),
        new: Some(version("90c238e4", "1.3.0")),
        source: Some("main@sha1:4f2a91c".into()),
        author: Some("ann@example.com".into()),
        emergency: None,
        phase: "Pending".into(),
        step: None,
        failures: Vec::new(),
        next: Vec::new(),
    }
}

fn version(revision: &str, tag: &str) -> Version {
    let images = vec![format!("registry.example.com/shop/front:{tag}"), "registry.example.com/proxy:7.1".into()];
    Version { revision: revision.into(), digest: revision.repeat(8), images }
}

/// One of each that people meet most, with a name.
pub fn typical() -> Vec<(&'static str, Notice)> {
    vec![
        ("started", example()),
        ("emergency", Notice { emergency: Some("CVE-2026-1234 is being exploited".into()), ..example() }),
        ("step", step()),
        ("approval-needed", approval()),
        ("succeeded", succeeded()),
        ("conformance-failed", conformance()),
        ("rolled-back", rolled_back()),
        ("inconclusive", inconclusive()),
        ("taken-over", taken_over()),
    ]
}

fn later(number: u64, kind: Kind, severity: Severity, reason: &str, phase: &str, message: &str) -> Notice {
    let start = example();
    Notice {
        id: format!("{}/{number}", start.release_uid),
        number,
        at: start.at + chrono::TimeDelta::minutes(number.cast_signed()),
        kind,
        severity,
        reason: reason.into(),
        phase: phase.into(),
        message: message.into(),
        ..start
    }
}

fn next(words: &str, command: &str) -> Next {
    Next { words: words.into(), command: Some(command.into()) }
}

fn step() -> Notice {
    let message = "step 2 of 3: weight 50, bake 5m";
    let step = Some(Step { number: 2, of: 3, weight: 50 });
    Notice { step, ..later(6, Kind::Step, Severity::Info, "StepStarted", "Shifting", message) }
}

fn approval() -> Notice {
    let command = "kubectl sluice approve front-90c238e4-1 --gate signoff -n shop";
    let message = format!("gate signoff needs 2 approvals: {command}; it asks members of release-managers");
    let notice = later(8, Kind::ApprovalNeeded, Severity::Warning, "ApprovalNeeded", "Shifting", &message);
    let reject = "kubectl sluice reject front-90c238e4-1 --gate signoff -n shop";
    Notice { next: vec![next("to approve", command), next("to have it taken back", reject)], ..notice }
}

fn succeeded() -> Notice {
    let message = "90c238e4 is stable; 670c7218 is kept without pods";
    let back = next("to go back", "kubectl sluice rollback front -n shop");
    Notice { next: vec![back], ..later(14, Kind::Succeeded, Severity::Info, "Succeeded", "Succeeded", message) }
}

fn conformance() -> Notice {
    let message = "gate conformance: exit code 1, 37 passed, 1 failed: checkout refuses an expired card";
    let detail = "ok 37 - the cart survives a restart\nnot ok 38 - checkout refuses an expired card\n  ---\n  expected: 402 Payment Required\n  got:      200 OK {\"status\":\"paid\",\"order\":\"4711\"}\n  at: tests/checkout.rs:214\n  ...\n1..38\n# 1 test of 38 failed";
    let failure =
        Failure { what: "conformance".into(), value: None, bound: None, samples: None, detail: Some(detail.into()) };
    Notice {
        failures: vec![failure],
        next: vec![next("when the test was wrong", "kubectl sluice retry front -n shop")],
        ..later(4, Kind::Failed, Severity::Error, "ConformanceFailed", "RollingBack", message)
    }
}

fn rolled_back() -> Notice {
    let failure = |what: &str, value: &str, bound: &str| Failure {
        what: what.into(),
        value: Some(value.into()),
        bound: Some(bound.into()),
        samples: Some(1240),
        detail: None,
    };
    let message = "the candidate is out, 670c7218 has all traffic";
    Notice {
        step: Some(Step { number: 1, of: 3, weight: 20 }),
        failures: vec![failure("error rate", "4.1 %", "at most 1 %")],
        next: vec![
            next("to see what was measured", "kubectl sluice status front -n shop"),
            next("to try this version again", "kubectl sluice retry front -n shop"),
        ],
        ..later(9, Kind::RolledBack, Severity::Error, "RolledBack", "RolledBack", message)
    }
}

fn inconclusive() -> Notice {
    let message = "no requests to measure for 15m: metric success-rate has no samples";
    let step = Some(Step { number: 1, of: 3, weight: 20 });
    let next = vec![
        next("to try again", "kubectl sluice retry front -n shop"),
        next("to let it go on without", "kubectl sluice promote front -n shop"),
        next("to end it", "kubectl sluice abort front -n shop"),
    ];
    Notice { step, next, ..later(10, Kind::Inconclusive, Severity::Warning, "Inconclusive", "Inconclusive", message) }
}

fn taken_over() -> Notice {
    let message = "670c7218 serves with its own objects, the Deployment is scaled to zero";
    let notice = later(5, Kind::Succeeded, Severity::Info, "Succeeded", "Succeeded", message);
    Notice { purpose: "Adopt".into(), old: None, new: notice.old.clone(), ..notice }
}
