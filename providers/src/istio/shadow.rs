//! VirtualServices, and routes of the Gateway API, that take a VirtualService's place.
//!
//! In the mesh a host is for one VirtualService alone, the oldest, and the others are passed over. At a gateway the routes of all are
//! put together, the oldest first, and the first that matches counts. An HTTPRoute of the Service itself goes before any VirtualService
//! for the proxies of its namespace. Nothing of it is told in a status.

use serde_json::Value;

use super::Istio;
use crate::{Around, Names, Unusable, array, name, parents, rivals, rules};

const MESH: &str = "mesh";

/// Where a VirtualService asks for requests: at a gateway, `mesh` or `namespace/name`, for a host.
type Claim<'a> = (String, &'a str);

/// Who leaves it nothing. What of it may still reach somebody is not refused.
pub(super) fn hindrance(istio: &Istio, route: &Value, around: &Around) -> Option<Unusable> {
    let (ours, _) = rules::owners(istio, route);
    let http = array(route, "/spec/http");
    if !ours.iter().all(|rule| http.contains(rule)) {
        // Those of tls and tcp have rules of their own.
        return None;
    }
    let elders: Vec<_> = rivals::elders(route, around).into_iter().filter(|elder| as_visible(elder, route)).collect();
    let taken = |claim: &Claim<'_>| {
        let elder = elders.iter().find(|elder| takes(elder, claim, &ours, &istio.0));
        elder
            .map(|elder| rivals::shadowed(route, elder, &place(claim)))
            .or_else(|| by_route(route, claim, istio, around))
    };
    claims(route, &istio.0).iter().map(taken).collect::<Option<Vec<_>>>()?.into_iter().next()
}

/// Whether it asks for anything: one that others delegate to does not.
pub(super) fn claims<'a>(route: &'a Value, names: &Names) -> Vec<Claim<'a>> {
    let hosts = || array(route, "/spec/hosts").iter().filter_map(Value::as_str);
    gateways(route, names).into_iter().flat_map(|gateway| hosts().map(move |host| (gateway.clone(), host))).collect()
}

/// Whether it asks for requests of proxies beside their clients.
pub(super) fn in_mesh(route: &Value, names: &Names) -> bool {
    claims(route, names).iter().any(|(gateway, _)| gateway == MESH)
}

fn gateways(route: &Value, names: &Names) -> Vec<String> {
    let named = array(route, "/spec/gateways").iter().filter_map(Value::as_str);
    let all: Vec<_> = named.map(|gateway| full(gateway, names)).collect();
    if all.is_empty() { vec![MESH.to_owned()] } else { all }
}

fn full(gateway: &str, names: &Names) -> String {
    if gateway == MESH || gateway.contains('/') { gateway.to_owned() } else { format!("{}/{gateway}", names.namespace) }
}

fn place((gateway, host): &Claim<'_>) -> String {
    if gateway == MESH {
        format!("for host {host} in the mesh")
    } else {
        format!("for host {host} at Gateway {gateway}")
    }
}

/// Whether an older one leaves nothing of a claim to these routes.
fn takes(elder: &Value, (gateway, host): &Claim<'_>, ours: &[&Value], names: &Names) -> bool {
    let there = gateways(elder, names).contains(gateway);
    let mut hosts = array(elder, "/spec/hosts").iter().filter_map(Value::as_str);
    // What is behind a delegate is not known here.
    let routes: Vec<_> = array(elder, "/spec/http").iter().filter(|rule| rule.get("delegate").is_none()).collect();
    there
        && hosts.any(|other| same_host(other, host, names))
        && if gateway == MESH {
            routes.iter().any(|rule| entries(rule).any(|entry| in_every_proxy(entry, names)))
        } else {
            let taken = |entry| routes.iter().any(|rule| entries(rule).any(|other| other == entry));
            ours.iter().all(|rule| entries(rule).all(taken))
        }
}

/// Whether it is there for all who see the other.
fn as_visible(elder: &Value, route: &Value) -> bool {
    let to = array(elder, "/spec/exportTo");
    to.iter().any(|namespace| namespace == "*") || to == array(route, "/spec/exportTo")
}

/// What a route matches; `null` stands for every request.
fn entries(rule: &Value) -> impl Iterator<Item = &Value> {
    let written = array(rule, "/match");
    let all: &[Value] = if written.is_empty() { &[Value::Null] } else { written };
    all.iter()
}

/// A proxy for which a VirtualService has no route at all goes on to the next.
fn in_every_proxy(entry: &Value, names: &Names) -> bool {
    let some = ["port", "sourceLabels", "sourceNamespace"].iter().any(|field| entry.get(field).is_some());
    let gateways = array(entry, "/gateways");
    let mesh = gateways.iter().filter_map(Value::as_str).any(|gateway| full(gateway, names) == MESH);
    !some && (gateways.is_empty() || mesh)
}

/// A host without a dot is a Service of the namespace; what the cluster's domain is, nobody tells.
fn same_host(one: &str, other: &str, names: &Names) -> bool {
    let is = |short: &str, long: &str| {
        let rest = long.strip_prefix(short).and_then(|rest| rest.strip_prefix('.'));
        !short.contains(['.', '*'])
            && rest
                .and_then(|rest| rest.strip_prefix(names.namespace.as_str()))
                .is_some_and(|rest| rest.starts_with(".svc."))
    };
    one.eq_ignore_ascii_case(other) || is(one, other) || is(other, one)
}

/// An HTTPRoute of the Service that the host is, for all of its ports, which the mesh has accepted.
fn by_route(route: &Value, (gateway, host): &Claim<'_>, istio: &Istio, around: &Around) -> Option<Unusable> {
    let names = &istio.0;
    let service = host.split('.').next().filter(|service| gateway == MESH && same_host(service, host, names))?;
    // For Services, too, its controllers of Gateways have been seen to speak.
    let of_mesh = |status: &Value| status["controllerName"].as_str().is_some_and(|name| name.starts_with("istio.io/"));
    let only_port = around.ports().filter(|ports| service == names.apex && ports.len() == 1);
    let of_service = |parent: &&Value| {
        let here = parent["namespace"].as_str().is_none_or(|namespace| namespace == names.namespace);
        let port = parent["port"].as_i64();
        let all = port.is_none_or(|port| only_port.as_deref() == Some(&[port]));
        parents::is_service(parent) && parent["name"] == service && here && all
    };
    let mut routes = around.neighbours.iter().filter(|other| other["kind"] == "HTTPRoute");
    let found = routes.find(|other| parents::carried(other, of_mesh).iter().any(of_service))?;
    let words = format!(
        "Istio follows {} of Service {service} in place of {}, and says so nowhere: delete one of the two; a policy names the former in traffic.gatewayAPI",
        name(found),
        name(route)
    );
    Some(Unusable::new("RouteShadowed", words))
}
