//! Deployments: one ReplicaSet per template, and the roll from the old to the new.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    clock::Moment,
    kinds::{self, Key},
    object,
    store::{By, Store},
    world::{Due, World},
};

const ACTOR: &str = "deployment-controller";
const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

pub fn step(world: &mut World, store: &mut Store, due: &mut Due) {
    for key in store.keys(&kinds::DEPLOYMENTS) {
        let deployment = store.at(&key).unwrap().clone();
        if !object::is_terminating(&deployment) {
            if !object::flag(&deployment, "/spec/paused") {
                roll(store, &key, &deployment);
            }
            report(world, store, &key, &deployment, due);
        }
    }
}

fn wanted(deployment: &Value) -> i64 {
    object::number(deployment, "/spec/replicas").unwrap_or(1)
}

/// A quarter more, rounded up; never fewer than wanted.
fn most(wanted: i64) -> i64 {
    wanted + (wanted + 3) / 4
}

fn revision(object: &Value) -> i64 {
    let stated = &object["metadata"]["annotations"][REVISION];
    stated.as_str().and_then(|r| r.parse().ok()).unwrap_or(0)
}

struct Sets {
    new: (Key, Arc<Value>),
    old: Vec<(Key, Arc<Value>)>,
}

fn replica_sets(store: &Store, key: &Key, deployment: &Value) -> (String, Option<Sets>) {
    let name = format!("{}-{}", key.name, object::digest(&deployment["spec"]["template"]));
    let owned = store.controlled(&kinds::REPLICA_SETS, &key.namespace, object::uid(deployment));
    let owned = owned.map(|(key, set)| (key.clone(), set.clone()));
    let (mut new, old): (Vec<_>, Vec<_>) = owned.partition(|(key, _)| key.name == name);
    let sets = new.pop().map(|new| Sets { new, old });
    (name, sets)
}

fn roll(store: &mut Store, key: &Key, deployment: &Value) {
    let wanted = wanted(deployment);
    let (name, sets) = replica_sets(store, key, deployment);
    let Some(sets) = sets else {
        create(store, key, deployment, &name);
        return;
    };
    let spec = |set: &Value| object::count(set, "/spec/replicas");
    let available = |set: &Value| object::count(set, "/status/availableReplicas");
    let (new_key, new) = &sets.new;
    let total: i64 = spec(new) + sets.old.iter().map(|(_, set)| spec(set)).sum::<i64>();
    let is_alone = sets.old.iter().all(|(_, set)| spec(set) == 0);
    let grown = match is_alone || spec(new) > wanted {
        true => wanted,
        false => (spec(new) + (most(wanted) - total).max(0)).min(wanted),
    };
    set_replicas(store, new_key, grown);
    // Old pods may go as far as enough others are available; those that are not available go first.
    let mut spare = total - wanted - (spec(new) - available(new)).max(0);
    let mut ready: i64 = available(new) + sets.old.iter().map(|(_, set)| available(set)).sum::<i64>();
    for (old_key, set) in &sets.old {
        let broken = (spec(set) - available(set)).clamp(0, spare.max(0));
        spare -= broken;
        let healthy = (ready - wanted).min(spare).clamp(0, spec(set) - broken);
        spare -= healthy;
        ready -= healthy;
        set_replicas(store, old_key, spec(set) - broken - healthy);
    }
    number(store, key, deployment, &sets);
}

fn create(store: &mut Store, key: &Key, deployment: &Value, name: &str) {
    let sets = store.controlled(&kinds::REPLICA_SETS, &key.namespace, object::uid(deployment));
    let (mut total, mut last) = (0, 0);
    for (_, set) in sets {
        total += object::count(set, "/spec/replicas");
        last = last.max(revision(set));
    }
    let wanted = wanted(deployment);
    let first = if total == 0 { wanted } else { (most(wanted) - total).clamp(0, wanted) };
    let hash = name.rsplit('-').next().unwrap_or(name);
    let mut spec = json!({
        "replicas": first,
        "selector": deployment["spec"]["selector"],
        "template": deployment["spec"]["template"],
    });
    if let Some(least) = object::number(deployment, "/spec/minReadySeconds") {
        spec["minReadySeconds"] = json!(least);
    }
    object::set(&mut spec, &format!("/selector/matchLabels/{HASH}"), json!(hash));
    object::set(&mut spec, &format!("/template/metadata/labels/{HASH}"), json!(hash));
    let body = json!({
        "metadata": {
            "name": name,
            "labels": spec["template"]["metadata"]["labels"],
            "annotations": {REVISION: (last + 1).to_string()},
            "ownerReferences": [object::owner_reference(deployment)],
        },
        "spec": spec,
    });
    let by = By::model(ACTOR, "create");
    let _ = store.create(&by, &kinds::REPLICA_SETS, &key.namespace, body);
}

fn set_replicas(store: &mut Store, key: &Key, replicas: i64) {
    if store.at(key).is_none_or(|set| object::count(set, "/spec/replicas") == replicas) {
        return;
    }
    store.modify(ACTOR, key, |set| {
        set["spec"]["replicas"] = json!(replicas);
        let generation = object::count(set, "/metadata/generation");
        set["metadata"]["generation"] = json!(generation + 1);
    });
}

/// The new set has the highest revision, also when a Deployment goes back to an old template.
fn number(store: &mut Store, key: &Key, deployment: &Value, sets: &Sets) {
    let highest = sets.old.iter().map(|(_, set)| revision(set)).max().unwrap_or(0);
    let (new_key, new) = &sets.new;
    let current = if revision(new) > highest { revision(new) } else { highest + 1 };
    for (key, object) in [(new_key, new.as_ref()), (key, deployment)] {
        if revision(object) != current {
            let pointer = format!("/metadata/annotations/{}", REVISION.replace('/', "~1"));
            store.modify(ACTOR, key, |object| object::set(object, &pointer, json!(current.to_string())));
        }
    }
}

fn report(world: &mut World, store: &mut Store, key: &Key, deployment: &Value, due: &mut Due) {
    let (_, sets) = replica_sets(store, key, deployment);
    let Some(sets) = sets else {
        return;
    };
    let all = || sets.old.iter().chain([&sets.new]).map(|(_, set)| set);
    let sum = |field: &str| {
        let pointer = format!("/status/{field}");
        all().map(|set| object::count(set, &pointer)).sum::<i64>()
    };
    let wanted = wanted(deployment);
    let (replicas, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = object::count(&sets.new.1, "/status/replicas");
    let up = object::count(&sets.new.1, "/status/availableReplicas");
    let complete = updated == wanted && replicas == wanted && available >= wanted && up >= wanted;
    let sign = format!("{} {replicas} {updated} {ready} {available}", deployment["metadata"]["generation"]);
    let late = is_late(world, store.clock.elapsed(), deployment, sign, complete, due);
    let now = store.clock.stamp();
    let Some(live) = store.at(key) else { return };
    let mut status = live["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    status["observedGeneration"] = live["metadata"]["generation"].clone();
    for (field, value) in [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", (replicas.max(wanted) - available).max(0)),
    ] {
        // Zero is absent, as it is in the real status.
        match value {
            0 => object::unset(&mut status, &format!("/{field}")),
            _ => status[field] = json!(value),
        }
    }
    let enough = available >= wanted;
    let reason = if enough { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" };
    object::set_condition(&mut status, &now, "Available", enough, reason);
    let reason = match (complete, late) {
        (true, _) => "NewReplicaSetAvailable",
        (false, true) => "ProgressDeadlineExceeded",
        (false, false) => "ReplicaSetUpdated",
    };
    object::set_condition(&mut status, &now, "Progressing", complete || !late, reason);
    store.report(ACTOR, key, status);
}

/// Whether nothing has moved for longer than the progress deadline.
fn is_late(world: &mut World, now: Moment, deployment: &Value, sign: String, complete: bool, due: &mut Due) -> bool {
    let uid = object::uid(deployment).to_owned();
    let seen = world.progress.entry(uid).or_insert_with(|| (now, String::new()));
    if seen.1 != sign || complete {
        *seen = (now, sign);
    }
    let limit = object::number(deployment, "/spec/progressDeadlineSeconds").unwrap_or(600);
    let end = seen.0 + Duration::from_secs(limit.max(0) as u64);
    if !complete && end > now {
        due.at(end);
    }
    !complete && end <= now
}
