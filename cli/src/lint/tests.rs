use serde_json::{Value, json};

use super::*;
use crate::fixtures::spec;

fn policy(change: impl FnOnce(&mut Value)) -> Document {
    let mut value = json!({ "apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": { "name": "shop" }, "spec": spec() });
    change(&mut value);
    Document { number: 1, value }
}

fn said(change: impl FnOnce(&mut Value)) -> Vec<String> {
    faults(&policy(change)).into_iter().map(|f| format!("{}: {}", f.path, f.words)).collect()
}

#[track_caller]
fn only(change: impl FnOnce(&mut Value), wanted: &str) {
    let said = said(change);
    assert!(said.len() == 1 && said[0].starts_with(wanted), "{said:#?}");
}

#[test]
fn a_good_policy_has_no_fault() {
    assert_eq!(said(|_| ()), Vec::<String>::new());
}

#[test]
fn an_unknown_field_is_named_with_the_one_that_was_perhaps_meant() {
    only(
        |p| p["spec"]["gates"][0]["sute"] = json!({}),
        "spec.gates[0].sute: there is no such field (did you mean suite?)",
    );
    only(
        |p| p["spec"]["analysis"]["metrics"][0]["objective"]["maximum"] = json!(1),
        "spec.analysis.metrics[0].objective.maximum: there is no such field",
    );
    only(|p| p["specs"] = json!({}), "specs: there is no such field (did you mean spec?)");
    only(|p| p["data"] = json!({}), "data: there is no such field");
}

#[test]
fn what_stands_in_the_rules_of_a_route_is_the_kinds_own_and_what_stands_around_them_is_known() {
    let held = |traffic: Value| said(move |p| p["spec"]["traffic"] = traffic);
    let rules = json!([{ "timeouts": { "request": "10s" } }, { "anything": [{ "that": "comes" }] }]);
    let route = json!({ "parentRefs": [{ "name": "public", "futureField": 1 }], "rules": rules });
    assert_eq!(held(json!({ "gatewayAPI": { "route": route } })), Vec::<String>::new());
    assert_eq!(held(json!({ "istio": { "virtualService": { "http": rules } } })), Vec::<String>::new());
    let without = held(json!({ "gatewayAPI": { "route": { "hostname": "shop.example.com", "rules": ["x"] } } }));
    let wanted = [
        "spec.traffic.gatewayAPI.route.hostname: there is no such field (did you mean hostnames?)",
        "spec.traffic.gatewayAPI.route.rules[0]: must be an object, and is \"x\"",
        "spec.traffic.gatewayAPI.route.parentRefs: is required",
    ];
    for wanted in wanted {
        assert!(without.iter().any(|said| said.starts_with(wanted)), "{without:#?}");
    }
}

#[test]
fn what_is_missing_or_of_another_form_is_told_where_it_is() {
    only(|p| drop(p["spec"].as_object_mut().unwrap().remove("service")), "spec.service: is required");
    only(|p| p["spec"]["replicas"] = json!("4"), "spec.replicas: must be a whole number, and is \"4\"");
    only(
        |p| p["spec"]["gates"][0]["at"] = json!("trafic"),
        "spec.gates[0].at: is \"trafic\" (did you mean traffic?); it can be: ",
    );
    only(|p| p["spec"]["history"] = json!(50), "spec.history: is 50, and must be 1 to 20");
    only(|p| p["spec"]["settle"] = json!("5 s"), "spec.settle: \"5 s\": must be a duration");
    only(
        |p| p["spec"]["gates"][0]["name"] = json!("Not A Label"),
        "spec.gates[0].name: \"Not A Label\": a gate's name is made of",
    );
}

#[test]
fn a_window_that_cannot_be_read_is_told_with_what_to_write() {
    let window = |schedule: &str, zone: &str| {
        let window = json!({ "schedule": schedule, "duration": "8h", "timeZone": zone });
        json!({ "name": "office", "at": "start", "window": window })
    };
    assert_eq!(said(|p| p["spec"]["gates"][0] = window("0 9 * * 1-5", "Europe/Paris")), Vec::<String>::new());
    let cannot = "spec: the window of gate office: ";
    only(
        |p| p["spec"]["gates"][0] = window("0 9 31 2 *", "UTC"),
        &format!("{cannot}schedule \"0 9 31 2 *\" names a day"),
    );
    only(
        |p| p["spec"]["gates"][0] = window("0 24 * * *", "UTC"),
        &format!("{cannot}schedule \"0 24 * * *\" is no cron"),
    );
    only(
        |p| p["spec"]["gates"][0] = window("0 9 * * *", "Paris"),
        &format!("{cannot}timeZone \"Paris\" is no time zone"),
    );
}

#[test]
fn what_the_controller_would_refuse_is_told() {
    only(
        |p| p["spec"]["strategy"]["canary"]["steps"][1]["weight"] = json!(70),
        "spec: weight 70 is not within 1 to 50",
    );
    only(
        |p| p["spec"]["strategy"]["canary"]["steps"][1]["weight"] = json!(10),
        "spec.strategy.canary.steps[1].weight: the weights of the steps must rise",
    );
    only(
        |p| p["spec"]["strategy"]["canary"]["steps"][0]["bake"] = json!("5s"),
        "spec.strategy.canary.steps[0].bake: a bake of 5s is shorter",
    );
    only(|p| p["spec"]["gates"][1]["name"] = json!("conformance"), "spec.gates: the name conformance is there twice");
    only(|p| p["metadata"]["name"] = json!("x".repeat(41)), "metadata.name: a policy's name may have at most 40");
    only(|p| p["spec"]["dependsOn"] = json!(["shop"]), "spec.dependsOn: shop cannot depend on itself");
}

#[test]
fn a_kind_and_a_version_that_there_are_not_are_told() {
    only(|p| p["kind"] = json!("RolloutPolcy"), "kind: there is no kind RolloutPolcy (did you mean RolloutPolicy?)");
    only(
        |p| p["apiVersion"] = json!("sluice.dev/v1"),
        "apiVersion: is \"sluice.dev/v1\", and this program knows sluice.dev/v1alpha1",
    );
}

/// What is said of an object of another kind.
fn of_other(kind: &str, at: &str, key: &str, text: Value) -> Vec<String> {
    let mut value = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "shop" } });
    let annotations = json!({ key: text });
    match at {
        "itself" => value["metadata"]["annotations"] = annotations,
        _ => value["spec"]["template"]["metadata"]["annotations"] = annotations,
    }
    let document = Document { number: 1, value };
    assert!(!ours(&document) && annotations::ask(&document.value), "{kind} {at} {key} is left out");
    faults(&document).into_iter().map(|f| format!("{}: {}", f.path, f.words)).collect()
}

#[test]
fn a_freeze_that_cannot_be_read_is_told_in_the_controllers_words() {
    let good = ["2026-12-20/2027-01-03 year-end closing", "on incident 42", "2026-12-20/.. x", "on"];
    for key in ["sluice.dev/freeze", "sluice.dev/freeze-all"] {
        for text in good {
            assert_eq!(of_other("Namespace", "itself", key, json!(text)), Vec::<String>::new(), "{text}");
        }
        for text in ["next week", "", "2027-01-03/2026-12-20 turned"] {
            let controller = crds::freeze::read(text, "here").reason;
            assert!(controller.contains("cannot be read, and counts as a freeze; write START/END"), "{controller}");
            let said = of_other("Namespace", "itself", key, json!(text));
            assert_eq!(said, [format!("metadata.annotations[{key}]: {controller}")]);
        }
    }
    let said = of_other("Namespace", "itself", "sluice.dev/freeze", json!(true));
    assert_eq!(said, ["metadata.annotations[sluice.dev/freeze]: must be a text, and is true: put it in quotes"]);
}

#[test]
fn a_freeze_that_nobody_reads_is_told() {
    let said = of_other("Namespace", "itself", "sluice.dev/freezes", json!("on x"));
    let wanted =
        "metadata.annotations[sluice.dev/freezes]: is not heeded on a Namespace (did you mean sluice.dev/freeze?)";
    assert!(said.len() == 1 && said[0].starts_with(wanted), "{said:?}");
    for (kind, at) in [("Deployment", "itself"), ("Deployment", "template"), ("Service", "itself")] {
        let said = of_other(kind, at, "sluice.dev/freeze", json!("on x"));
        assert!(said.len() == 1 && said[0].ends_with("it belongs on a Namespace"), "{kind}: {said:?}");
    }
    only(
        |p| p["metadata"]["annotations"] = json!({ "sluice.dev/freeze": "on x" }),
        "metadata.annotations[sluice.dev/freeze]: freezes nothing here",
    );
}

#[test]
fn an_emergency_has_a_reason_in_the_pod_template_and_a_namespace_allows_or_forbids() {
    let key = "sluice.dev/emergency";
    assert_eq!(of_other("Deployment", "template", key, json!("CVE-2026-1234")), Vec::<String>::new());
    let said = of_other("Deployment", "template", key, json!("  "));
    let none = "the annotation sluice.dev/emergency of the pod template gives no reason";
    assert_eq!(said, [format!("spec.template.metadata.annotations[{key}]: {none}")]);
    let said = of_other("Deployment", "itself", key, json!("CVE-2026-1234"));
    let wanted = "is not heeded here: why a version is urgent belongs in spec.template.metadata.annotations";
    assert_eq!(said, [format!("metadata.annotations[{key}]: {wanted}")]);
    for known in ["Allowed", "Forbidden"] {
        assert_eq!(of_other("Namespace", "itself", key, json!(known)), Vec::<String>::new());
    }
    let said = of_other("Namespace", "itself", key, json!("allowed"));
    assert_eq!(
        said,
        [format!(
            "metadata.annotations[{key}]: is \"allowed\", and counts as Forbidden; it can be: Allowed, Forbidden"
        )]
    );
}

#[test]
fn objects_of_other_kinds_that_ask_nothing_of_sluice_are_left_out() {
    for (kind, key) in [("Namespace", "example.com/freeze"), ("Service", "sluice.dev/allow-candidate")] {
        let value = json!({ "kind": kind, "metadata": { "name": "shop", "annotations": { key: "true" } } });
        assert!(!annotations::ask(&value), "{kind} {key}");
    }
}

#[test]
fn every_object_that_the_real_api_server_takes_has_no_fault_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kind-tests/tests/crds/good");
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in files(&[folder]).unwrap() {
        // Statuses are there by themselves too.
        for document in documents::read(&path).unwrap().into_iter().filter(ours) {
            seen += 1;
            let kept = faults(&document).into_iter().map(|fault| line(&path, &document, &fault));
            wrong.extend(kept);
        }
    }
    assert!(seen >= 10, "{seen} documents");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn documents_are_counted_and_lists_taken_apart() {
    let text = "# a comment\n---\nkind: A\n---\n---\nkind: List\nitems:\n- {kind: B}\n- {kind: C}\n";
    let found: Vec<_> =
        documents::parse(text).unwrap().into_iter().map(|d| (d.number, d.value["kind"].to_string())).collect();
    assert_eq!(found, [(1, "\"A\"".to_owned()), (3, "\"B\"".into()), (3, "\"C\"".into())]);
    let template = documents::parse("a: {{ .Values.x }}\n").unwrap_err();
    assert!(template.contains("helm template"), "{template}");
}

#[test]
fn faults_are_data_with_file_document_and_path_and_end_with_an_error() {
    let folder = std::env::temp_dir().join(format!("sluice-lint-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let bad = policy(|p| p["spec"]["historry"] = json!(3)).value;
    let frozen =
        json!({ "kind": "Namespace", "metadata": { "name": "shop", "annotations": { "sluice.dev/freeze": "soon" } } });
    std::fs::write(folder.join("a.yaml"), format!("kind: Service\n---\n{bad}\n---\n{frozen}\n")).unwrap();
    let out = crate::fixtures::Written::default();
    let mut screen = Screen::new(out.clone(), std::io::sink());
    let failure = alone(&Lint { files: vec![folder.clone()], server: false }, &mut screen).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(failure.message, "2 faults in 2 documents (1 of other kinds left out)");
    let wanted = format!(
        "{}:2: RolloutPolicy shop: spec.historry: there is no such field (did you mean history?)",
        folder.join("a.yaml").display()
    );
    assert!(out.text().starts_with(&wanted), "{}", out.text());
    let wanted = ":3: Namespace shop: metadata.annotations[sluice.dev/freeze]: \"soon\" cannot be read";
    assert!(out.text().contains(wanted), "{}", out.text());
}
