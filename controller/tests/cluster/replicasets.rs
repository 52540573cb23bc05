//! ReplicaSets: as many pods as asked for, and which of them go first.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    kinds::{self, Key},
    object,
    selector::Selector,
    store::{By, Store},
    world::Due,
};

const ACTOR: &str = "replicaset-controller";

/// Whether a pod counts: it has neither finished nor been told to end.
fn is_active(pod: &Value) -> bool {
    let phase = object::text(pod, "/status/phase");
    phase != "Succeeded" && phase != "Failed" && !object::is_terminating(pod)
}

pub fn step(store: &mut Store, due: &mut Due) {
    for key in store.keys(&kinds::REPLICA_SETS) {
        let set = store.at(&key).unwrap().clone();
        if !object::is_terminating(&set) {
            scale(store, &key, &set);
        }
        report(store, &key, &set, due);
    }
}

/// The pods that the set owns and selects, after adopting and releasing.
fn claim(store: &mut Store, key: &Key, set: &Value) -> Vec<(Key, Arc<Value>)> {
    let selector = Selector::of(&set["spec"]["selector"]);
    let uid = object::uid(set);
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    for (pod_key, pod) in store.of(&kinds::PODS, &key.namespace) {
        let fits = selector.matches_labels(&pod["metadata"]["labels"]);
        let owner = object::controller_of(pod);
        let owned = owner.is_some_and(|owner| owner["uid"] == uid);
        if fits && owned {
            mine.push((pod_key.clone(), pod.clone()));
        } else if owned || (fits && owner.is_none() && is_active(pod)) {
            others.push((pod_key.clone(), owned));
        }
    }
    for (pod_key, release) in others {
        store.modify(ACTOR, &pod_key, |pod| {
            if release {
                object::unset(pod, "/metadata/ownerReferences");
            } else {
                pod["metadata"]["ownerReferences"] = json!([object::owner_reference(set)]);
            }
        });
    }
    mine
}

fn scale(store: &mut Store, key: &Key, set: &Value) {
    let mut pods = claim(store, key, set);
    pods.retain(|(_, pod)| is_active(pod));
    let wanted = object::count(set, "/spec/replicas").max(0) as usize;
    for _ in pods.len()..wanted {
        let template = &set["spec"]["template"];
        let mut body = json!({"metadata": template["metadata"], "spec": template["spec"]});
        body["metadata"]["generateName"] = json!(format!("{}-", key.name));
        body["metadata"]["ownerReferences"] = json!([object::owner_reference(set)]);
        let _ = store.create(&By::model(ACTOR, "create"), &kinds::PODS, &key.namespace, body);
    }
    if pods.len() > wanted {
        pods.sort_by_key(|(key, pod)| (rank(pod), key.name.clone()));
        let surplus = pods.len() - wanted;
        for (pod, _) in pods.into_iter().take(surplus) {
            let _ = store.delete(&By::model(ACTOR, "delete"), &pod, &json!({}));
        }
    }
}

/// The smallest goes first: unscheduled, not ready, cheap to delete, often restarted, young.
fn rank(pod: &Value) -> (bool, bool, i64, i64, std::cmp::Reverse<String>) {
    let cost = &pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"];
    let cost = cost.as_str().and_then(|c| c.parse().ok()).unwrap_or(0);
    let restarts = object::count(pod, "/status/containerStatuses/0/restartCount");
    let created = object::text(pod, "/metadata/creationTimestamp").to_owned();
    (
        !object::text(pod, "/spec/nodeName").is_empty(),
        object::is_true(pod, "Ready"),
        cost,
        -restarts,
        std::cmp::Reverse(created),
    )
}

fn report(store: &mut Store, key: &Key, set: &Value, due: &mut Due) {
    let now = store.clock.now();
    let least = object::count(set, "/spec/minReadySeconds");
    let (mut replicas, mut ready, mut available) = (0, 0, 0);
    for (_, pod) in store.controlled(&kinds::PODS, &key.namespace, object::uid(set)) {
        if !is_active(pod) {
            continue;
        }
        replicas += 1;
        if let Some(condition) = object::condition(pod, "Ready").filter(|c| c["status"] == "True") {
            ready += 1;
            let since = object::text(condition, "/lastTransitionTime").parse();
            let since = since.unwrap_or(now) + chrono::TimeDelta::seconds(least);
            if least == 0 || since <= now {
                available += 1;
            } else {
                due.at(store.clock.moment(since) + Duration::from_millis(1));
            }
        }
    }
    let status = json!({
        "replicas": replicas, "fullyLabeledReplicas": replicas,
        "readyReplicas": ready, "availableReplicas": available,
        "observedGeneration": set["metadata"]["generation"],
    });
    store.report(ACTOR, key, status);
}
