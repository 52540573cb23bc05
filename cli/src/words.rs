//! Times, images and counts as people read them.

use chrono::{DateTime, TimeDelta, Utc};

/// How long ago something was, in its largest units: `27s`, `5m`, `3h10m`, `2d`. What lies ahead is now.
pub fn age(now: DateTime<Utc>, then: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds, 60, 'm', 1, 's'),
        600..10_800 => format!("{}m", seconds / 60),
        10_800..36_000 => two(seconds, 3600, 'h', 60, 'm'),
        36_000..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn two(seconds: i64, large: i64, first: char, small: i64, second: char) -> String {
    match (seconds % large) / small {
        0 => format!("{}{first}", seconds / large),
        rest => format!("{}{first}{rest}{second}", seconds / large),
    }
}

/// A length of time, exact to the second: `45s`, `1m30s`, `24h`.
pub fn span(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    if seconds == 0 {
        return "0s".into();
    }
    let parts = [(seconds / 3600, "h"), (seconds % 3600 / 60, "m"), (seconds % 60, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

/// A point of time that lies ahead or behind, with how far.
pub fn until(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let clock = at.format("%H:%M:%S");
    if at > now { format!("until {clock} UTC, in {}", span(at - now)) } else { format!("until {clock} UTC, about now") }
}

/// The image without its registry and path, and of a digest its first digits: `shop:1.2`, `shop@3f9c01d2`.
pub fn short_image(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once("@sha256:") {
        Some((name, digest)) => {
            let digits: String = digest.chars().take(8).collect();
            format!("{name}@{digits}")
        }
        None => last.into(),
    }
}

/// The images of a revision in a word: the first, and how many more.
pub fn short_images(images: &[String]) -> String {
    match images {
        [] => "-".into(),
        [one] => short_image(one),
        [first, more @ ..] => format!("{}+{}", short_image(first), more.len()),
    }
}

/// `1 pod`, `2 pods`.
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A list within a sentence: `a, b, c`; of many, the first ones and how many more.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn ages_are_told_in_their_largest_units() {
        let told = |seconds| age(at(seconds), at(0));
        let said = [0, 27, 125, 180, 660, 10_800, 11_460, 40_000, 200_000].map(told);
        assert_eq!(said, ["0s", "27s", "2m5s", "3m", "11m", "3h", "3h11m", "11h", "2d"]);
        assert_eq!(age(at(0), at(30)), "0s", "clocks differ");
    }

    #[test]
    fn a_length_of_time_is_exact() {
        let said = [0, 45, 90, 3600, 86_400, 3661].map(|s| span(TimeDelta::seconds(s)));
        assert_eq!(said, ["0s", "45s", "1m30s", "1h", "24h", "1h1m1s"]);
    }

    #[test]
    fn an_image_is_known_by_its_last_part() {
        assert_eq!(short_image("registry.example.com:5000/team/shop:1.2"), "shop:1.2");
        assert_eq!(short_image(&format!("shop@sha256:{}", "3f9c01d2".repeat(8))), "shop@3f9c01d2");
        let two = ["a/b:1".to_owned(), "c:2".to_owned()];
        assert_eq!((short_images(&two), short_images(&[])), ("b:1+1".into(), "-".into()));
    }
}
