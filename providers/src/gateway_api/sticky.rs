//! The cookie of callers who stay, as a filter at a backendRef.
//!
//! Where backends have filters, Envoy Gateway fails requests when one comes or goes, and others take no such filter at all. Istio makes
//! of it what it makes of a header of a VirtualService's destination, at its Gateways and for the sidecars of its mesh.

use planner::{picks::Picks, world::Share};
use serde_json::{Value, json};

use super::GatewayApi;
use crate::{
    Unusable, array,
    cookie::{self, HEADER},
    name,
    pair::{Backend, Spelling},
    parents,
};

/// Controllers at which backends with filters come and go without a failed request.
const CONTROLLERS: [&str; 2] = ["istio.io/gateway-controller", "istio.io/mesh-controller"];

const FILTER: &str = "ResponseHeaderModifier";

/// Why nobody would stay, where somebody is to.
pub(super) fn refused(route: &Value, known: &[Picks]) -> Option<Unusable> {
    if known.iter().all(|picks| picks.sticky.is_none()) {
        return None;
    }
    let route_name = name(route);
    let unusable = |words| Some(Unusable::new("RouteCookies", words));
    if route["kind"] == "GRPCRoute" {
        return unusable(format!(
            "{route_name} is a GRPCRoute, whose callers keep no cookies: remove stickiness from the policy, or name HTTPRoutes only"
        ));
    }
    let takes = "stickiness takes a filter at a backendRef, by which some gateways fail requests when such a backend comes or goes";
    let remove = "remove stickiness from the policy, or match a cookie that the application sets";
    let told = parents::speakers(route);
    if let Some(other) = told.iter().flatten().find(|by| !CONTROLLERS.contains(by)) {
        let istio = CONTROLLERS.join(" and ");
        return unusable(format!(
            "{route_name} is carried out by {other}, and {takes}; only those of Istio ({istio}) are known not to: {remove}"
        ));
    }
    if told.is_empty() || told.iter().any(Vec::is_empty) {
        return unusable(format!(
            "nobody has accepted {route_name} at each of its parents yet, and {takes}, so it has to be Istio: look whether its controller runs, and at the route's status; or {remove}"
        ));
    }
    None
}

/// With the cookie in the answers of the candidate, beside those that the application sets itself.
pub(super) fn marked(
    api: &GatewayApi,
    route: &Value,
    rule: &Value,
    mut backends: Vec<Value>,
    share: &Share,
) -> Result<Vec<Value>, Unusable> {
    let Some(cookie) = cookie::set(share) else { return Ok(backends) };
    if array(rule, "/filters").iter().any(sets_cookies) {
        return Err(cookie::taken(&name(route), "a filter ResponseHeaderModifier"));
    }
    for entry in backends.iter_mut().filter(|entry| matches!(api.backend(entry), Backend::Candidate(_))) {
        let added =
            json!({ "type": FILTER, "responseHeaderModifier": { "add": [{ "name": HEADER, "value": cookie }] } });
        entry["filters"] = json!([added]);
    }
    Ok(backends)
}

fn sets_cookies(filter: &Value) -> bool {
    let of = &filter["responseHeaderModifier"];
    let written = ["add", "set"].iter().flat_map(|field| of[field].as_array().into_iter().flatten());
    let removed = of["remove"].as_array().into_iter().flatten();
    let mut names = written.filter_map(|header| header["name"].as_str()).chain(removed.filter_map(Value::as_str));
    names.any(cookie::is_header)
}
