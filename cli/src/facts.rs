//! What is known of a policy: the objects, and what follows from them alone.

use crds::{
    Release, RolloutPolicy, RolloutPolicySpec,
    gate::Approval,
    journal::{Journal, Phase},
    names, parse,
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::ResourceExt;
use planner::Policy;

/// A policy and what belongs to it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The policy.
    pub policy: RolloutPolicy,
    /// Its releases, oldest first; those of a policy of the same name that is gone are left out.
    pub releases: Vec<Release>,
    /// The user's Deployment; none where it is gone, or may not be read.
    pub workload: Option<Deployment>,
    /// The pods of its revisions; none where they may not be listed.
    pub pods: Option<Vec<Pod>>,
}

impl Facts {
    /// Puts the releases in order.
    pub fn new(policy: RolloutPolicy, mut releases: Vec<Release>) -> Self {
        let uid = policy.uid().unwrap_or_default();
        releases.retain(|r| r.spec.policy.uid == uid);
        releases.sort_by_key(|r| (sequence(r), r.creation_timestamp()));
        Self { policy, releases, workload: None, pods: None }
    }

    /// The release under way, held ones too.
    pub fn active(&self) -> Option<&Release> {
        self.releases.iter().rev().find(|r| !journal(r).finished())
    }

    /// The release under way, or the last one.
    pub fn release(&self) -> Option<&Release> {
        self.active().or(self.releases.last())
    }

    /// The name of the policy.
    pub fn name(&self) -> String {
        self.policy.name_any()
    }

    /// The phase as one word.
    pub fn phase(&self) -> String {
        let said = self.policy.status.as_ref().and_then(|s| s.phase.clone());
        said.unwrap_or_else(|| "NotSeen".into())
    }
}

/// The place of a release in the order of its policy's releases.
pub fn sequence(release: &Release) -> u64 {
    release.annotations().get(names::SEQUENCE).and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// The journal of a release; an empty one before its first pass.
pub fn journal(release: &Release) -> &Journal {
    static EMPTY: std::sync::LazyLock<Journal> = std::sync::LazyLock::new(Journal::default);
    release.status.as_ref().map_or(&EMPTY, |s| &s.journal)
}

/// The policy that a release works under: its frozen copy, which the controller has written.
pub fn frozen(release: &Release) -> Option<RolloutPolicySpec> {
    serde_json::from_str(&release.spec.plan).ok()
}

/// The gates of a release that ask people, by name.
pub fn approvals(release: &Release) -> Vec<(String, Approval)> {
    let gates = frozen(release).and_then(|spec| spec.gates).unwrap_or_default();
    gates.into_iter().filter_map(|gate| Some((gate.name, gate.approval?))).collect()
}

/// A spec as the controller reads it.
///
/// # Errors
/// What the controller says against it.
pub fn parse(name: &str, spec: &RolloutPolicySpec) -> Result<Policy, parse::InvalidPolicy> {
    // Where it is matters for what a release tells people to type, and here nobody reads that.
    parse::parse(("", name), spec, spec, SCRAPE)
}

/// The same where it can be read.
pub fn parsed(name: &str, spec: &RolloutPolicySpec) -> Option<Policy> {
    parse(name, spec).ok()
}

/// How often a source scrapes where nobody says otherwise.
const SCRAPE: std::time::Duration = std::time::Duration::from_secs(15);

/// The step that a release is in, and how many there are.
pub fn step(release: &Release) -> Option<(u32, usize)> {
    let journal = journal(release);
    let step = journal.step.filter(|_| journal.phase == Phase::Shifting || journal.held_in.is_some())?;
    let policy = parsed(&release.spec.policy.name, &frozen(release)?)?;
    Some((step, policy.steps().len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Shop;

    #[test]
    fn releases_of_a_policy_that_is_gone_are_not_those_of_its_namesake_and_the_others_come_in_order() {
        let facts = Shop::rolled_back().facts();
        let mut releases = facts.releases.clone();
        releases.reverse();
        let mut other = releases[0].clone();
        other.spec.policy.uid = "another".into();
        releases.push(other);
        let names: Vec<_> = Facts::new(facts.policy, releases).releases.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["shop-00000001-1", "shop-00000002-1"]);
    }

    #[test]
    fn a_release_under_way_is_meant_before_one_that_has_ended() {
        let shop = Shop::rolled_back();
        assert_eq!(shop.facts().release().unwrap().name_any(), "shop-00000002-1");
        assert!(shop.facts().active().is_none());
        assert_eq!(step(shop.facts().release().unwrap()), None, "it is in no step any more");
        assert_eq!(step(Shop::shifting().facts().active().unwrap()), Some((1, 2)));
    }
}
