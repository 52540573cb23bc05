//! Freezes, as annotations say them: `2026-12-20/2027-01-03 year-end closing`.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use planner::world::Freeze;

/// A freeze as it is written in an annotation; `by` says in words where. What cannot be read is a freeze that says so: whoever wrote it
/// meant one.
pub fn read(text: &str, by: impl Into<String>) -> Freeze {
    let by = by.into();
    let meant = |reason| Freeze { from: None, until: None, reason, by: by.clone() };
    parse(text, &by).unwrap_or_else(meant)
}

/// The same, where it can be read.
///
/// # Errors
/// It cannot be read: what that means, and how it is written.
pub fn parse(text: &str, by: &str) -> Result<Freeze, String> {
    let text = text.trim();
    let (when, reason) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (from, until) = period(when).ok_or_else(|| unreadable(text))?;
    let reason = if reason.trim().is_empty() { "no reason is given" } else { reason.trim() };
    Ok(Freeze { from, until, reason: reason.chars().take(200).collect(), by: by.into() })
}

type Bounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// `on`, or `START/END` with dates, times or `..`; `None` for anything else.
fn period(when: &str) -> Option<Bounds> {
    if when == "on" {
        return Some((None, None));
    }
    let (start, end) = when.split_once('/')?;
    let from = bound(start, TimeDelta::zero())?;
    // The day that is named last is the last one of the freeze.
    let until = bound(end, TimeDelta::days(1))?;
    let turned = from.zip(until).is_some_and(|(from, until)| from >= until);
    (!turned).then_some((from, until))
}

fn bound(text: &str, more: TimeDelta) -> Option<Option<DateTime<Utc>>> {
    if text == ".." {
        return Some(None);
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Some(Some(date.and_time(NaiveTime::MIN).and_utc().checked_add_signed(more)?));
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| Some(time.to_utc()))
}

fn unreadable(text: &str) -> String {
    let text: String = text.chars().take(80).collect();
    format!(
        "{text:?} cannot be read, and counts as a freeze; write START/END and a reason, such as 2026-12-20/2027-01-03 year-end closing, with dates (in UTC, the last day belongs to it), times such as 2026-12-20T18:00:00+01:00, or .. for an open end; or on and a reason"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bounds(text: &str) -> (String, String) {
        let freeze = read(text, "here");
        assert!(!freeze.reason.contains("cannot be read"), "{freeze:?}");
        let said = |at: Option<DateTime<Utc>>| at.map_or("..".into(), |at| at.format("%FT%TZ").to_string());
        (said(freeze.from), said(freeze.until))
    }

    #[test]
    fn a_freeze_by_days_has_its_last_day() {
        let (from, until) = bounds("2026-12-20/2027-01-03 year-end closing");
        assert_eq!((from.as_str(), until.as_str()), ("2026-12-20T00:00:00Z", "2027-01-04T00:00:00Z"));
        let freeze = read("2026-12-20/2026-12-20   one  day ", "here");
        assert_eq!((freeze.reason.as_str(), freeze.by.as_str()), ("one  day", "here"));
        let holds = |text: &str| freeze.holds(text.parse().unwrap());
        assert!(holds("2026-12-20T00:00:00Z") && holds("2026-12-20T23:59:59Z"));
        assert!(!holds("2026-12-19T23:59:59Z") && !holds("2026-12-21T00:00:00Z"));
    }

    #[test]
    fn times_have_offsets_and_ends_may_be_open() {
        let (from, until) = bounds("2026-12-20T18:00:00+01:00/2026-12-21T06:00:00Z release night");
        assert_eq!((from.as_str(), until.as_str()), ("2026-12-20T17:00:00Z", "2026-12-21T06:00:00Z"));
        assert_eq!(bounds("2026-12-20/.. until we say so"), ("2026-12-20T00:00:00Z".into(), "..".into()));
        assert_eq!(bounds("../2026-12-20 x"), ("..".into(), "2026-12-21T00:00:00Z".into()));
        assert_eq!(bounds("on incident 42"), ("..".into(), "..".into()));
        assert_eq!(read("on", "here").reason, "no reason is given");
    }

    #[test]
    fn what_cannot_be_read_freezes_and_says_how_it_is_written() {
        let long = "x".repeat(5_000);
        for text in [
            "",
            "off",
            "true",
            "2026-12-20",
            "2027-01-03/2026-12-20 turned",
            "20.12.2026/3.1.2027",
            "2026-02-30/..",
            &long,
        ] {
            let freeze = read(text, "here");
            assert!(freeze.holds(DateTime::UNIX_EPOCH) && freeze.until.is_none(), "{text}");
            assert!(freeze.reason.contains("write START/END and a reason") && freeze.reason.len() < 500, "{freeze:?}");
        }
    }
}
