//! The cookie of callers who stay with a candidate: its answers to requests that a weight has sent to it set it, and who has it is sent
//! to that candidate again. Its value is the candidate's id, so that no other version has its callers.

use planner::{
    picks::{Match, Text},
    world::Share,
};

use crate::Unusable;

/// The header of answers that sets it.
pub(crate) const HEADER: &str = "set-cookie";

/// What a request of such a caller has.
pub(crate) fn again(share: &Share) -> Option<Match> {
    let cookie = &share.picks.sticky.as_ref()?.cookie;
    let pair = Text::Regex(format!(r"^(?:.*;\s*)?{cookie}={}(?:;.*)?$", share.candidate));
    Some(Match { headers: [("cookie".to_owned(), pair)].into() })
}

/// What the header says.
pub(crate) fn set(share: &Share) -> Option<String> {
    let sticky = share.picks.sticky.as_ref()?;
    Some(format!("{}={}; Path=/; Max-Age={}; HttpOnly", sticky.cookie, share.candidate, sticky.max_age))
}

/// Whether a header is the one that sets it.
pub(crate) fn is_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(HEADER)
}

/// A route that writes or removes such headers itself, by this field.
pub(crate) fn taken(route: &str, field: &str) -> Unusable {
    let words = format!(
        "{route} writes Set-Cookie into answers itself ({field}), so no cookie can keep callers with the candidate: leave that to the application, or remove stickiness from the policy"
    );
    Unusable::new("RouteCookies", words)
}
