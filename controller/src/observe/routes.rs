//! The routes in front of the Service that callers use.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use crds::{RolloutPolicy, names, traffic::Traffic};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, ResourceExt,
    core::{ApiResource, DynamicObject},
};
use planner::{
    Policy, RevisionId,
    picks::Picks,
    world::{Asleep, Blocker, Routes, Settings},
};
use providers::{Around, DestinationRules, Names, Reading, Unusable};
use serde_json::Value;

use super::{
    neighbours,
    own_route::{self, Held},
};
use crate::{
    api::{self, Error},
    context::Context,
    traffic,
};

/// Routes as they are, with what reads and writes them.
pub struct Live {
    /// The kinds and names that the policy gives, and how they are written.
    pub routes: traffic::Routes,
    /// How proxies may be told to treat Services.
    pub rules: Option<DestinationRules>,
    /// The objects, in the same order; one that is gone is absent here.
    pub objects: Vec<(ApiResource, Value)>,
    /// The one that the policy holds itself, where it does.
    pub held: Option<Held>,
    /// What the policy's steps pick out.
    pub known: Vec<Picks>,
    /// What is looked at in place of the objects: the route as it has to be.
    to_be: Option<Value>,
    /// What stands around them.
    pub around: Around,
    /// Why not all of that is known.
    pub unread: Option<Blocker>,
}

/// Whose routes they are.
fn names(policy: &RolloutPolicy) -> Names {
    Names {
        namespace: policy.namespace().unwrap_or_default(),
        apex: policy.spec.service.name.clone(),
        policy: policy.name_any(),
    }
}

/// Reads the routes of a policy; nothing where shares are numbers of pods.
pub async fn read(
    context: &Arc<Context>,
    policy: &RolloutPolicy,
    apex: Option<&Service>,
    traffic: &Traffic,
    steps: &Policy,
) -> Result<Option<Live>, Error> {
    let names = names(policy);
    let Some(mut routes) = traffic::routes(traffic, names.clone()) else { return Ok(None) };
    // A route of the policy's own follows the policy, whatever release is under way.
    if traffic::held(traffic) == traffic::held(&policy.spec.traffic) {
        routes.own = traffic::own(&policy.spec.traffic, &names.policy);
    }
    let namespace = policy.namespace().unwrap_or_default();
    let mut objects = Vec::new();
    for (kind, name) in &routes.all {
        let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &namespace, kind);
        if let Some(found) = api::get(&api, name).await?.filter(|o| o.metadata.deletion_timestamp.is_none()) {
            objects.push((kind.clone(), neighbours::document(&found, kind)?));
        }
    }
    let known = known(steps);
    let live = objects.first().map(|(_, o)| o);
    let held = own_route::held(context, &routes, &names, apex, live);
    let to_be = held.as_ref().and_then(|held| held.to_be(live));
    let rules = traffic::rules(traffic, names, policy.uid().unwrap_or_default());
    let wanted = judged(to_be.as_ref(), &objects).flat_map(|o| routes.provider.neighbours(o, &known));
    let treated = rules.iter().filter_map(|rules| rules.neighbours(judged(to_be.as_ref(), &objects)));
    let wanted = wanted.chain(treated).collect();
    let (mut around, unread) = neighbours::read(context, apex, wanted).await?;
    // Those that the policy names do not stand in each other's way.
    let uid = |object: &Value| object.pointer("/metadata/uid").cloned();
    around.neighbours.retain(|other| !objects.iter().any(|(_, o)| uid(o) == uid(other)));
    Ok(Some(Live { routes, rules, objects, held, known, to_be, around, unread }))
}

/// The documents that must do.
fn judged<'a>(
    to_be: Option<&'a Value>,
    objects: &'a [(ApiResource, Value)],
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let there = objects.iter().map(|(_, o)| o).filter(move |_| to_be.is_none());
    to_be.into_iter().chain(there)
}

/// What they say together. Requests may be picked out as the policy's steps do; what is asleep was known everywhere so long after it
/// was written.
pub fn facts(live: &Live, policy: &Policy, now: DateTime<Utc>) -> Routes {
    let provider = &live.routes.provider;
    let (documents, judged) = (|| live.objects.iter().map(|(_, o)| o), || judged(live.to_be.as_ref(), &live.objects));
    let known = &live.known;
    let read: Vec<Reading> = documents().map(|o| provider.read(o, known)).collect();
    let Reading { share, uneven, asleep, trouble } = Reading::together(&read);
    let blocker = |u: Unusable| Blocker { reason: u.reason.into(), message: u.message };
    let trouble = live.to_be.as_ref().map_or(trouble, |to_be| provider.read(to_be, known).trouble);
    let twice = || live.rules.as_ref().and_then(|rules| rules.trouble(&live.around));
    let hindrance = || judged().find_map(|o| provider.hindrance(o, &live.around, known)).or_else(twice).map(blocker);
    // What was not read must not be taken for something that is not there.
    let unusable = trouble.map(blocker).or_else(|| live.unread.clone()).or_else(hindrance);
    let written = documents().filter_map(written).max();
    let asleep = asleep.map(|sleeping| {
        let known_at = written.map_or(now, |at| at + policy.propagation);
        Asleep { laid: sleeping.laid, known_at, known: now >= known_at }
    });
    Routes {
        share,
        uneven,
        astray: live.held.as_ref().is_some_and(|held| held.astray),
        asleep,
        at_once: provider.at_once(),
        pending: documents().find_map(|o| provider.pending(o, &live.around)),
        trouble: missing(live, &policy.name).or(unusable),
        contested: None,
        settings: Settings::default(),
    }
}

/// Which of these revisions proxies do not treat as what serves, or not all of them yet.
pub fn settings<'a>(
    live: &Live,
    revisions: impl Iterator<Item = &'a RevisionId>,
    propagation: TimeDelta,
    now: DateTime<Utc>,
) -> Settings {
    // What was not read may well be there.
    let Some(rules) = live.rules.as_ref().filter(|_| live.unread.is_none()) else { return Settings::default() };
    let mut settings = Settings { apex_differs: !rules.for_apex(&live.around).is_empty(), ..Settings::default() };
    for id in revisions {
        if !rules.for_revision(&live.around, id).is_empty() {
            settings.differ.insert(id.clone());
        }
        let copies = rules.copies_of(&live.around, id);
        let known_at = copies.into_iter().filter_map(written).max().map(|at| at + propagation);
        settings.known_at.extend(known_at.filter(|at| now < *at).map(|at| (id.clone(), at)));
    }
    settings
}

/// What the steps pick out, also without the copies: they end before the rest does.
fn known(policy: &Policy) -> Vec<Picks> {
    let all = policy.steps().iter().flat_map(|s| [s.picks.clone(), s.picks.without_copies()]);
    let mut known: Vec<Picks> = Vec::new();
    for picks in all.filter(|p| !p.is_none()) {
        if !known.contains(&picks) {
            known.push(picks);
        }
    }
    known
}

/// When we wrote it last, to the second; the API server notes it.
fn written(route: &Value) -> Option<DateTime<Utc>> {
    let entries = route.pointer("/metadata/managedFields")?.as_array()?;
    let ours = entries.iter().filter(|e| e["manager"] == names::FIELD_MANAGER && e["subresource"].is_null());
    // What was written in a second was written at its end at the latest.
    let time = |e: &Value| Some(e["time"].as_str()?.parse::<DateTime<Utc>>().ok()? + TimeDelta::seconds(1));
    ours.filter_map(time).max()
}

/// What is not there, or not for this policy to write.
fn missing(live: &Live, policy: &str) -> Option<Blocker> {
    if live.routes.own.is_some() {
        return live.held.as_ref().and_then(|held| held.trouble.clone());
    }
    let there = |kind: &ApiResource, name: &str| {
        live.objects.iter().any(|(k, o)| k == kind && o.pointer("/metadata/name").and_then(Value::as_str) == Some(name))
    };
    let another = || live.objects.iter().find_map(|(_, o)| own_route::of_another(o, policy));
    let Some((kind, name)) = live.routes.all.iter().find(|(kind, name)| !there(kind, name)) else { return another() };
    let message = format!(
        "there is no {} {name} ({}): create it, or correct spec.traffic; a cluster that does not know the kind needs its custom resource definitions first",
        kind.kind, kind.api_version
    );
    Some(Blocker { reason: "RouteMissing".into(), message })
}
