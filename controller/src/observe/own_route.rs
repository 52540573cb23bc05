//! A route that the policy holds itself: what it has to be, and whether it is that.

use crds::names;
use k8s_openapi::api::core::v1::Service;
use planner::world::Blocker;
use providers::{Names, in_place, is_astray};
use serde_json::Value;

use crate::{context::Context, traffic::Routes};

/// What the policy says of its route, beside what is there.
pub struct Held {
    /// The undivided route; `None` while it cannot be known.
    pub base: Option<Value>,
    /// It is not there, or not known to be so.
    pub astray: bool,
    /// Why it cannot be made, or put right.
    pub trouble: Option<Blocker>,
}

/// Compares the two; nothing where the user keeps the routes, and while nobody knows the Service that rules are to send to.
pub fn held(
    context: &Context,
    routes: &Routes,
    names: &Names,
    apex: Option<&Service>,
    live: Option<&Value>,
) -> Option<Held> {
    let (own, apex) = (routes.own.as_ref()?, apex?);
    let provider = &*routes.provider;
    let base = match own.base(provider, names, &ports(apex)) {
        Ok(base) => base,
        Err(why) => {
            let trouble = Blocker { reason: why.reason.into(), message: why.message };
            return Some(Held { base: None, astray: true, trouble: Some(trouble) });
        }
    };
    let key = format!("{}/{}", names.namespace, names.policy);
    let astray = live.is_none_or(|live| is_astray(provider, live, &base, context.made(&key).as_ref()));
    let trouble = live.and_then(|live| others(live, names)).or_else(|| refused(context, &key, &base));
    Some(Held { astray: astray || trouble.is_some(), trouble, base: Some(base) })
}

impl Held {
    /// The route to look at in place of the one that is there.
    pub fn to_be(&self, live: Option<&Value>) -> Option<Value> {
        let base = self.base.as_ref().filter(|_| self.astray)?;
        Some(live.map_or_else(|| base.clone(), |live| in_place(live, base)))
    }
}

fn ports(apex: &Service) -> Vec<i64> {
    let ports = apex.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    ports.into_iter().flatten().map(|port| port.port.into()).collect()
}

/// A route of that name which this policy has not made.
fn others(live: &Value, names: &Names) -> Option<Blocker> {
    let of = policy_of(live);
    if of == Some(names.policy.as_str()) {
        return None;
    }
    let (what, label) = (of_name(live), names::POLICY);
    let whose =
        of.map_or_else(|| "is there and was not made for this policy".into(), |of| format!("was made for policy {of}"));
    let message = format!(
        "{what} {whose}, and is left alone: name it in spec.traffic instead of a route of the policy's own, or delete it, or have it replaced by what the policy says with the label {label}={}",
        names.policy
    );
    Some(Blocker { reason: "RouteNotOurs".into(), message })
}

/// A route that another policy holds, and that this one names.
pub fn of_another(live: &Value, policy: &str) -> Option<Blocker> {
    let of = policy_of(live).filter(|of| *of != policy)?;
    let message = format!(
        "{} was made for policy {of}, which puts right what others write into it: name another route, or take its label {} off where that policy is gone",
        of_name(live),
        names::POLICY
    );
    Some(Blocker { reason: "RouteNotOurs".into(), message })
}

fn policy_of(live: &Value) -> Option<&str> {
    live["metadata"]["labels"][names::POLICY].as_str()
}

fn of_name(live: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&live["kind"]), text(&live["metadata"]["name"]))
}

/// What the API server had against it not long ago.
fn refused(context: &Context, key: &str, base: &Value) -> Option<Blocker> {
    let why = context.refused(key, base)?;
    let message =
        format!("{why}: correct the route in spec.traffic, or mend what it says; it is tried again and again");
    Some(Blocker { reason: "RouteRefused".into(), message })
}
