//! What an answer means.

use std::time::Duration;

use planner::journal::Evidence;

use crate::outbound::Reply;

/// So much of a body is kept as evidence.
const KEPT: usize = 4096;
/// The longest pause that is not asked for.
const LONGEST: Duration = Duration::from_secs(30);

/// What a status means for a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It passes.
    Pass,
    /// It fails: the receiver understood and said no.
    Fail,
    /// Nothing: the receiver could not say, or not yet.
    Nothing,
}

/// What a status means for a gate. A client's error says no, but for those by which a server says that it was too early or too much;
/// a server's error, a redirect and what is none of HTTP's own numbers says nothing about the version.
pub fn meaning(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Pass,
        408 | 425 | 429 => Meaning::Nothing,
        400..=499 => Meaning::Fail,
        _ => Meaning::Nothing,
    }
}

/// The pause after so many tries without an answer that counts, at least 1: a second, doubled each time up to half a minute, and never
/// shorter than the receiver asks.
pub fn pause(tries: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = Duration::from_secs(1) * 2_u32.saturating_pow(tries.saturating_sub(1).min(5));
    doubled.min(LONGEST).max(retry_after.unwrap_or_default())
}

/// What was answered, for people, such as `webhook load of http://host answered 403: too slow`.
pub fn words(webhook: &str, reply: &Reply) -> String {
    let Reply { origin, answer } = reply;
    let line = answer.first_line().map_or_else(String::new, |line| format!(": {line}"));
    format!("{webhook} of {origin} answered {}{line}", answer.status)
}

/// What was answered, to keep: the body only where its first line was not all of it.
pub fn evidence(webhook: &str, reply: &Reply) -> Evidence {
    let text = reply.answer.text(KEPT);
    let more = reply.answer.first_line().is_some_and(|line| line != text);
    Evidence { summary: Some(words(webhook, reply)), log: more.then_some(text), ..Evidence::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Answer;

    #[test]
    fn two_hundreds_pass_four_hundreds_fail_and_all_else_means_nothing() {
        for (statuses, expected) in [
            (&[200, 201, 202, 204, 299][..], Meaning::Pass),
            (&[400, 401, 403, 404, 409, 410, 422, 499], Meaning::Fail),
            (&[100, 300, 301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599, 600, 999], Meaning::Nothing),
        ] {
            for status in statuses {
                assert_eq!(meaning(*status), expected, "{status}");
            }
        }
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_are_as_long_as_the_receiver_asks() {
        let seconds: Vec<_> = (1..9).map(|tries| pause(tries, None).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pause(u32::MAX, None).as_secs(), 30);
        assert_eq!(pause(1, Some(Duration::from_secs(90))).as_secs(), 90);
        assert_eq!(pause(4, Some(Duration::from_secs(3))).as_secs(), 8);
    }

    #[test]
    fn a_body_of_several_lines_is_kept_up_to_4_kib_and_its_first_line_is_told() {
        let reply = |body: &str| Reply {
            origin: "http://host".into(),
            answer: Answer { status: 403, retry_after: None, body: body.into(), truncated: false },
        };
        let short = evidence("webhook load", &reply("Forbidden\n"));
        assert_eq!(short.summary.as_deref(), Some("webhook load of http://host answered 403: Forbidden"));
        assert_eq!((short.log, short.job.as_str()), (None, ""));
        let long = evidence("webhook load", &reply(&format!("two failed\n{}", "x".repeat(5000))));
        assert_eq!(long.summary.as_deref(), Some("webhook load of http://host answered 403: two failed"));
        assert_eq!(long.log.unwrap().len(), 4096);
        assert_eq!(words("webhook load", &reply("")), "webhook load of http://host answered 403");
    }
}
