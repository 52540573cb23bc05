//! Which Job belongs to which run.

use k8s_openapi::api::batch::v1::Job;
use planner::{policy::Place, world::RunKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Annotation on Jobs: the run they answer, as JSON.
pub const RUN: &str = "sluice.dev/run";

/// The longest name of a Job whose pods can carry it as a label.
const LONGEST: usize = 63;
/// Hexadecimal digits of the hash: 64 bits.
const HASH: usize = 16;

/// A [`RunKey`] as it stands in the annotation.
#[derive(Serialize, Deserialize)]
struct Written {
    gate: String,
    at: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    attempt: u32,
}

/// The name of the Job for a run of a release: a DNS label of at most 63 characters, the same whenever it is asked for.
///
/// Release and gate stand at its beginning, as far as there is room, for people; a hash of everything stands at its end.
pub fn job_name(release: &str, key: &RunKey) -> String {
    let mut hash = Sha256::new();
    for text in [release, &key.gate] {
        hash.update(text);
        // Never a byte of UTF-8, so no two pairs of texts read the same.
        hash.update([0xff]);
    }
    // What stands here must never change: a controller that names a run otherwise runs its test again.
    hash.update(match key.at {
        Place::Start => "start",
        Place::Traffic => "traffic",
        Place::Step => "step",
        Place::Promotion => "promotion",
    });
    hash.update([u8::from(key.step.is_some())]);
    hash.update(key.step.unwrap_or_default().to_be_bytes());
    hash.update(key.attempt.to_be_bytes());
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let readable: String = format!("{release}-{}", key.gate)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let readable = readable.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let readable = &readable[..readable.len().min(LONGEST - HASH - 1)];
    let readable = match readable.trim_end_matches('-') {
        "" => "run",
        some => some,
    };
    format!("{readable}-{}", &hash[..HASH])
}

/// The run that a Job answers; `None` for a Job that is not one of ours.
pub fn key_of(job: &Job) -> Option<RunKey> {
    let text = job.metadata.annotations.as_ref()?.get(RUN)?;
    let Written { gate, at, step, attempt } = serde_json::from_str(text).ok()?;
    Some(RunKey { gate, at, step, attempt })
}

/// A run as it stands in the annotation.
pub(super) fn written(key: &RunKey) -> String {
    let RunKey { gate, at, step, attempt } = key.clone();
    serde_json::json!(Written { gate, at, step, attempt }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn keys() -> impl Strategy<Value = (String, RunKey)> {
        let place = prop::sample::select(vec![Place::Start, Place::Traffic, Place::Step, Place::Promotion]);
        let text = || prop_oneof!["[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", "[-ab1]{0,3}", any::<String>()];
        (text(), text(), place, prop::option::of(0..4_u32), 0..4_u32)
            .prop_map(|(release, gate, at, step, attempt)| (release, RunKey { gate, at, step, attempt }))
    }

    fn is_label(name: &str) -> bool {
        let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        name.len() <= 63
            && name.bytes().all(|b| edge(b) || b == b'-')
            && name.bytes().next().is_some_and(edge)
            && name.bytes().last().is_some_and(edge)
    }

    proptest! {
        #[test]
        fn names_are_labels_and_each_run_has_its_own(runs in prop::collection::vec(keys(), 1..50)) {
            let mut names = BTreeMap::new();
            for (release, key) in runs {
                let name = job_name(&release, &key);
                prop_assert!(is_label(&name), "{}", name);
                prop_assert_eq!(&name, &job_name(&release, &key));
                let other = names.insert(name, (release.clone(), key.clone()));
                prop_assert!(other.is_none_or(|other| other == (release, key)));
            }
        }

        #[test]
        fn a_run_is_read_back_as_it_was_written((_, key) in keys()) {
            let mut job = Job::default();
            job.metadata.annotations = Some([(RUN.to_owned(), written(&key))].into());
            prop_assert_eq!(key_of(&job), Some(key));
        }
    }

    #[test]
    fn a_name_begins_with_release_and_gate() {
        let key = RunKey { gate: "conformance".into(), at: Place::Traffic, step: None, attempt: 1 };
        insta::assert_snapshot!(job_name("frontend-8b1e77a0-1", &key), @"frontend-8b1e77a0-1-conformance-02cdc8a38f5f8b0d");
        assert_eq!(job_name(&"f".repeat(63), &key).len(), 63);
    }

    #[test]
    fn other_jobs_answer_no_run() {
        let mut job = Job::default();
        assert_eq!(key_of(&job), None);
        job.metadata.annotations = Some([(RUN.to_owned(), "{}".to_owned())].into());
        assert_eq!(key_of(&job), None);
    }
}
