//! Callers who stay with the candidate: it gives them a cookie with its id, and who has that cookie is sent to it again.

use planner::{
    picks::{Match, Text},
    world::Share,
};
use serde_json::{Value, json};

use super::Istio;
use crate::{
    Unusable, name,
    pair::{Backend, Spelling},
};

const HEADER: &str = "set-cookie";

/// What a request of such a caller has.
pub(super) fn again(share: &Share) -> Option<Match> {
    let cookie = &share.picks.sticky.as_ref()?.cookie;
    let pair = Text::Regex(format!(r"^(?:.*;\s*)?{cookie}={}(?:;.*)?$", share.candidate));
    Some(Match { headers: [("cookie".to_owned(), pair)].into() })
}

/// With the cookie in the answers of the candidate, beside those that the application sets itself.
pub(super) fn marked(
    istio: &Istio,
    route: &Value,
    rule: &Value,
    mut backends: Vec<Value>,
    share: &Share,
) -> Result<Vec<Value>, Unusable> {
    let Some(sticky) = &share.picks.sticky else { return Ok(backends) };
    let cookie = format!("{}={}; Path=/; Max-Age={}; HttpOnly", sticky.cookie, share.candidate, sticky.max_age);
    let ours = |entry: &Value| matches!(istio.backend(entry), Backend::Candidate(_));
    for entry in backends.iter_mut().filter(|entry| ours(entry)) {
        if [&*entry, rule].iter().any(|of| sets_cookies(of)) {
            let words = format!(
                "{} writes Set-Cookie into answers itself (headers.response), so no cookie can keep callers with the candidate: leave that to the application, or remove stickiness from the policy",
                name(route)
            );
            return Err(Unusable::new("RouteCookies", words));
        }
        entry["headers"]["response"]["add"][HEADER] = json!(cookie);
    }
    Ok(backends)
}

fn sets_cookies(of: &Value) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(HEADER);
    let response = &of["headers"]["response"];
    let written = ["add", "set"].iter().filter_map(|field| response[field].as_object());
    let removed = response["remove"].as_array().into_iter().flatten().filter_map(Value::as_str);
    written.flatten().any(|(name, _)| is(name)) || { removed }.any(is)
}
