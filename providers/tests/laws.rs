//! What was written is what is read, and writing no share gives back the document as it was: for every provider.

#![allow(clippy::unwrap_used)]

use planner::{
    RevisionId,
    picks::{Match, Mirror, Picks, Sticky, Text},
    world::Share,
};
use proptest::{prelude::*, sample::select};
use providers::{GatewayApi, Istio, Linkerd, Made, Names, Provider, Reading, is_astray, restored};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "web".into() }
}

fn providers() -> Vec<(&'static str, Box<dyn Provider>)> {
    vec![
        ("gatewayAPI", Box::new(GatewayApi(names()))),
        ("istio", Box::new(Istio(names()))),
        ("linkerd", Box::new(Linkerd::new(names()))),
    ]
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

/// Rules as somebody may have left them in the middle of a release: candidates anywhere among the others, with any weight.
fn left_behind() -> impl Strategy<Value = Vec<Vec<Backend>>> {
    let services = vec!["frontend", "legacy", "web-00000001", "web-00000002"];
    let weight = prop_oneof![Just(Some(0)), (0u64..1000).prop_map(Some), Just(None)];
    let backend = (select(services), weight).prop_map(|(service, weight)| Backend { service, weight });
    prop::collection::vec(prop::collection::vec(backend, 1..5), 1..3)
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
            let matches = json!([{ "path": { "type": "PathPrefix", "value": "/" } }]);
            json!({ "matches": matches, "backendRefs": list, "timeouts": { "request": "5s" } })
        }
    };
    let rules: Vec<_> = rules.iter().map(rule).collect();
    let (kind, spec) = match provider {
        "istio" => ("VirtualService", json!({ "hosts": ["frontend"], "http": rules })),
        "linkerd" => ("HTTPRoute", json!({ "parentRefs": [to_the_service()], "rules": rules })),
        _ => ("HTTPRoute", json!({ "parentRefs": [{ "name": "public" }], "rules": rules })),
    };
    json!({ "kind": kind, "metadata": { "name": "frontend", "namespace": "shop", "resourceVersion": "7" }, "spec": spec })
}

fn to_the_service() -> Value {
    json!({ "group": "core", "kind": "Service", "name": "frontend", "port": 80 })
}

fn share(id: u32, percent: u32) -> Share {
    picked(id, percent, &Picks::default())
}

fn picked(id: u32, percent: u32, picks: &Picks) -> Share {
    Share { candidate: RevisionId::parse(&format!("{id:08x}")).unwrap(), percent, picks: picks.clone() }
}

/// What the steps of a policy pick out.
fn known() -> Vec<Picks> {
    let exact = |name: &str, value: &str| Match { headers: [(name.to_owned(), Text::Exact(value.into()))].into() };
    let cookie = Match { headers: [("cookie".to_owned(), Text::Regex("^(.*; )?beta=1(;.*)?$".into()))].into() };
    let mirror = |percent| Some(Mirror { percent, methods: vec!["GET".into(), "HEAD".into()] });
    let of = |matches, mirror| Picks { matches, mirror, sticky: None };
    vec![
        of(vec![exact("x-canary", "insider")], None),
        of(vec![exact("x-canary", "insider"), cookie], None),
        of(vec![], mirror(20)),
        of(vec![], mirror(100)),
    ]
}

/// The same in steps that have a weight, with callers who stay.
fn staying(picks: Picks) -> Picks {
    Picks { sticky: Some(Sticky { cookie: "sluice".into(), max_age: 3600 }), ..picks }
}

/// What a route is read by.
fn all_known() -> Vec<Picks> {
    let without_copies = known().into_iter().filter(|picks| picks.mirror.is_none());
    known().into_iter().chain(without_copies.chain([Picks::default()]).map(staying)).collect()
}

/// Writes a share as a release does: what picks requests out is laid down first, where it must be.
fn written(provider: &dyn Provider, route: &Value, want: Option<&Share>) -> Value {
    let mut now = route.clone();
    if let Some(share) = want.filter(|s| !s.picks.is_none() && !provider.at_once()) {
        let before = provider.read(&now, &all_known());
        now = patched(&now, &provider.lay(&now, share).unwrap());
        let after = provider.read(&now, &all_known());
        assert_eq!(after.share, before.share, "laying rules down changes nothing: {now}");
        if let Some(asleep) = after.asleep {
            let laid = (share.candidate.clone(), share.picks.clone());
            assert!(asleep.laid.contains(&laid), "{now}");
        }
        assert!(provider.lay(&now, share).unwrap().is_empty(), "laying them twice: {now}");
    }
    patched(&now, &provider.write(&now, want).unwrap())
}

/// What the API server makes of a patch.
fn patched(route: &Value, patch: &[Value]) -> Value {
    let mut route = route.clone();
    for change in patch {
        let path = change["path"].as_str().unwrap();
        match change["op"].as_str().unwrap() {
            "add" => {
                let (above, field) = path.rsplit_once('/').unwrap();
                route.pointer_mut(above).unwrap()[field] = change["value"].clone();
            }
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
        shares in prop::collection::vec((0u32..3, 0u32..=99, prop::option::of(select(known())), any::<bool>()), 1..4),
    ) {
        for (name, provider) in providers() {
            let before = route(name, &rules);
            let Reading { share, uneven, asleep, .. } = provider.read(&before, &all_known());
            prop_assert_eq!((share, uneven, asleep), (None, false, None));
            let mut now = before.clone();
            for (id, percent, picks, stay) in &shares {
                let picks = picks.clone().unwrap_or_default();
                let percent = if picks.is_none() { (*percent).max(1) } else { *percent };
                // Linkerd alone cannot have it.
                let stay = *stay && name != "linkerd" && percent > 0 && picks.mirror.is_none();
                let picks = if stay { staying(picks) } else { picks };
                let want = picked(*id, percent, &picks);
                now = written(&*provider, &now, Some(&want));
                let read = provider.read(&now, &all_known());
                prop_assert_eq!((read.share, read.uneven), (Some(want.clone()), false), "{} {}", name, now);
                prop_assert!(provider.write(&now, Some(&want)).unwrap().is_empty(), "writing twice: {}", now);
            }
            now = written(&*provider, &now, None);
            let read = provider.read(&now, &all_known());
            prop_assert_eq!((read.share, read.uneven), (None, false), "{} {}", name, now);
            let back = patched(&now, &provider.tidy(&now));
            prop_assert_eq!(back, before, "{}", name);
        }
    }

    // A rule that sends to nobody fails all of its requests, and is more than Linkerd's proxy can stand.
    #[test]
    fn a_rule_that_sends_to_somebody_never_comes_to_send_to_nobody(rules in left_behind(), percent in 1u32..=99) {
        for (name, provider) in providers() {
            let before = route(name, &rules);
            for want in [None, Some(share(1, percent)), Some(share(3, percent))] {
                let after = patched(&before, &provider.write(&before, want.as_ref()).unwrap());
                // A rule that sends to a candidate alone is ours, and comes last.
                let alone = |list: &Vec<Value>| matches!(&weights(name, list)[..], [(to, 1)] if to.starts_with("web-0"));
                let (before, after) = (lists(&before), lists(&after));
                for (was, is) in before.iter().filter(|l| !alone(l)).zip(after.iter().filter(|l| !alone(l))) {
                    let all = |list| weights(name, list).iter().map(|(_, weight)| weight).sum::<u64>();
                    prop_assert!(all(was) == 0 || all(is) > 0, "{} {:?}: {:?} became {:?}", name, want, was, is);
                }
            }
        }
    }

    // What a policy holds is written over whatever is there, and what it says anew comes with the share that there is.
    #[test]
    fn a_base_that_is_written_over_a_route_has_the_share_of_that_route_and_is_itself_without_it(
        rules in (rules(), rules()),
        percent in 0u32..=99,
        picks in prop::option::of(select(known())),
        tampered in any::<bool>(),
    ) {
        for (name, provider) in providers() {
            let (before, base) = (route(name, &rules.0), route(name, &rules.1));
            let picks = picks.clone().unwrap_or_default();
            let want = Share::of(share(1, percent).candidate, percent, picks);
            let mut live = written(&*provider, &before, want.as_ref());
            if tampered {
                live["spec"]["hosts"] = json!(["elsewhere"]);
            }
            let made = Made::new(&*provider, &before, &live);
            prop_assert!(!is_astray(&*provider, &live, &before, Some(&made)), "{} {}", name, live);
            prop_assert!(is_astray(&*provider, &live, &before, None), "nobody knows");
            let now = patched(&live, &restored(&*provider, &live, &base, &all_known()).unwrap());
            let read = provider.read(&now, &all_known());
            prop_assert_eq!((read.share, read.uneven), (want, false), "{} {}", name, now);
            prop_assert!(restored(&*provider, &now, &base, &all_known()).unwrap().is_empty(), "writing twice: {}", now);
            let made = Made::new(&*provider, &base, &now);
            prop_assert!(!is_astray(&*provider, &now, &base, Some(&made)));
            prop_assert!(is_astray(&*provider, &now, &before, Some(&made)) || before["spec"] == base["spec"]);
            let rest = patched(&now, &provider.write(&now, None).unwrap());
            let rest = patched(&rest, &provider.tidy(&rest));
            prop_assert_eq!(&rest["spec"], &base["spec"], "{}", name);
            prop_assert!(!is_astray(&*provider, &rest, &base, Some(&made)), "a share is no difference: {}", rest);
            let mut other = now.clone();
            other["metadata"]["labels"]["team"] = json!("b");
            prop_assert!(!is_astray(&*provider, &other, &base, Some(&made)), "labels of others are theirs");
            other["spec"]["hosts"] = json!(["somewhere"]);
            prop_assert!(is_astray(&*provider, &other, &base, Some(&made)), "whatever somebody adds is one: {}", other);
        }
    }

    #[test]
    fn rules_of_its_owner_stay_as_they_are_and_where_they_are(rules in rules(), picks in select(known())) {
        for (name, provider) in providers() {
            let before = route(name, &rules);
            let after = written(&*provider, &before, Some(&picked(1, 0, &picks)));
            let rules = |of: &Value| of["spec"]["rules"].as_array().or(of["spec"]["http"].as_array()).unwrap().clone();
            let (was, is) = (rules(&before), rules(&after));
            let own: Vec<_> = is.iter().filter(|rule| was.contains(rule)).cloned().collect();
            prop_assert_eq!(&own, &was, "{} {}", name, after);
            if name != "istio" {
                // Proxies know rules by their number.
                prop_assert_eq!(&is[..was.len()], &was[..], "{} {}", name, after);
            }
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
