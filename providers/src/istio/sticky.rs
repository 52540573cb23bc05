//! The cookie of callers who stay, as a header of a destination.

use planner::world::Share;
use serde_json::{Value, json};

use super::Istio;
use crate::{
    Unusable,
    cookie::{self, HEADER},
    name,
    pair::{Backend, Spelling},
};

/// With the cookie in the answers of the candidate, beside those that the application sets itself.
pub(super) fn marked(
    istio: &Istio,
    route: &Value,
    rule: &Value,
    mut backends: Vec<Value>,
    share: &Share,
) -> Result<Vec<Value>, Unusable> {
    let Some(cookie) = cookie::set(share) else { return Ok(backends) };
    let ours = |entry: &Value| matches!(istio.backend(entry), Backend::Candidate(_));
    for entry in backends.iter_mut().filter(|entry| ours(entry)) {
        if [&*entry, rule].iter().any(|of| sets_cookies(of)) {
            return Err(cookie::taken(&name(route), "headers.response"));
        }
        entry["headers"]["response"]["add"][HEADER] = json!(cookie);
    }
    Ok(backends)
}

fn sets_cookies(of: &Value) -> bool {
    let response = &of["headers"]["response"];
    let written = ["add", "set"].iter().filter_map(|field| response[field].as_object());
    let removed = response["remove"].as_array().into_iter().flatten().filter_map(Value::as_str);
    written.flatten().any(|(name, _)| cookie::is_header(name)) || { removed }.any(cookie::is_header)
}
