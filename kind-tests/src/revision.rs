//! Which revision a pod is of, by its name.

/// A pod's origin, as its name tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A revision that Sluice made: `<policy>-<revision>-<hash>-<random>`.
    Revision(String),
    /// The user's own Deployment: `<workload>-<hash>-<random>`.
    Workload,
    /// Anything else.
    Other(String),
}

/// The origin of a pod of this policy, whose workload has the same name.
pub fn origin(policy: &str, pod: &str) -> Origin {
    let other = || Origin::Other(pod.to_owned());
    let Some(rest) = pod.strip_prefix(policy).and_then(|rest| rest.strip_prefix('-')) else {
        return other();
    };
    match *rest.split('-').collect::<Vec<_>>() {
        [revision, _, _] if is_id(revision) => Origin::Revision(revision.to_owned()),
        [_, _] => Origin::Workload,
        _ => other(),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_tells_its_revision_by_its_name() {
        let origin = |pod| origin("front-end", pod);
        assert_eq!(origin("front-end-3f9c01d2-5d4f8c7b9-x2x4z"), Origin::Revision("3f9c01d2".into()));
        assert_eq!(origin("front-end-5d4f8c7b9-x2x4z"), Origin::Workload);
        assert_eq!(
            origin("backend-3f9c01d2-5d4f8c7b9-x2x4z"),
            Origin::Other("backend-3f9c01d2-5d4f8c7b9-x2x4z".into())
        );
    }
}
