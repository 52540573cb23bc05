//! What a reader compares: names and values, in the order in which they are looked for.

use crate::{Notice, Version, images, words};

/// How many failures are told one by one.
const FAILURES: usize = 5;
/// How many images are.
const IMAGES: usize = 6;

/// Names and values; those that are not known are left out.
pub(crate) fn of(notice: &Notice) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: Option<String>| all.extend(value.map(|value| (name.to_owned(), value)));
    let shown = notice.failures.iter().take(FAILURES);
    for failure in shown {
        let detail = failure.detail.as_deref().filter(|detail| detail.trim().lines().count() == 1);
        let parts = [Some(words::measured(failure)), detail.map(|detail| detail.trim().to_owned())];
        let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let said = if parts.is_empty() && failure.detail.is_none() { "failed".into() } else { parts.join("; ") };
        add(&failure.what, Some(said));
    }
    let more = notice.failures.len().saturating_sub(FAILURES);
    add("Also failed", (more > 0).then(|| format!("{more} more")));
    add("Emergency", notice.emergency.clone());
    add("Cluster", notice.cluster.clone());
    add("Workload", Some(format!("{}/{}", notice.namespace, notice.workload)));
    add("Policy", (notice.policy != notice.workload).then(|| notice.policy.clone()));
    add("Images", told_images(notice));
    add("Revision", revisions(notice.old.as_ref(), notice.new.as_ref()));
    add("Source", notice.source.clone());
    add("Changed by", notice.author.clone());
    let step = notice.step.map(|step| format!("{} of {}, {} % of the traffic", step.number, step.of, step.weight));
    add("Step", step);
    all
}

/// `shop/front 1.2.0 → 1.3.0`; all images where nothing can be compared, none where nothing differs.
fn told_images(notice: &Notice) -> Option<String> {
    let all: Vec<String> = match (&notice.old, &notice.new) {
        (Some(old), Some(new)) => {
            let say = |change: images::Change| match (change.old, change.new) {
                (Some(old), Some(new)) => format!("{} {old} → {new}", change.name),
                (None, Some(new)) => format!("{} {new} (new)", change.name),
                (Some(old), None) => format!("{} {old} (gone)", change.name),
                (None, None) => change.name,
            };
            let changes: Vec<_> = images::changes(&old.images, &new.images).into_iter().map(say).collect();
            if changes.is_empty() { vec!["unchanged; the configuration differs".into()] } else { changes }
        }
        (Some(only), None) | (None, Some(only)) => only.images.iter().map(|image| images::short(image)).collect(),
        (None, None) => return None,
    };
    let more = all.len().saturating_sub(IMAGES);
    let mut told = all.into_iter().take(IMAGES).collect::<Vec<_>>().join(", ");
    if more > 0 {
        told = format!("{told}, and {more} more");
    }
    (!told.is_empty()).then_some(told)
}

fn revisions(old: Option<&Version>, new: Option<&Version>) -> Option<String> {
    match (old, new) {
        (Some(old), Some(new)) if old.revision != new.revision => Some(format!("{} → {}", old.revision, new.revision)),
        (_, Some(only)) | (Some(only), None) => Some(only.revision.clone()),
        (None, None) => None,
    }
}

/// What a test printed last, and whose words they are.
pub(crate) fn log(notice: &Notice) -> Option<(String, String)> {
    for failure in &notice.failures {
        if let Some(detail) = failure.detail.as_deref().filter(|detail| detail.trim().lines().count() > 1) {
            return Some((format!("{} printed last:", failure.what), detail.to_owned()));
        }
    }
    let (_, rest) = notice.message.trim().split_once('\n')?;
    Some(("Printed last:".into(), rest.to_owned()))
}
