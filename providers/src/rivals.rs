//! Other routes of the same kind that ask for the same requests.
//!
//! Of two that ask for the same, the one that was made first gets it: by the rules of the Gateway API
//! (<https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>), and with VirtualServices as Istio sorts them.

use std::cmp::Ordering;

use serde_json::Value;

use crate::{Around, Unusable, name};

/// Those of the same kind and namespace that come before a route.
pub(crate) fn elders<'a>(route: &'a Value, around: &'a Around) -> Vec<&'a Value> {
    let same = |other: &Value| ["apiVersion", "kind"].iter().all(|field| other[field] == route[field]);
    let here = |other: &Value| text(other, "namespace") == text(route, "namespace");
    around.neighbours.iter().filter(|other| same(other) && here(other) && before(other, route)).collect()
}

/// Those made in the same second are in the order of their names. Versions of Istio differ in how they compare names of which one
/// begins with the other; such a one does not count as before.
fn before(one: &Value, other: &Value) -> bool {
    let (Some(made), Some(than)) = (text(one, "creationTimestamp"), text(other, "creationTimestamp")) else {
        return false;
    };
    let (name, of) = (text(one, "name").unwrap_or_default(), text(other, "name").unwrap_or_default());
    match made.cmp(than) {
        Ordering::Less => true,
        Ordering::Equal => name < of && format!("{name}.") < format!("{of}."),
        Ordering::Greater => false,
    }
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object["metadata"][field].as_str()
}

/// A route to which nothing is left by another one.
pub(crate) fn shadowed(route: &Value, by: &Value, place: &str) -> Unusable {
    let words = format!(
        "{by} is older than {route} and takes the same requests {place}, so no share of {route} would reach anybody: put the rules of both into one of them, name that one in the policy, and delete the other",
        by = name(by),
        route = name(route)
    );
    Unusable::new("RouteShadowed", words)
}
