//! What was written is what is read, and writing no share gives back the document as it was: for every provider.

#![allow(clippy::unwrap_used)]

use planner::{RevisionId, world::Share};
use proptest::{prelude::*, sample::select};
use providers::{GatewayApi, Istio, Names, Provider};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "web".into() }
}

fn providers() -> Vec<(&'static str, Box<dyn Provider>)> {
    vec![("gatewayAPI", Box::new(GatewayApi(names()))), ("istio", Box::new(Istio(names())))]
}

/// A backend of a rule, however it is spelt.
#[derive(Clone, Debug)]
struct Backend {
    service: &'static str,
    weight: Option<u64>,
}

fn backends() -> impl Strategy<Value = Vec<Backend>> {
    let other = (select(vec!["frontend", "legacy", "web-static", "blog"]), prop::option::weighted(0.8, 0u64..1000))
        .prop_map(|(service, weight)| Backend { service, weight });
    prop::collection::vec(other, 0..4)
}

/// Rules, of which the first sends something to the Service.
fn rules() -> impl Strategy<Value = Vec<Vec<Backend>>> {
    let ours = (1u64..1000, backends()).prop_map(|(weight, mut others)| {
        others.push(Backend { service: "frontend", weight: Some(weight) });
        others
    });
    (ours, prop::collection::vec(backends(), 0..3))
        .prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect())
}

fn route(provider: &str, rules: &[Vec<Backend>]) -> Value {
    let rule = |rule: &Vec<Backend>| {
        let entry = |b: &Backend| {
            let mut entry = match provider {
                "istio" => json!({ "destination": { "host": b.service, "port": { "number": 80 } } }),
                _ => json!({ "group": "", "kind": "Service", "name": b.service, "port": 80 }),
            };
            // The Gateway API's default is filled in by the API server.
            match (b.weight, provider) {
                // A single destination's weight of 1 means nothing, and is what no weight is taken for.
                (Some(1), "istio") => entry["weight"] = 2.into(),
                (Some(weight), _) => entry["weight"] = weight.into(),
                (None, "istio") => {}
                (None, _) => entry["weight"] = 1.into(),
            }
            entry
        };
        let list: Vec<_> = rule.iter().map(entry).collect();
        if provider == "istio" {
            json!({ "timeout": "5s", "route": list })
        } else {
            json!({ "backendRefs": list, "timeouts": { "request": "5s" } })
        }
    };
    let rules: Vec<_> = rules.iter().map(rule).collect();
    let (kind, spec) = match provider {
        "istio" => ("VirtualService", json!({ "hosts": ["frontend"], "http": rules })),
        _ => ("HTTPRoute", json!({ "parentRefs": [{ "name": "public" }], "rules": rules })),
    };
    json!({ "kind": kind, "metadata": { "name": "frontend", "namespace": "shop", "resourceVersion": "7" }, "spec": spec })
}

fn share(id: u32, percent: u32) -> Share {
    Share { candidate: RevisionId::parse(&format!("{id:08x}")).unwrap(), percent }
}

/// What the API server makes of a patch.
fn patched(route: &Value, patch: &[Value]) -> Value {
    let mut route = route.clone();
    for change in patch {
        let path = change["path"].as_str().unwrap();
        match change["op"].as_str().unwrap() {
            "test" => assert_eq!(route.pointer(path), Some(&change["value"]), "{path}"),
            "replace" => *route.pointer_mut(path).unwrap() = change["value"].clone(),
            other => panic!("{other}"),
        }
    }
    route
}

proptest! {
    #[test]
    fn what_was_written_is_read_and_no_share_gives_the_route_back(
        rules in rules(),
        shares in prop::collection::vec((0u32..3, 1u32..=99), 1..4),
    ) {
        for (name, provider) in providers() {
            let before = route(name, &rules);
            prop_assert_eq!(provider.read(&before).share, None);
            let mut now = before.clone();
            for (id, percent) in &shares {
                let want = share(*id, *percent);
                now = patched(&now, &provider.write(&now, Some(&want)).unwrap());
                let read = provider.read(&now);
                prop_assert_eq!((read.share, read.uneven), (Some(want.clone()), false), "{} {}", name, now);
                prop_assert!(provider.write(&now, Some(&want)).unwrap().is_empty(), "writing twice: {}", now);
            }
            let back = patched(&now, &provider.write(&now, None).unwrap());
            prop_assert_eq!(back, before, "{}", name);
        }
    }

    #[test]
    fn other_backends_keep_their_share_of_each_rule(rules in rules(), percent in 1u32..=99) {
        for (name, provider) in providers() {
            let before = route(name, &rules);
            let after = patched(&before, &provider.write(&before, Some(&share(1, percent))).unwrap());
            for (was, is) in lists(&before).iter().zip(lists(&after)) {
                let (was, is) = (weights(name, was), weights(name, &is));
                let all = |of: &[(String, u64)]| of.iter().map(|(_, w)| w).sum::<u64>();
                for other in ["legacy", "web-static", "blog"] {
                    let part = |of: &[(String, u64)]| of.iter().filter(|(s, _)| s == other).map(|(_, w)| w).sum::<u64>();
                    prop_assert_eq!(part(&was) * all(&is), part(&is) * all(&was), "{} {} {}", name, other, after);
                }
            }
        }
    }
}

fn lists(route: &Value) -> Vec<Vec<Value>> {
    let rules = route["spec"]["rules"].as_array().or(route["spec"]["http"].as_array()).unwrap();
    rules.iter().filter_map(|r| r.get("backendRefs").or(r.get("route"))?.as_array().cloned()).collect()
}

/// Services with the weights that count.
fn weights(provider: &str, list: &[Value]) -> Vec<(String, u64)> {
    let default = u64::from(provider != "istio" || list.len() == 1);
    let one = |e: &Value| {
        let name = e["name"].as_str().or(e["destination"]["host"].as_str()).unwrap();
        (name.to_owned(), e["weight"].as_u64().unwrap_or(default))
    };
    list.iter().map(one).collect()
}
