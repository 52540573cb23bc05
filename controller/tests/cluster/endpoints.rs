//! EndpointSlices: the pods that a Service selects, a little later. One slice per Service.

use serde_json::{Value, json};

use super::{
    kinds::{self, Key},
    object,
    selector::Selector,
    store::{By, Store},
    world::{Due, World},
};

const ACTOR: &str = "endpointslice-controller";
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

pub fn step(world: &mut World, store: &mut Store, due: &mut Due) {
    let now = store.clock.elapsed();
    world.slices.retain(|key, _| store.at(key).is_some());
    for key in store.keys(&kinds::SERVICES) {
        let service = store.at(&key).unwrap().clone();
        let has_selector = object::map(&service, "/spec/selector").is_some_and(|s| !s.is_empty());
        if !has_selector || service["spec"]["type"] == "ExternalName" || object::is_terminating(&service) {
            continue;
        }
        let slice = slice_of(store, &service, &key);
        let wanted = wanted(store, &service, &key);
        let current = slice.as_ref().and_then(|slice| store.at(slice));
        if current.is_some_and(|slice| is_current(slice, &wanted)) {
            world.slices.remove(&key);
            continue;
        }
        let (least, most) = world.slice_lag;
        let lag = world.rng.between(least, most);
        let when = *world.slices.entry(key.clone()).or_insert(now + lag);
        if when > now {
            due.at(when);
            continue;
        }
        world.slices.remove(&key);
        write(store, &service, &key, slice.as_ref(), wanted);
    }
}

fn slice_of(store: &Store, service: &Value, key: &Key) -> Option<Key> {
    let slices = store.controlled(&kinds::ENDPOINT_SLICES, &key.namespace, object::uid(service));
    slices.map(|(key, _)| key.clone()).next()
}

fn wanted(store: &Store, service: &Value, key: &Key) -> Value {
    let selector = Selector::equal(&service["spec"]["selector"]);
    let eager = object::flag(service, "/spec/publishNotReadyAddresses");
    let (mut endpoints, mut ports) = (Vec::new(), None);
    for (_, pod) in store.of(&kinds::PODS, &key.namespace) {
        let phase = object::text(pod, "/status/phase");
        let ip = object::text(pod, "/status/podIP");
        if ip.is_empty()
            || phase == "Succeeded"
            || phase == "Failed"
            || !selector.matches_labels(&pod["metadata"]["labels"])
        {
            continue;
        }
        ports.get_or_insert_with(|| resolved(service, Some(pod)));
        let serving = object::is_true(pod, "Ready") || eager;
        let terminating = object::is_terminating(pod);
        endpoints.push(json!({
            "addresses": [ip],
            "conditions": {"ready": serving && !terminating, "serving": serving, "terminating": terminating},
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {"kind": "Pod", "namespace": key.namespace, "name": object::name(pod), "uid": object::uid(pod)},
        }));
    }
    let mut labels = service["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels[SERVICE_NAME] = json!(key.name);
    labels[MANAGED_BY] = json!("endpointslice-controller.k8s.io");
    if service["spec"]["clusterIP"] == "None" {
        labels["service.kubernetes.io/headless"] = json!("");
    }
    let ports = ports.unwrap_or_else(|| resolved(service, None));
    json!({"labels": labels, "endpoints": endpoints, "ports": ports})
}

/// The ports of the slice: numbers, where the Service may have names of container ports.
fn resolved(service: &Value, pod: Option<&std::sync::Arc<Value>>) -> Value {
    let by_name = |name: &str| {
        let ports = object::items(pod?, "/spec/containers/0/ports");
        let found = ports.iter().find(|port| port["name"] == name)?;
        object::number(found, "/containerPort")
    };
    let ports = object::items(service, "/spec/ports").iter().map(|port| {
        let number = match &port["targetPort"] {
            Value::String(name) => by_name(name),
            number => number.as_i64(),
        };
        json!({"name": object::text(port, "/name"), "protocol": port["protocol"], "port": number})
    });
    ports.collect()
}

fn is_current(slice: &Value, wanted: &Value) -> bool {
    slice["endpoints"] == wanted["endpoints"]
        && slice["ports"] == wanted["ports"]
        && slice["metadata"]["labels"] == wanted["labels"]
}

fn write(store: &mut Store, service: &Value, key: &Key, slice: Option<&Key>, mut wanted: Value) {
    if let Some(slice) = slice {
        store.modify(ACTOR, slice, |slice| {
            let generation = object::count(slice, "/metadata/generation");
            slice["metadata"]["generation"] = json!(generation + 1);
            slice["metadata"]["labels"] = wanted["labels"].take();
            slice["endpoints"] = wanted["endpoints"].take();
            slice["ports"] = wanted["ports"].take();
        });
        return;
    }
    let body = json!({
        "metadata": {
            "generateName": format!("{}-", key.name),
            "labels": wanted["labels"],
            "ownerReferences": [object::owner_reference(service)],
        },
        "addressType": "IPv4", "endpoints": wanted["endpoints"], "ports": wanted["ports"],
    });
    let by = By::model(ACTOR, "create");
    let _ = store.create(&by, &kinds::ENDPOINT_SLICES, &key.namespace, body);
}
