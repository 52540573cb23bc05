//! Reading the world. Everything that decides is read afresh: a cache that lags must not move a release back.

mod apex;
mod blockers;
mod decisions;
mod freezes;
mod neighbours;
mod own_route;
mod pods;
mod releases;
mod revisions;
mod routes;
mod runs;
mod webhooks;
mod workload;

use std::{collections::BTreeMap, sync::Arc};

use crds::{Release, RolloutPolicy, names};
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, Deployment, ReplicaSet},
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Resource, ResourceExt,
    core::{ApiResource, DynamicObject},
};
use planner::{Policy, World};

use crate::{
    api::{self, Error},
    context::{Contest, Context},
};

pub use apex::{keys, own_keys, selects};
pub use blockers::would_match;
pub use neighbours::document;
pub use releases::{Releases, SEQUENCE, journal, retried, unsettled};
pub use routes::Live;
pub use runs::suite;
pub use webhooks::weight;
pub use workload::{Cut, cut, replicas_manager, source};

/// What a pass knows: the planner's world, and the objects it was made from that acting needs again.
pub struct Observed {
    /// For the planner.
    pub world: World,
    /// The policy under which the active release works; the live one when there is none.
    pub policy: Policy,
    /// The live policy object.
    pub object: RolloutPolicy,
    /// Every release of the policy.
    pub releases: Releases,
    /// The Service that callers use.
    pub apex: Option<Service>,
    /// Routes in front of it, where shares are their weights.
    pub routes: Option<routes::Live>,
    /// The user's Deployment, as it is: fields that this program does not know survive.
    pub workload: Option<DynamicObject>,
    /// What it wishes.
    pub cut: Option<Cut>,
    /// How long until the wish counts as settled.
    pub settles_in: Option<chrono::TimeDelta>,
    /// Pods of the revisions, by name, with their resource versions.
    pub pods: BTreeMap<String, Pod>,
    /// Why decisions are ignored, since nobody vouches for their authors.
    pub unprotected: Option<String>,
    /// There are decisions of which it is not known yet whether their authors may make them.
    pub unreviewed: bool,
}

/// The Deployment type without a schema.
pub fn deployments() -> ApiResource {
    ApiResource::erase::<Deployment>(&())
}

/// Reads everything about one policy.
pub async fn observe(context: &Arc<Context>, object: RolloutPolicy) -> Result<Observed, Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let kube = &context.kube;
    let ours = format!("{}={name}", names::POLICY);
    let dynamic = kube::Api::<DynamicObject>::namespaced_with(kube.client(), &namespace, &deployments());
    let slices_of = format!("kubernetes.io/service-name={}", object.spec.service.name);
    let (services_api, slices_api) = (kube.of::<Service>(&namespace), kube.of::<EndpointSlice>(&namespace));
    let (deployments_api, pods_api) = (kube.of::<Deployment>(&namespace), kube.of::<Pod>(&namespace));
    let (records_api, releases_api) = (kube.of::<ControllerRevision>(&namespace), kube.of::<Release>(&namespace));
    let (workload, apex, services, slices, deployments, pods, records, releases) = futures::try_join!(
        api::get(&dynamic, &object.spec.workload.name),
        api::get(&services_api, &object.spec.service.name),
        api::list(&services_api, &ours),
        api::list(&slices_api, &slices_of),
        api::list(&deployments_api, &ours),
        api::list(&pods_api, &ours),
        api::list(&records_api, &ours),
        api::list(&releases_api, &ours),
    )?;
    let workload = workload.filter(|w| w.metadata.deletion_timestamp.is_none());
    let apex = apex.filter(|s| s.meta().deletion_timestamp.is_none());
    let releases = Releases::new(releases, &object);
    let spec = releases.spec(&object)?;
    let policy = releases.policy(&spec, &object, context).await?;
    let routes = routes::read(context, &object, apex.as_ref(), &spec.traffic, &policy).await?;

    let mut world = World {
        deleting: object.meta().deletion_timestamp.is_some(),
        finalizer: object.finalizers().iter().any(|f| f == names::FINALIZER),
        capacity_is_ours: capacity_is_ours(&object),
        namespace_terminating: false,
        apex: apex.as_ref().map(|a| apex::apex(a, &slices, &name)),
        routes: routes.as_ref().map(|live| planner::world::Routes {
            contested: context.contested_by(&format!("{namespace}/{name}"), Contest::Routes),
            ..routes::facts(live, &policy, context.now())
        }),
        revisions: revisions::revisions(&name, &deployments, &services, &records, &pods, context.now()),
        failed: releases.failed(&object),
        failing: context.failures(&format!("{namespace}/{name}")) > 0,
        ..World::default()
    };
    if let (Some(live), Some(facts)) = (&routes, &mut world.routes) {
        facts.settings = routes::settings(live, world.revisions.keys(), policy.propagation, context.now());
    }
    if world.deleting {
        world.namespace_terminating = freezes::terminating(context, &namespace).await?;
    }
    releases.fill(&mut world, &object.spec);
    world.stable = releases.stable(&object).or_else(|| revisions::stable_in_cluster(&world, &deployments));

    let mut observed = Observed {
        world,
        policy,
        releases,
        apex,
        routes,
        cut: None,
        settles_in: None,
        pods: pods.into_iter().map(|p| (p.name_any(), p)).collect(),
        unprotected: None,
        unreviewed: false,
        workload,
        object,
    };
    observed.workload(context).await?;
    observed.release(context).await?;
    Ok(observed)
}

impl Observed {
    /// The user's Deployment, what it wishes, and what stands against it.
    async fn workload(&mut self, context: &Arc<Context>) -> Result<(), Error> {
        let namespace = self.namespace();
        let Some(live) = &self.workload else { return Ok(()) };
        let (mut facts, author) = (workload::facts(live), workload::author(live));
        let emergency = workload::emergency(live);
        if self.world.release.as_ref().is_some_and(|r| r.purpose != planner::journal::Purpose::Update) {
            facts.pods = facts.pods.max(workload::pods(context, live).await?);
        }
        let key = self.key();
        let (cut, missing) = cut(context, &self.object, live).await?;
        self.world.blockers.extend(missing);
        if let Some(mut cut) = cut {
            workload::recognise(context, &self.object, self.world.stable.as_ref(), &mut cut).await?;
            let since = context.wish_since(&key, &cut.revision.digest);
            let left = workload::settle(&self.object) - (context.now() - since);
            let settled = left <= chrono::TimeDelta::zero();
            self.settles_in = (!settled).then_some(left);
            facts.wish = Some(planner::world::Wish { revision: cut.revision.clone(), settled, author, emergency });
            self.cut = Some(cut);
        }
        if self.world.deleting {
            facts.hash = self.workload_hash(context, &namespace).await?;
        }
        let news = facts.wish.as_ref().map(|w| &w.revision.digest) != self.world.stable.as_ref().map(|s| &s.digest);
        let starting = self.world.release.as_ref().is_none_or(|r| r.journal.phase == planner::journal::Phase::Pending);
        let urgent = facts.wish.as_ref().is_some_and(|w| w.emergency.is_some());
        if urgent && news && self.world.release.is_none() {
            self.world.no_emergency = freezes::no_emergency(context, &namespace).await?;
        }
        self.world.workload = Some(facts);
        if news && starting && !self.world.deleting {
            let found = blockers::find(context, self).await?;
            self.world.blockers.extend(found);
        }
        Ok(())
    }

    /// `pod-template-hash` of the workload's newest ReplicaSet: the one with the highest revision number.
    async fn workload_hash(&self, context: &Arc<Context>, namespace: &str) -> Result<Option<String>, Error> {
        let Some(uid) = self.workload.as_ref().and_then(|w| w.uid()) else { return Ok(None) };
        let sets = api::list(&context.kube.of::<ReplicaSet>(namespace), "").await?;
        let revision = |s: &ReplicaSet| {
            let number = s.annotations().get("deployment.kubernetes.io/revision").and_then(|r| r.parse::<u64>().ok());
            number.unwrap_or(0)
        };
        let own = sets.into_iter().filter(|s| s.owner_references().iter().any(|o| o.uid == uid));
        let newest = own.max_by_key(revision);
        Ok(newest.and_then(|s| s.labels().get("pod-template-hash").cloned()))
    }

    /// What the active release needs to know: runs of its tests, decisions, dependencies, metrics.
    async fn release(&mut self, context: &Arc<Context>) -> Result<(), Error> {
        let namespace = self.namespace();
        if self.world.release.is_some() || self.world.last.is_some() {
            let decisions = decisions::decisions(context, &self.key(), &namespace, &self.world).await?;
            self.world.decisions = decisions.heard;
            (self.unprotected, self.unreviewed) = (decisions.unprotected, decisions.waiting);
        }
        let Some(release) = self.world.release.clone() else { return Ok(()) };
        let frozen = self.releases.plan(&release);
        self.world.runs = runs::runs(context, self, &release, frozen.as_ref()).await?;
        self.world.runs.extend(self.answers(context, &release, frozen.as_ref()));
        self.world.ordered_back = self.ordered_back(context, &release, frozen.as_ref());
        if release.journal.phase == planner::journal::Phase::Pending {
            self.world.unsettled = self.unsettled(context, &namespace).await?;
        }
        self.world.freezes = freezes::freezes(context, &namespace, &release).await?;
        self.world.look = self.look(context, &namespace, &release);
        Ok(())
    }

    /// The finished look, and the next one begun when it is due.
    fn look(
        &self,
        context: &Arc<Context>,
        namespace: &str,
        release: &planner::world::Release,
    ) -> Option<analysis::Batch> {
        let (to, spec) = (release.to.as_ref()?, self.releases.plan(release)?.analysis?);
        let analysis = self.policy.analysis.as_ref()?;
        let due = planner::next_look(&self.policy, &release.journal)?;
        let key = self.release_key(release);
        let last = release.journal.analysis.looks.last().map(|l| l.at);
        let done = context.look(&key).filter(|b| last.is_none_or(|last| b.at > last));
        let now = context.now();
        if done.as_ref().is_none_or(|b| b.at < due) && now >= due {
            let counting = analysis.plan.sequential.as_ref().and_then(|_| self.counting(release));
            let request = crate::metrics::Request {
                namespace: namespace.to_owned(),
                policy: self.object.name_any(),
                workload: self.object.spec.workload.name.clone(),
                service: self.object.spec.service.name.clone(),
                revision: to.revision.to_string(),
                services: self.services(release, &to.revision),
                window: analysis.window,
                at: now,
                analysis: spec,
                counting,
            };
            context.begin_look(&key, request);
        }
        done.filter(|b| b.at >= due)
    }

    /// By which Services proxies know the versions: in a step of a route, the candidate has its own.
    fn services(&self, release: &planner::world::Release, candidate: &planner::RevisionId) -> crate::metrics::Services {
        let callers = &self.object.spec.service.name;
        match release.journal.step {
            Some(_) => crate::metrics::Services::in_a_step(&self.object.name_any(), &candidate.to_string(), callers),
            None => crate::metrics::Services::alone(callers),
        }
    }

    /// Which requests are counted: those of both versions while both have traffic.
    fn counting(&self, release: &planner::world::Release) -> Option<crate::metrics::Counting> {
        let after = planner::counted_after(&self.policy, &release.journal)?;
        let stable = release.from.as_ref().map(|from| from.revision.to_string());
        let both = stable.is_some() && release.journal.step.is_some();
        let past = self.releases.plan(release)?.analysis?.history.0.as_secs() / 3600;
        let past_hours = if planner::looks::has_begun(&release.journal) { 0 } else { u32::try_from(past).unwrap_or(0) };
        Some(crate::metrics::Counting { after, stable, both, past_hours })
    }

    /// Policies this one depends on that are not settled on their own wish.
    async fn unsettled(&self, context: &Arc<Context>, namespace: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut unsettled = BTreeMap::new();
        for name in &self.policy.depends_on {
            let other = api::get(&context.kube.of::<RolloutPolicy>(namespace), name).await?;
            if let Some(state) = releases::unsettled(other.as_ref()) {
                unsettled.insert(name.clone(), state);
            }
        }
        Ok(unsettled)
    }

    /// What the memory between passes knows the policy by.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace(), self.object.name_any())
    }

    /// The policy's namespace.
    pub fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }
}

/// Whether the capacity was filled in by us alone: no user and no autoscaler has set it.
fn capacity_is_ours(policy: &RolloutPolicy) -> bool {
    let entries = policy.metadata.managed_fields.iter().flatten();
    let mut owners = entries
        .filter(|e| e.fields_v1.as_ref().is_some_and(|f| f.0.pointer("/f:spec/f:replicas").is_some()))
        .peekable();
    owners.peek().is_some() && owners.all(|e| e.manager.as_deref() == Some(names::FIELD_MANAGER))
}
