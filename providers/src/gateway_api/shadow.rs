//! Older routes that leave nothing to a route: with the same parent, hostname and match the oldest one counts.

use serde_json::Value;

use super::{GatewayApi, picks};
use crate::{Around, Unusable, array, parents, rivals, rules};

/// Who leaves it nothing. What of it may still reach somebody is not refused.
pub(super) fn hindrance(api: &GatewayApi, route: &Value, around: &Around) -> Option<Unusable> {
    let elders = rivals::elders(route, around);
    let (ours, _) = rules::owners(api, route);
    let matches: Vec<_> = ours.into_iter().flat_map(|rule| picks::complete(route, rule)).collect();
    let (hosts, parents) = (hostnames(route), array(route, "/spec/parentRefs"));
    let asked = parents.iter().flat_map(|p| hosts.iter().map(move |h| (p, h)));
    let asked = asked.flat_map(|(p, h)| matches.iter().map(move |m| (p, *h, m)));
    let takes = |elder: &&&Value, parent: &Value, host: &str, own: &Value| {
        let mut rules = array(elder, "/spec/rules").iter();
        hostnames(elder).contains(&host)
            && parents::carried(elder, |_| true).iter().any(|other| parents::is_one(other, parent, &api.0.namespace))
            && rules.any(|rule| picks::complete(elder, rule).contains(own))
    };
    let taken = |(parent, host, own)| {
        let elder = elders.iter().find(|elder| takes(elder, parent, host, own))?;
        let of = parent["name"].as_str().unwrap_or("?");
        let place = if host.is_empty() { format!("at {of}") } else { format!("for host {host} at {of}") };
        Some(rivals::shadowed(route, elder, &place))
    };
    asked.map(taken).collect::<Option<Vec<_>>>()?.into_iter().next()
}

/// Those that a route is for; one that names none is for all of its parent's, which is one of its own kind.
fn hostnames(route: &Value) -> Vec<&str> {
    let named: Vec<_> = array(route, "/spec/hostnames").iter().filter_map(Value::as_str).collect();
    if named.is_empty() { vec![""] } else { named }
}
