//! Whether those who carry a route of the Gateway API out make copies of requests.
//!
//! Not all do, and what some do instead is worse than nothing: Traefik answers 500 to every request of the rule. A GatewayClass may list
//! what it supports (<https://gateway-api.sigs.k8s.io/concepts/conformance/#3-supported-features>); where it lists nothing, the
//! controller's name has to tell, as far as its releases have been read.

use planner::picks::Picks;
use serde_json::Value;

use crate::{Around, Unusable, array, name, parents};

/// Controllers that make copies of requests, and whether of a percentage of them, from the API's conformance reports.
const CONTROLLERS: [(&str, bool); 7] = [
    ("gateway.envoyproxy.io/gatewayclass-controller", true),
    ("istio.io/gateway-controller", true),
    ("istio.io/mesh-controller", true),
    ("io.cilium/gateway-controller", true),
    ("kgateway.dev/kgateway", true),
    ("gateway.nginx.org/nginx-gateway-controller", true),
    ("projectcontour.io/gateway-controller", false),
];

/// Whether steps make copies at all.
pub(crate) fn wanted(known: &[Picks]) -> bool {
    known.iter().any(|picks| picks.mirror.is_some())
}

/// Who would make no copies, where some are wanted; what nobody carries out yet is told elsewhere.
pub(crate) fn refused(route: &Value, around: &Around, known: &[Picks]) -> Option<Unusable> {
    let some = known.iter().filter_map(|picks| picks.mirror.as_ref()).any(|mirror| mirror.percent < 100);
    wanted(known).then_some(())?;
    let mut told = array(route, "/status/parents").iter();
    told.find_map(|status| {
        let controller = status["controllerName"].as_str()?;
        let able = match features(route, &status["parentRef"], around) {
            Some(features) => {
                let has = |feature: &str| features.contains(&feature);
                has("HTTPRouteRequestMirror") && (!some || has("HTTPRouteRequestPercentageMirror"))
            }
            None => CONTROLLERS.iter().any(|(known, percent)| *known == controller && (*percent || !some)),
        };
        (!able).then(|| {
            let what = if some { "copies of a part of the requests" } else { "copies of requests" };
            let words = format!(
                "{} is carried out by {controller}, which is not known to make {what}: remove mirror from the policy; or, if it does make them, have its GatewayClass say so in status.supportedFeatures",
                name(route)
            );
            Unusable::new("RouteMirror", words)
        })
    })
}

/// What the class of a Gateway says that it supports; `None` where it lists nothing.
fn features<'a>(route: &Value, parent: &Value, around: &'a Around) -> Option<Vec<&'a str>> {
    let gateway = parents::gateway(route, parent, around)?;
    let class = around.find("GatewayClass", "", gateway.pointer("/spec/gatewayClassName")?.as_str()?)?;
    // The first versions of the API had names alone in the list.
    let feature = |f: &'a Value| f["name"].as_str().or(f.as_str());
    let listed: Vec<_> = array(class, "/status/supportedFeatures").iter().filter_map(feature).collect();
    (!listed.is_empty()).then_some(listed)
}
