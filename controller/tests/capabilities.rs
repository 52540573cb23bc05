//! What each provider can do, as the pages print it: asked of the code and the rules that decide. `make docs` writes it anew.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{env, fs, time::Duration};

use controller::{policy, traffic};
use crds::RolloutPolicySpec;
use kube::CustomResourceExt;
use planner::{RevisionId, picks::Picks, policy::Step, world::Share};
use providers::{Around, Names, Provider};
use serde_json::{Value, json};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers/README.md");
const BEGIN: &str = "<!-- Generated from the code by `make docs`; do not edit. -->\n";
const END: &str = "<!-- End of what is generated. -->";
const CANDIDATE: &str = "790d254b";

/// A row of the table: what a policy names, and such a route at rest.
struct Row {
    name: &'static str,
    traffic: Value,
    route: Value,
}

fn rows() -> Vec<Row> {
    let http = |parent: Value| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata(),
            "spec": { "parentRefs": [parent], "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{ "name": "shop", "port": 80, "weight": 1 }],
            }] },
        })
    };
    let gateway = || http(json!({ "name": "public" }));
    let mut istios = gateway();
    let parent = json!({ "parentRef": { "name": "public" }, "controllerName": "istio.io/gateway-controller" });
    istios["status"] = json!({ "parents": [parent] });
    let mut grpc = gateway();
    grpc["kind"] = "GRPCRoute".into();
    grpc["spec"]["rules"][0].as_object_mut().unwrap().remove("matches");
    let virtual_service = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata(),
        "spec": { "hosts": ["shop"], "http": [{ "route": [{ "destination": { "host": "shop" } }] }] },
    });
    let of = |kind: &str| json!({ "routes": [{ "kind": kind, "name": "shop" }] });
    let row = |name, traffic, route| Row { name, traffic, route };
    vec![
        row("[`service`](service.md)", json!({ "service": {} }), Value::Null),
        row("[`gatewayAPI`](gateway-api.md), HTTPRoute", json!({ "gatewayAPI": of("HTTPRoute") }), gateway()),
        row("[`gatewayAPI`](gateway-api.md), HTTPRoute by Istio", json!({ "gatewayAPI": of("HTTPRoute") }), istios),
        row("[`gatewayAPI`](gateway-api.md), GRPCRoute", json!({ "gatewayAPI": of("GRPCRoute") }), grpc),
        row("[`istio`](istio.md)", json!({ "istio": { "virtualServices": ["shop"] } }), virtual_service),
        row(
            "[`linkerd`](linkerd.md)",
            json!({ "linkerd": of("HTTPRoute") }),
            http(json!({ "group": "core", "kind": "Service", "name": "shop", "port": 80 })),
        ),
    ]
}

fn metadata() -> Value {
    json!({ "name": "shop", "namespace": "shop", "generation": 3, "resourceVersion": "7" })
}

impl Row {
    fn spec(&self, canary: &Value) -> Option<RolloutPolicySpec> {
        let spec = json!({
            "workload": { "kind": "Deployment", "name": "shop" }, "service": { "name": "shop" },
            "traffic": self.traffic, "strategy": { "canary": canary },
        });
        serde_json::from_value(spec).ok()
    }

    fn provider(&self) -> Option<Box<dyn Provider + Send + Sync>> {
        let names = Names { namespace: "shop".into(), apex: "shop".into(), policy: "shop".into() };
        traffic::routes(&serde_json::from_value(self.traffic.clone()).unwrap(), names).map(|routes| routes.provider)
    }

    /// The step of a policy, where the controller takes it.
    fn step(&self, canary: &Value) -> Option<Step> {
        let spec = self.spec(canary)?;
        policy::parse(("web", "shop"), &spec, &spec, Duration::from_secs(15)).ok()?.steps().first().cloned()
    }

    /// Whether a policy may ask for that, the route is read without complaint, and what is written into it has these words.
    fn can(&self, step: &Value, words: &[&str]) -> bool {
        self.takes(&json!({ "steps": [step] }), words)
    }

    /// The same of a whole canary, of which the first step is looked at.
    fn takes(&self, canary: &Value, words: &[&str]) -> bool {
        let Some(Step { weight, picks, .. }) = self.step(canary) else { return false };
        let Some(provider) = self.provider() else { return picks.is_none() };
        let known: &[Picks] = if picks.is_none() { &[] } else { std::slice::from_ref(&picks) };
        if provider.read(&self.route, known).trouble.is_some() {
            return false;
        }
        let candidate = RevisionId::parse(CANDIDATE).unwrap();
        let share = Share { candidate, percent: weight.percent(), picks: picks.clone() };
        let patch = json!(provider.write(&self.route, Some(&share)).unwrap()).to_string();
        let written = patch.contains(CANDIDATE) && words.iter().all(|word| patch.contains(word));
        assert!(written, "{} takes {canary} and writes {patch}", self.name);
        true
    }

    fn weights(&self) -> String {
        let all: Vec<_> =
            (1..=100).filter(|weight| self.can(&json!({ "weight": weight, "bake": "1m" }), &[])).collect();
        let (first, last) = (all[0], all[all.len() - 1]);
        assert_eq!(all, (first..=last).collect::<Vec<_>>(), "{}", self.name);
        format!("{first} to {last}")
    }

    fn cells(&self) -> Vec<String> {
        let matching = |of: Value| json!({ "match": [of], "bake": "1m" });
        let header = matching(json!({ "headers": [{ "name": "x-canary", "exact": "insider" }] }));
        let cookie = matching(json!({ "cookie": { "name": "canary", "value": "always" } }));
        let staying = json!({ "steps": [{ "weight": 10, "bake": "1m" }], "stickiness": { "cookie": {} } });
        let copies = json!({ "mirror": { "percent": 20, "methods": ["GET"] }, "bake": "1m" });
        let yes = |can: bool| if can { "yes" } else { "no" }.to_owned();
        let provider = self.provider();
        let status = provider.as_ref().is_some_and(|p| p.pending(&self.route, &Around::default()).is_some());
        let rules = match provider.map(|p| p.at_once()) {
            None => "none",
            Some(true) => "at once",
            Some(false) => "asleep first",
        };
        vec![
            self.name.to_owned(),
            self.weights(),
            yes(self.can(&header, &["x-canary", "insider"])),
            yes(self.can(&cookie, &["cookie", "canary=always"])),
            yes(self.takes(&staying, &["set-cookie", "sluice=", "Max-Age=3600"])),
            yes(self.can(&copies, &["irror", "20", "GET"])),
            rules.to_owned(),
            yes(status),
            self.measured_by().join(", "),
        ]
    }

    /// Values of `analysis.measuredBy` that the rules of the custom resource let stand beside this.
    fn measured_by(&self) -> Vec<String> {
        let definition = serde_json::to_value(crds::RolloutPolicy::crd()).unwrap();
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let rules: Vec<_> = spec["x-kubernetes-validations"].as_array().unwrap().iter().collect();
        let rules: Vec<_> = rules.into_iter().filter_map(|r| r["rule"].as_str()).collect();
        // What it says of strategies is no matter of the provider.
        let about = |rule: &&str| rule.contains("measuredBy") && !rule.contains("strategy");
        let rules: Vec<_> = rules.into_iter().filter(about).collect();
        assert!(!rules.is_empty(), "no rule speaks of measuredBy");
        let values = spec["properties"]["analysis"]["properties"]["measuredBy"]["enum"].as_array().unwrap();
        let values = values.iter().map(|v| v.as_str().unwrap());
        let stands = |value: &&str| rules.iter().all(|rule| self.holds(rule, value));
        values.filter(stands).map(|value| format!("`{value}`")).collect()
    }

    /// Whether a rule holds that asks only which provider there is, and what measures.
    fn holds(&self, rule: &str, measured_by: &str) -> bool {
        let mut rule = rule.replace("has(self.analysis)", "true");
        for provider in ["service", "gatewayAPI", "istio", "linkerd"] {
            let is = self.traffic.get(provider).is_some().to_string();
            rule = rule.replace(&format!("has(self.traffic.{provider})"), &is);
        }
        for value in ["Application", "Istio", "EnvoyGateway", "Linkerd", "Traefik"] {
            let is = (value == measured_by).to_string();
            rule = rule.replace(&format!("self.analysis.measuredBy == '{value}'"), &is);
        }
        truth(rule.trim())
    }
}

/// What comes of truths with `||`, `&&`, `!` and brackets.
fn truth(text: &str) -> bool {
    let or = parts(text, "||");
    if or.len() > 1 {
        return or.into_iter().any(truth);
    }
    let and = parts(text, "&&");
    if and.len() > 1 {
        return and.into_iter().all(truth);
    }
    if let Some(not) = text.strip_prefix('!') {
        return !truth(not);
    }
    match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => truth(inner.trim()),
        None => text.parse().unwrap_or_else(|_| panic!("a rule that this cannot read: {text}")),
    }
}

/// The parts of a text between these signs, where they stand in no bracket.
fn parts<'a>(text: &'a str, sign: &str) -> Vec<&'a str> {
    let (mut all, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= from && text[at..].starts_with(sign) => {
                all.push(text[from..at].trim());
                from = at + sign.len();
            }
            _ => {}
        }
    }
    all.push(text[from..].trim());
    all
}

fn table() -> String {
    let head = [
        "`traffic`",
        "weights",
        "`match` by header",
        "by cookie",
        "`stickiness`",
        "`mirror`",
        "rules of Sluice's own",
        "waits for a status",
        "`measuredBy`",
    ];
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rows = rows().iter().map(|row| line(&row.cells())).collect::<String>();
    format!("{}|{}\n{rows}", line(&head.map(str::to_owned)), "---|".repeat(head.len()))
}

#[test]
fn the_table_of_the_pages_is_what_the_providers_do() {
    let page = fs::read_to_string(PAGE).unwrap_or_else(|error| panic!("{PAGE}: {error}"));
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let generated = format!("{head}{BEGIN}{}{END}{tail}", table());
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(PAGE, &generated).unwrap();
    } else {
        assert!(page == generated, "docs/providers/README.md is not what the code does: run `make docs`\n{generated}");
    }
}
