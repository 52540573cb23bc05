//! What a person must mend before a workload can be taken over or a new version can be delivered.

use std::{collections::BTreeMap, sync::Arc};

use crds::{RolloutPolicy, names};
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{PersistentVolumeClaim, Service},
};
use kube::{Resource, ResourceExt};
use planner::world::{Blocker, Selects};
use serde_json::Value;

use super::{Observed, apex};
use crate::{
    api::{self, Error},
    context::Context,
};

const FLUX_LEAVES_ALONE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent");

fn blocker(reason: &str, message: String) -> Blocker {
    Blocker { reason: reason.into(), message }
}

/// Everything that stands against beginning, the most fundamental first.
pub async fn find(context: &Arc<Context>, observed: &Observed) -> Result<Vec<Blocker>, Error> {
    let mut found = Vec::new();
    let namespace = observed.namespace();
    let first = observed.world.stable.is_none();
    found.extend(taken(context, &observed.object, &namespace).await?);
    found.extend(service(&observed.object, observed.apex.as_ref(), first));
    if let Some(cut) = &observed.cut {
        let labels = template_labels(&cut.template);
        found.extend(mismatch(observed.apex.as_ref(), &labels));
        let services = api::list(&context.kube.of::<Service>(&namespace), "").await?;
        found.extend(leaks(&services, observed.apex.as_ref(), &labels));
        found.extend(side_by_side(context, observed, &cut.template, &namespace).await?);
    }
    if first {
        found.extend(autoscaler(context, &observed.object, &namespace).await?);
    }
    Ok(found)
}

/// Another policy, older than this one, holds the same workload or Service.
async fn taken(context: &Arc<Context>, policy: &RolloutPolicy, namespace: &str) -> Result<Option<Blocker>, Error> {
    let age = |p: &RolloutPolicy| (p.creation_timestamp(), p.uid());
    let all = api::list(&context.kube.of::<RolloutPolicy>(namespace), "").await?;
    let other = all.iter().find(|p| {
        let same = p.spec.workload == policy.spec.workload || p.spec.service == policy.spec.service;
        p.uid() != policy.uid() && same && age(p) < age(policy)
    });
    Ok(other.map(|o| {
        let message =
            format!("policy {} is older and has the same workload or Service: delete one of the two", o.name_any());
        blocker("WorkloadTaken", message)
    }))
}

/// A Service that cannot be served by choosing pods.
fn service(policy: &RolloutPolicy, apex: Option<&Service>, first: bool) -> Option<Blocker> {
    let name = &policy.spec.service.name;
    let Some(apex) = apex else {
        return Some(blocker(
            "ServiceMissing",
            format!("Service {name} does not exist: create it, or correct spec.service in a new policy"),
        ));
    };
    let spec = apex.spec.as_ref()?;
    let local = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let why = if spec.type_.as_deref() == Some("ExternalName") {
        "is of type ExternalName, which names no pods"
    } else if spec.selector.as_ref().is_none_or(BTreeMap::is_empty) {
        "has no selector, so nobody's pods are behind it"
    } else if spec.publish_not_ready_addresses == Some(true) {
        "has publishNotReadyAddresses: true, so callers would reach pods that are not ready"
    } else if local(&spec.internal_traffic_policy) || local(&spec.external_traffic_policy) {
        "has a traffic policy of Local, so nodes without a pod of the candidate would see other shares"
    } else {
        return first.then(|| gitops(apex)).flatten();
    };
    Some(blocker("ServiceUnsupported", format!("Service {name} {why}: change it, or name another Service")))
}

/// Somebody applies the selector from outside and would set it back.
fn gitops(apex: &Service) -> Option<Blocker> {
    if apex.annotations().get(FLUX_LEAVES_ALONE.0).is_some_and(|v| v == FLUX_LEAVES_ALONE.1) {
        return None;
    }
    let entries = apex.metadata.managed_fields.as_ref()?;
    let owner = entries.iter().find(|e| {
        let fields = e.fields_v1.as_ref().map(|f| &f.0);
        let selector = fields.is_some_and(|f| f.pointer("/f:spec/f:selector").is_some());
        e.operation.as_deref() == Some("Apply") && selector && e.manager.as_deref() != Some(names::FIELD_MANAGER)
    })?;
    let manager = owner.manager.as_deref().unwrap_or("unknown");
    let name = apex.name_any();
    Some(blocker(
        "SelectorOwnedByGitOps",
        format!(
            "the selector of Service {name} is applied by {manager}, which would set it back and lead callers past the gates. Either annotate the live Service with {}={} and take the annotation into Git, or apply the same selector once as field manager sluice (kubectl apply --server-side --field-manager=sluice --force-conflicts) and then drop it from Git",
            FLUX_LEAVES_ALONE.0, FLUX_LEAVES_ALONE.1
        ),
    ))
}

fn template_labels(template: &Value) -> BTreeMap<String, String> {
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    serde_json::from_value(labels).unwrap_or_default()
}

fn satisfies(labels: &BTreeMap<String, String>, selector: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// The new pods would not be behind the Service.
fn mismatch(apex: Option<&Service>, labels: &BTreeMap<String, String>) -> Option<Blocker> {
    let apex = apex?;
    let own = apex::own_keys(&apex::selector(apex), apex.labels().contains_key(names::POLICY));
    let missing: Vec<_> =
        own.iter().filter(|(k, v)| labels.get(*k) != Some(v)).map(|(k, v)| format!("{k}={v}")).collect();
    (!missing.is_empty()).then(|| {
        let message = format!(
            "the pod template lacks labels that Service {} selects: {}; add them to the template",
            apex.name_any(),
            missing.join(", ")
        );
        blocker("SelectorMismatch", message)
    })
}

/// Another Service would send requests to a version that has not passed.
fn leaks(services: &[Service], apex: Option<&Service>, labels: &BTreeMap<String, String>) -> Option<Blocker> {
    let apex = apex.map(ResourceExt::name_any);
    let leak = services.iter().find(|s| {
        let selector = apex::selector(s);
        let allowed = s.annotations().get(names::ALLOW_CANDIDATE).is_some_and(|v| v == "true");
        let ours = s.labels().contains_key(names::REVISION) || s.labels().contains_key(names::POLICY);
        Some(s.name_any()) != apex && !ours && !allowed && !selector.is_empty() && satisfies(labels, &selector)
    })?;
    let name = leak.name_any();
    Some(blocker(
        "TrafficLeak",
        format!(
            "Service {name} selects the same pods and would send requests to versions that have not passed: give it a policy of its own or another selector, or allow it with the annotation {}=true",
            names::ALLOW_CANDIDATE
        ),
    ))
}

/// Two revisions cannot run at the same time.
async fn side_by_side(
    context: &Arc<Context>,
    observed: &Observed,
    template: &Value,
    namespace: &str,
) -> Result<Option<Blocker>, Error> {
    let Some(workload) = &observed.workload else { return Ok(None) };
    if workload.annotations().get(names::ALLOW_SIDE_BY_SIDE).is_some_and(|v| v == "true") {
        return Ok(None);
    }
    let list = |path: &str| template.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut why = None;
    if workload.data.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        why = Some("spec.strategy.type is Recreate".to_owned());
    }
    for container in list("/spec/containers") {
        let ports = container.get("ports").and_then(Value::as_array).cloned().unwrap_or_default();
        if ports.iter().any(|p| p.get("hostPort").and_then(Value::as_i64).unwrap_or(0) > 0) {
            why = Some("a container has a hostPort".into());
        }
    }
    for volume in list("/spec/volumes") {
        let Some(claim) = volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str) else { continue };
        let found = api::get(&context.kube.of::<PersistentVolumeClaim>(namespace), claim).await?;
        let modes = found.and_then(|c| c.spec?.access_modes).unwrap_or_default();
        if modes.iter().any(|m| m.starts_with("ReadWriteOnce")) {
            why = Some(format!("volume claim {claim} is {}", modes.join(", ")));
        }
    }
    Ok(why.map(|why| {
        let message = format!(
            "two versions of this workload cannot run side by side, since {why}: change that, or annotate the Deployment with {}=true if they can",
            names::ALLOW_SIDE_BY_SIDE
        );
        blocker("CannotRunSideBySide", message)
    }))
}

/// An autoscaler of the workload itself would fight with the scale to zero.
async fn autoscaler(context: &Arc<Context>, policy: &RolloutPolicy, namespace: &str) -> Result<Option<Blocker>, Error> {
    let all = api::list(&context.kube.of::<HorizontalPodAutoscaler>(namespace), "").await?;
    let target = all.iter().find(|h| {
        let target = h.spec.as_ref().map(|s| &s.scale_target_ref);
        let scales = target.is_some_and(|t| t.kind == "Deployment" && t.name == policy.spec.workload.name);
        scales && h.meta().deletion_timestamp.is_none()
    });
    Ok(target.map(|h| {
        let message = format!(
            "HorizontalPodAutoscaler {} scales the Deployment itself: point its scaleTargetRef at RolloutPolicy {} (apiVersion sluice.dev/v1alpha1)",
            h.name_any(),
            policy.name_any()
        );
        blocker("AutoscalerTargetsWorkload", message)
    }))
}

/// Whether a revision's pods would be behind the Service under its own keys.
pub fn would_match(apex: &Service, labels: &BTreeMap<String, String>, selects: &Selects) -> bool {
    let own = apex::own_keys(&apex::selector(apex), apex.labels().contains_key(names::POLICY));
    matches!(selects, Selects::Nobody | Selects::Users | Selects::Hash(_)) || satisfies(labels, &own)
}
