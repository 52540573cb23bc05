//! What a receiver answers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{
    Response,
    header::{HeaderMap, RETRY_AFTER},
};

/// So much of a body is read; it is for people, who read less.
const LONGEST: usize = 64 * 1024;

/// What a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 to 599. Redirects are not followed: 3xx is an answer.
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
    /// Whether the body goes on; the rest is never read.
    pub truncated: bool,
}

impl Answer {
    /// Reads an answer that came at a time.
    pub(super) async fn read(mut response: Response, at: DateTime<Utc>) -> reqwest::Result<Self> {
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers(), at));
        let (mut body, mut truncated) = (Vec::new(), false);
        while let Some(chunk) = response.chunk().await? {
            let room = LONGEST - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Self { status, retry_after, body, truncated })
    }

    /// Whether the receiver took what was sent.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body for people: text without control characters other than line breaks and tabs, `most` bytes at most.
    pub fn text(&self, most: usize) -> String {
        let mut text: String = String::from_utf8_lossy(&self.body)
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        text.truncate(text.floor_char_boundary(most));
        text.trim().to_owned()
    }

    /// The first line of the body that has words, 200 bytes at most.
    pub fn first_line(&self) -> Option<String> {
        let text = self.text(LONGEST);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line[..line.floor_char_boundary(200)].to_owned())
    }
}

/// In seconds, or as a date in HTTP's own format.
fn retry_after(headers: &HeaderMap, at: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?;
    Some((until.to_utc() - at).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let at = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().to_utc();
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]), at)
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(37)));
        assert_eq!(after("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-3"), None);
    }

    #[test]
    fn a_body_for_people_has_no_control_characters_and_ends_between_two_of_them() {
        let answer = Answer {
            status: 403,
            retry_after: None,
            body: "\n \u{1b}[31mtoo slow: 4 ä\u{0}\r\nmore\n".into(),
            truncated: false,
        };
        assert_eq!(answer.text(100), "[31mtoo slow: 4 ä\nmore");
        assert_eq!(answer.text(19), "[31mtoo slow: 4");
        assert_eq!(answer.first_line().unwrap(), "[31mtoo slow: 4 ä");
        assert_eq!(Answer { body: vec![b' ', 0xff, b'\n'], ..answer.clone() }.first_line().unwrap(), "\u{fffd}");
        assert_eq!(Answer { body: b" \n\t\n".to_vec(), ..answer }.first_line(), None);
    }
}
