//! The defaults that the API server fills in, as far as someone might compare them.

use serde_json::{Value, json};

use super::{clock::Rng, kinds::Kind, object};

pub fn fill(kind: &Kind, object: &mut Value, rng: &mut Rng) {
    match kind.kind {
        "Deployment" => {
            for (pointer, value) in [
                ("/spec/replicas", json!(1)),
                ("/spec/progressDeadlineSeconds", json!(600)),
                ("/spec/revisionHistoryLimit", json!(10)),
                ("/spec/strategy/type", json!("RollingUpdate")),
            ] {
                object::default(object, pointer, value);
            }
            if object["spec"]["strategy"]["type"] == "RollingUpdate" {
                for bound in ["maxSurge", "maxUnavailable"] {
                    let pointer = format!("/spec/strategy/rollingUpdate/{bound}");
                    object::default(object, &pointer, json!("25%"));
                }
            }
            template(object);
        }
        "ReplicaSet" => {
            object::default(object, "/spec/replicas", json!(1));
            template(object);
        }
        "Job" => job(object),
        "Pod" => {
            object::default(object, "/status/phase", json!("Pending"));
            object::default(object, "/status/qosClass", json!("BestEffort"));
            object::default(object, "/spec/enableServiceLinks", json!(true));
            object::default(object, "/spec/serviceAccountName", json!("default"));
            pod_spec(&mut object["spec"]);
        }
        "Service" => service(object, rng),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            object::default(object, "/spec/finalizers", json!(["kubernetes"]));
            object::default(object, "/status/phase", json!("Active"));
            object::set(object, "/metadata/labels/kubernetes.io~1metadata.name", name);
        }
        "HTTPRoute" if kind.group == "gateway.networking.k8s.io" => route(object),
        "Secret" => object::default(object, "/type", json!("Opaque")),
        _ => {}
    }
}

fn template(object: &mut Value) {
    if object["spec"]["template"].is_object() {
        pod_spec(&mut object["spec"]["template"]["spec"]);
    }
}

fn pod_spec(spec: &mut Value) {
    for (pointer, value) in [
        ("/restartPolicy", json!("Always")),
        ("/terminationGracePeriodSeconds", json!(30)),
        ("/dnsPolicy", json!("ClusterFirst")),
        ("/schedulerName", json!("default-scheduler")),
        ("/securityContext", json!({})),
    ] {
        object::default(spec, pointer, value);
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let image = object::text(container, "/image");
            let always = image.ends_with(":latest") || !image.contains([':', '@']);
            let pull = if always { "Always" } else { "IfNotPresent" };
            for (pointer, value) in [
                ("/imagePullPolicy", json!(pull)),
                ("/resources", json!({})),
                ("/terminationMessagePath", json!("/dev/termination-log")),
                ("/terminationMessagePolicy", json!("File")),
            ] {
                object::default(container, pointer, value);
            }
            protocols(container);
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                if container[probe].is_object() {
                    self::probe(&mut container[probe]);
                }
            }
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        for source in ["configMap", "secret"] {
            if volume[source].is_object() {
                object::default(volume, &format!("/{source}/defaultMode"), json!(420));
            }
        }
    }
    object::without_nulls(spec);
}

fn probe(probe: &mut Value) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        object::default(probe, &format!("/{field}"), json!(value));
    }
    if probe["httpGet"].is_object() {
        object::default(probe, "/httpGet/path", json!("/"));
        object::default(probe, "/httpGet/scheme", json!("HTTP"));
    }
}

fn protocols(container: &mut Value) {
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        object::default(port, "/protocol", json!("TCP"));
    }
}

fn job(object: &mut Value) {
    for (pointer, value) in [
        ("/spec/backoffLimit", json!(6)),
        ("/spec/completions", json!(1)),
        ("/spec/parallelism", json!(1)),
        ("/spec/completionMode", json!("NonIndexed")),
        ("/spec/suspend", json!(false)),
        ("/spec/manualSelector", json!(false)),
        ("/spec/podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        object::default(object, pointer, value);
    }
    let (name, uid) = (object::name(object).to_owned(), object::uid(object).to_owned());
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    object::default(object, "/spec/selector", selector);
    for (key, value) in [
        ("batch.kubernetes.io~1controller-uid", &uid),
        ("batch.kubernetes.io~1job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        let pointer = format!("/spec/template/metadata/labels/{key}");
        object::default(object, &pointer, json!(value));
    }
    template(object);
}

fn route(object: &mut Value) {
    let list = |of: &mut Value, field: &str| of[field].as_array_mut().map(std::mem::take).unwrap_or_default();
    let spec = &mut object["spec"];
    let mut parents = list(spec, "parentRefs");
    for parent in &mut parents {
        object::default(parent, "/group", json!("gateway.networking.k8s.io"));
        object::default(parent, "/kind", json!("Gateway"));
    }
    let mut rules = list(spec, "rules");
    for rule in &mut rules {
        object::default(rule, "/matches", json!([{ "path": { "type": "PathPrefix", "value": "/" } }]));
        for backend in rule.get_mut("backendRefs").and_then(Value::as_array_mut).into_iter().flatten() {
            for (field, value) in [("/group", json!("")), ("/kind", json!("Service")), ("/weight", json!(1))] {
                object::default(backend, field, value);
            }
        }
    }
    (spec["parentRefs"], spec["rules"]) = (parents.into(), rules.into());
}

fn service(object: &mut Value, rng: &mut Rng) {
    for (pointer, value) in [("/spec/type", json!("ClusterIP")), ("/spec/sessionAffinity", json!("None"))] {
        object::default(object, pointer, value);
    }
    if object["spec"]["type"] != "ExternalName" {
        if object.pointer("/spec/clusterIP").is_none() {
            let ip = format!("10.96.{}.{}", rng.below(256), rng.below(254) + 1);
            object["spec"]["clusterIP"] = json!(ip);
        }
        let ip = object["spec"]["clusterIP"].clone();
        object::default(object, "/spec/clusterIPs", json!([ip]));
        for (pointer, value) in [
            ("/spec/internalTrafficPolicy", json!("Cluster")),
            ("/spec/ipFamilies", json!(["IPv4"])),
            ("/spec/ipFamilyPolicy", json!("SingleStack")),
        ] {
            object::default(object, pointer, value);
        }
    }
    for port in object["spec"].get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let number = port["port"].clone();
        object::default(port, "/protocol", json!("TCP"));
        object::default(port, "/targetPort", number);
    }
    object::default(object, "/status/loadBalancer", json!({}));
}
