//! Times in which a release may go on: so long after each start of a schedule, in local time.
//!
//! A start that the clock leaves out in spring is at the next minute that exists; one that it shows twice in autumn is at the first
//! of both. How long it is open is time that goes by, whatever the clock does meanwhile.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// The longest that a window is open: after that, its schedule can say so.
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// The most starts of a schedule that are passed over for one that counts: an autumn hour has sixty, and there is room.
const MOST_STARTS: usize = 2_000;

/// A schedule, how long it is open from each start, and whose clock counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    starts: Cron,
    schedule: String,
    open: TimeDelta,
    zone: Tz,
}

/// How a window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It is open.
    Open,
    /// It is closed until then; `None` if its schedule never comes again.
    Closed(Option<DateTime<Utc>>),
}

impl Window {
    /// Reads a cron expression of five fields (minute, hour, day of the month, month, day of the week) and the IANA name of a time zone.
    ///
    /// # Errors
    /// What is wrong, and how it is written.
    pub fn parse(schedule: &str, open: TimeDelta, zone: &str) -> Result<Self, String> {
        if open <= TimeDelta::zero() || open > LONGEST {
            return Err("duration must be longer than 0s and at most 168h".into());
        }
        let zone = zone.parse::<Tz>().map_err(|_| unknown(zone))?;
        let starts = starts(schedule).map_err(|why| {
            format!(
                "schedule {schedule:?} is no cron expression of five fields (minute, hour, day of the month, month, day of the week), such as \"0 9 * * 1-5\": {why}"
            )
        })?;
        let window = Self { starts, schedule: schedule.into(), open, zone };
        // Whatever comes at all comes within eight years of the first day: leap years may be so far apart.
        if window.after(DateTime::UNIX_EPOCH).is_none() {
            return Err(format!("schedule {schedule:?} names a day that never comes"));
        }
        Ok(window)
    }

    /// How it stands.
    pub fn at(&self, now: DateTime<Utc>) -> Stand {
        match self.after(now - self.open) {
            Some(start) if start <= now => Stand::Open,
            next => Stand::Closed(next),
        }
    }

    /// Whether it is open.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.at(now) == Stand::Open
    }

    /// A time as people at that place and as machines say it.
    pub fn in_words(&self, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.zone);
        format!("{} {} ({})", local.format("%a %Y-%m-%d %H:%M"), self.zone, at.format("%Y-%m-%dT%H:%MZ"))
    }

    /// The first start after a time.
    fn after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut local = after.with_timezone(&self.zone).naive_local();
        for _ in 0..MOST_STARTS {
            local = self.starts.find_next_occurrence(&local, false).ok()?;
            // In an autumn hour that is there twice, starts that are ahead by the clock may be over.
            let start = self.instant(local)?;
            if start > after {
                return Some(start);
            }
        }
        None
    }

    fn instant(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        // No clock is put forward by more than a day.
        let minutes = (0..=24 * 60).filter_map(|more| local.checked_add_signed(TimeDelta::minutes(more)));
        minutes.filter_map(|time| self.zone.from_local_datetime(&time).earliest()).next().map(|t| t.to_utc())
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} for {} in {}", self.schedule, crate::gates::words(self.open), self.zone)
    }
}

fn starts(schedule: &str) -> Result<Cron, String> {
    if schedule.split_whitespace().count() != 5 {
        return Err("it does not have five fields".into());
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(schedule).map_err(|error| error.to_string())
}

fn unknown(zone: &str) -> String {
    let near = |name: &&str| strsim::jaro_winkler(&name.to_lowercase(), &zone.to_lowercase());
    let names = TZ_VARIANTS.iter().map(|zone| zone.name());
    let best = names.max_by(|a, b| near(a).total_cmp(&near(b))).filter(|name| near(name) > 0.8);
    let best = best.map_or(String::new(), |name| format!("; did you mean {name}?"));
    format!("timeZone {zone:?} is no time zone: write the IANA name of one, such as Europe/Paris or UTC{best}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn window(schedule: &str, hours: i64, zone: &str) -> Window {
        Window::parse(schedule, TimeDelta::hours(hours), zone).unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        format!("{text}Z").parse().unwrap()
    }

    /// When it opens next, seen from a time at which it is closed.
    #[track_caller]
    fn opens(window: &Window, now: &str) -> String {
        match window.at(utc(now)) {
            Stand::Closed(Some(at)) => at.format("%Y-%m-%dT%H:%M:%S").to_string(),
            other => panic!("{other:?} at {now}"),
        }
    }

    /// It is open from the first of these times until just before the second.
    #[track_caller]
    fn is_open_from_to(window: &Window, from: &str, to: &str) {
        let (from, to, moment) = (utc(from), utc(to), TimeDelta::milliseconds(1));
        let told = [from - moment, from, to - moment, to].map(|at| window.is_open(at));
        assert_eq!(told, [false, true, true, false], "{window}");
    }

    #[test]
    fn office_hours_are_local_in_summer_and_in_winter() {
        let office = window("0 9 * * 1-5", 8, "Europe/Paris");
        is_open_from_to(&office, "2026-07-31T07:00:00", "2026-07-31T15:00:00");
        is_open_from_to(&office, "2026-12-18T08:00:00", "2026-12-18T16:00:00");
        assert_eq!(opens(&office, "2026-12-18T17:30:00"), "2026-12-21T08:00:00", "from Friday evening to Monday");
        assert_eq!(
            office.in_words(utc("2026-12-21T08:00:00")),
            "Mon 2026-12-21 09:00 Europe/Paris (2026-12-21T08:00Z)"
        );
        assert_eq!(office.to_string(), r#""0 9 * * 1-5" for 8h in Europe/Paris"#);
    }

    #[test]
    fn a_start_that_the_clock_leaves_out_is_at_the_next_minute_that_exists() {
        // 02:00 becomes 03:00 at 01:00 UTC.
        for schedule in ["30 2 * * *", "0,30 2 * * *"] {
            let paris = window(schedule, 2, "Europe/Paris");
            is_open_from_to(&paris, "2026-03-29T01:00:00", "2026-03-29T03:00:00");
        }
        // 02:00 becomes 03:00 at 07:00 UTC.
        is_open_from_to(&window("15 2 * * *", 1, "America/New_York"), "2026-03-08T07:00:00", "2026-03-08T08:00:00");
        // 02:00 becomes 02:30 at 15:30 UTC of the day before.
        is_open_from_to(&window("10 2 * * *", 1, "Australia/Lord_Howe"), "2026-10-03T15:30:00", "2026-10-03T16:30:00");
    }

    #[test]
    fn a_start_that_the_clock_shows_twice_is_at_the_first_of_both() {
        // 03:00 becomes 02:00 at 01:00 UTC.
        for schedule in ["30 2 * * *", "*/30 2 * * *"] {
            let paris = window(schedule, 1, "Europe/Paris");
            assert!(paris.is_open(utc("2026-10-25T00:30:00")) && paris.is_open(utc("2026-10-25T01:15:00")));
            assert!(!paris.is_open(utc("2026-10-25T01:30:00")), "{schedule}");
        }
        let paris = window("30 2 * * *", 1, "Europe/Paris");
        assert_eq!(opens(&paris, "2026-10-25T01:40:00"), "2026-10-26T01:30:00", "not once more in the second hour");
        assert_eq!(opens(&paris, "2026-10-25T02:10:00"), "2026-10-26T01:30:00", "nor after it");
        is_open_from_to(&window("30 1 * * *", 1, "America/New_York"), "2026-11-01T05:30:00", "2026-11-01T06:30:00");
        // 02:00 becomes 01:30 at 15:00 UTC of the day before.
        is_open_from_to(&window("40 1 * * *", 1, "Australia/Lord_Howe"), "2026-04-04T14:40:00", "2026-04-04T15:40:00");
    }

    #[test]
    fn how_long_it_is_open_is_time_that_goes_by() {
        let night = window("0 0 * * *", 8, "Europe/Paris");
        is_open_from_to(&night, "2026-03-28T23:00:00", "2026-03-29T07:00:00");
        is_open_from_to(&night, "2026-10-24T22:00:00", "2026-10-25T06:00:00");
    }

    #[test]
    fn windows_that_overlap_are_one() {
        let always = window("0 9 * * *", 25, "UTC");
        assert!((0..100).all(|hour| always.is_open(utc("2026-01-01T00:00:00") + TimeDelta::hours(hour))));
    }

    #[test]
    fn leap_days_come_and_the_thirtieth_of_february_does_not() {
        assert_eq!(opens(&window("0 0 29 2 *", 1, "UTC"), "2026-01-01T00:00:00"), "2028-02-29T00:00:00");
        let wrong = |schedule| Window::parse(schedule, TimeDelta::hours(1), "UTC").unwrap_err();
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert!(wrong(never).contains("never comes"), "{}", wrong(never));
        }
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_to_write() {
        let hour = TimeDelta::hours(1);
        let wrong = |schedule, open, zone| Window::parse(schedule, open, zone).unwrap_err();
        for schedule in ["", "0 9 * *", "0 0 9 * * 1-5", "61 9 * * *", "0 9 * * MON-XYZ", "@daily", "0 9 * * 1-5 2027"]
        {
            assert!(wrong(schedule, hour, "UTC").contains("\"0 9 * * 1-5\""), "{schedule}");
        }
        for open in [TimeDelta::zero(), TimeDelta::seconds(-1), TimeDelta::days(7) + TimeDelta::seconds(1)] {
            assert!(wrong("0 9 * * *", open, "UTC").contains("at most 168h"), "{open}");
        }
        let near = [
            ("Europe/Pari", "Europe/Paris"),
            ("europe/berlin", "Europe/Berlin"),
            ("America/NewYork", "America/New_York"),
        ];
        for (zone, meant) in near {
            let said = wrong("0 9 * * *", hour, zone);
            assert!(said.ends_with(&format!("did you mean {meant}?")), "{said}");
        }
        assert!(wrong("0 9 * * *", hour, "??").ends_with("such as Europe/Paris or UTC"));
    }
}
