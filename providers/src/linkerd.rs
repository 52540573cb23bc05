//! Linkerd: routes of the Gateway API, or its own HTTPRoute, attached to the Service that callers use.
//!
//! A route that Linkerd cannot take over leaves its proxies with the one before, while its status goes on saying that the route is
//! accepted. So what is known to do that is refused here. Fields as in its reference, <https://linkerd.io/2/reference/httproute/>,
//! and as its policy controller reads them.

use planner::{picks::Picks, world::Share};
use serde_json::Value;

use crate::{
    Around, GatewayApi, Names, Neighbour, Provider, Reading, Unusable, array, name,
    pair::{Backend, Spelling},
    parents,
};

const CONTROLLER: &str = "linkerd.io/policy-controller";
/// The group of its own kinds.
const GROUP: &str = "policy.linkerd.io";

/// Routes of the Gateway API as Linkerd carries them out.
#[derive(Clone, Debug)]
pub struct Linkerd(GatewayApi);

impl Linkerd {
    /// Routes to that Service.
    pub fn new(names: Names) -> Self {
        Self(GatewayApi(names))
    }
}

impl Provider for Linkerd {
    fn read(&self, route: &Value, known: &[Picks]) -> Reading {
        let mut reading = self.0.read(route, known);
        reading.trouble = reading.trouble.or_else(|| self.trouble(route)).or_else(|| copies(route, known));
        reading
    }

    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable> {
        self.0.write(route, want)
    }

    fn lay(&self, route: &Value, share: &Share) -> Result<Vec<Value>, Unusable> {
        self.0.lay(route, share)
    }

    fn tidy(&self, route: &Value) -> Vec<Value> {
        self.0.tidy(route)
    }

    fn filled(&self, route: Value, ports: &[i64]) -> Result<Value, Unusable> {
        self.0.filled(route, ports)
    }

    fn at_once(&self) -> bool {
        self.0.at_once()
    }

    fn neighbours(&self, route: &Value, _: &[Picks]) -> Vec<Neighbour> {
        let profiles = Neighbour::ServiceProfiles { namespace: self.names().namespace.clone() };
        self.0.neighbours(route, &[]).into_iter().chain([profiles]).collect()
    }

    fn hindrance(&self, route: &Value, around: &Around, _: &[Picks]) -> Option<Unusable> {
        self.0.hindrance(route, around, &[]).or_else(|| self.headless(around)).or_else(|| self.profile(around))
    }

    fn pending(&self, route: &Value, around: &Around) -> Option<String> {
        let mut route = route.clone();
        if let Some(all) = route.pointer_mut("/spec/parentRefs").and_then(Value::as_array_mut) {
            // Its Servers are about what comes in, and have no share of anything.
            all.retain(|parent| parent["group"] != GROUP);
            // It writes no section of a Service into its status.
            let services = all.iter_mut().filter(|p| parents::is_service(p)).filter_map(Value::as_object_mut);
            services.for_each(|parent| drop(parent.remove("sectionName")));
        }
        // Another mesh may speak of the same Service.
        let speaks =
            |status: &Value, parent: &Value| !parents::is_service(parent) || status["controllerName"] == CONTROLLER;
        parents::pending(&route, around, speaks)
    }
}

impl Linkerd {
    fn names(&self) -> &Names {
        &self.0.0
    }

    /// What in the route itself would keep a share from coming to be.
    fn trouble(&self, route: &Value) -> Option<Unusable> {
        let (name, apex) = (name(route), &self.names().apex);
        if parents::to_apex(route, self.names()).is_empty() {
            let words = format!(
                "{name} is not attached to Service {apex}, so Linkerd does not route its callers by it: give spec.parentRefs an entry with group core, kind Service, name {apex}"
            );
            return Some(Unusable::new("RouteDetached", words));
        }
        let rules = || array(route, "/spec/rules").iter();
        let apart = |e: &Value| matches!(self.0.backend(e), Backend::Apex) && e["port"].is_null();
        if rules().any(|rule| array(rule, "/backendRefs").iter().any(apart)) {
            let words = format!(
                "{name} has a backendRef to Service {apex} without a port, and Linkerd fails the requests for such a one: add the port"
            );
            return Some(Unusable::new("RoutePort", words));
        }
        let known = known_filters(route);
        let unknown = |f: &Value| f["type"].as_str().filter(|t| !known.contains(t)).map(str::to_owned);
        let filter = rules().find_map(|rule| array(rule, "/filters").iter().find_map(unknown))?;
        let words = format!(
            "{name} has a filter {filter}, which Linkerd does not have: it would say that it accepts the route, and leave its proxies with the shares of before. Remove it; it knows {}",
            known.join(", ")
        );
        Some(Unusable::new("RouteFilters", words))
    }

    /// Linkerd routes what goes to the address of a Service.
    fn headless(&self, around: &Around) -> Option<Unusable> {
        let apex = around.apex.as_ref()?;
        (apex.pointer("/spec/clusterIP")? == "None").then(|| {
            let words = format!(
                "Service {} is headless, and Linkerd has routes only for a Service with an address: give callers a Service without clusterIP: None, and name that one in a new policy",
                self.names().apex
            );
            Unusable::new("ServiceHeadless", words)
        })
    }

    /// What Linkerd follows instead of any route.
    fn profile(&self, around: &Around) -> Option<Unusable> {
        let Names { namespace, apex, .. } = self.names();
        let of_apex = format!("{apex}.{namespace}.svc.");
        let names = around.neighbours.iter().filter(|o| o["kind"] == "ServiceProfile");
        let found = names.filter_map(|o| o.pointer("/metadata/name")?.as_str()).find(|n| n.starts_with(&of_apex))?;
        let words = format!(
            "ServiceProfile {found} takes precedence over every route of Service {apex}: delete it; its timeouts and retries can be annotations of the route"
        );
        Some(Unusable::new("ServiceProfile", words))
    }
}

/// Linkerd makes no copies: a route with a filter for them is one that it cannot take over.
fn copies(route: &Value, known: &[Picks]) -> Option<Unusable> {
    known.iter().any(|picks| picks.mirror.is_some()).then(|| {
        let words = format!(
            "{} is carried out by Linkerd, which makes no copies of requests: remove mirror from the policy",
            name(route)
        );
        Unusable::new("RouteMirror", words)
    })
}

/// Filters of rules that Linkerd carries out; its own kind has one less.
fn known_filters(route: &Value) -> &'static [&'static str] {
    let own = route["apiVersion"].as_str().and_then(|v| v.split_once('/')).is_some_and(|(group, _)| group == GROUP);
    let all = &["RequestHeaderModifier", "RequestRedirect", "ResponseHeaderModifier"];
    if own { &all[..2] } else { all }
}
