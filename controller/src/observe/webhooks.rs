//! What webhooks are told of a release, and what they say about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use analysis::Verdict;
use crds::RolloutPolicySpec;
use kube::ResourceExt;
use planner::{
    journal::{GateRecord, Phase, RevisionRef},
    world::{Release, Run, RunKey},
};

use super::Observed;
use crate::{
    act::revision_name,
    context::Context,
    gates::{Target, Told},
    webhooks::{self, About, Stand},
};

impl Observed {
    /// What the memory between passes knows a release by.
    pub fn release_key(&self, release: &Release) -> String {
        format!("{}/{}", self.namespace(), release.name)
    }

    /// What receivers are told of a release; `None` for one that delivers nothing.
    pub fn about(&self, release: &Release) -> Option<About> {
        let (object, to) = (self.releases.active()?, release.to.clone()?);
        let ports = self.ports();
        let (candidate, stable) = (self.host(&to), release.from.as_ref().map(|from| self.host(from)));
        let told = Told {
            candidate: Target { host: &candidate, ports: &ports },
            stable: stable.as_deref().map(|host| Target { host, ports: &ports }),
            revision: to.revision.as_str(),
            digest: to.digest.as_str(),
            step: release.journal.step,
            release: &release.name,
        };
        let variables = told.variables();
        Some(About {
            namespace: self.namespace(),
            policy: self.object.name_any(),
            release: release.name.clone(),
            uid: object.uid().unwrap_or_default(),
            variables,
            to,
        })
    }

    /// Where a revision's own Service is.
    pub fn host(&self, revision: &RevisionRef) -> String {
        format!("{}.{}.svc", revision_name(&self.object.name_any(), &revision.revision), self.namespace())
    }

    /// Ports of the Service that callers use, which every revision's Service has too: name, number, and whether it says `http`.
    pub fn ports(&self) -> Vec<(String, i32, bool)> {
        let ports = self.apex.as_ref().and_then(|a| a.spec.as_ref()).into_iter().flat_map(|s| s.ports.iter().flatten());
        ports.map(|p| (p.name.clone().unwrap_or_default(), p.port, p.app_protocol.as_deref() == Some("http"))).collect()
    }

    /// What became of the questions that gates have open; others are asked no longer.
    pub(super) fn answers(
        &self,
        context: &Arc<Context>,
        release: &Release,
        frozen: Option<&RolloutPolicySpec>,
    ) -> BTreeMap<RunKey, Run> {
        let of = self.release_key(release);
        context.webhooks.seen(&of, context.now());
        let over = matches!(release.journal.phase, Phase::RollingBack | Phase::Held);
        let open = release.journal.gates.iter().filter(|r| r.verdict == Verdict::Unknown && !over);
        let open: Vec<_> = open.filter(|r| is_webhook(frozen, r)).map(|r| (key(r), r.since)).collect();
        context.webhooks.keep(&of, &open.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>());
        let answered = |(key, since)| Some((context.webhooks.run(&of, &key, since)?, key));
        open.into_iter().filter_map(answered).map(|(run, key)| (key, run)).collect()
    }

    /// Has the rollback webhooks of a release asked while they count, and says which of them has ordered it back and why.
    pub(super) fn ordered_back(
        &self,
        context: &Arc<Context>,
        release: &Release,
        frozen: Option<&RolloutPolicySpec>,
    ) -> Option<String> {
        let of = self.release_key(release);
        let webhooks = frozen.and_then(|spec| spec.rollback_webhooks.as_deref()).unwrap_or_default();
        if webhooks.is_empty() || !planner::may_be_ordered_back(release) {
            context.webhooks.unwatch(&of);
            return None;
        }
        let journal = &release.journal;
        let stand = Stand { phase: journal.phase, step: journal.step, weight: weight(release) };
        webhooks::watch(context, &of, &self.about(release)?, webhooks, stand);
        context.webhooks.ordered(&of)
    }
}

/// The candidate's share of the traffic as the policy asks for it, in percent.
pub fn weight(release: &Release) -> u32 {
    release.journal.split.map_or(0, |split| split.wanted)
}

/// The run that a record is about.
pub(super) fn key(record: &GateRecord) -> RunKey {
    RunKey { gate: record.name.clone(), at: record.at, step: record.step, attempt: record.attempt }
}

/// Whether a record is of a gate that asks a webhook.
pub(super) fn is_webhook(frozen: Option<&RolloutPolicySpec>, record: &GateRecord) -> bool {
    let mut gates = frozen.iter().flat_map(|spec| spec.gates.iter().flatten());
    gates.any(|gate| gate.name == record.name && gate.webhook.is_some())
}
