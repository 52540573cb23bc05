//! Durations as Go and Kubernetes write them: `90s`, `10m`, `1h30m`.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A non-negative duration, written as one or more numbers with a unit of `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GoDuration(pub Duration);

/// What a text must be to be a duration; the same words stand in the schema.
pub const EXPECTED: &str = "must be a duration: a number with a unit, such as 90s, 10m or 1h30m";

/// Six digits at most: the sum then fits every type of duration there is, CEL's included.
const PATTERN: &str = r"^([0-9]{1,6}(ms|s|m|h))+$";

impl GoDuration {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for GoDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} {EXPECTED}");
        let mut rest = text;
        let mut sum = Duration::ZERO;
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            if !(1..=6).contains(&digits) {
                return Err(refuse());
            }
            let number: u64 = rest[..digits].parse().map_err(|_| refuse())?;
            rest = &rest[digits..];
            let (unit, millis) = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))
                .ok_or_else(refuse)?;
            rest = &rest[unit.len()..];
            let part = number.checked_mul(millis).ok_or_else(refuse)?;
            sum = sum.checked_add(Duration::from_millis(part)).ok_or_else(refuse)?;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            let bigger = match unit {
                "h" => u128::MAX,
                "m" => 3_600_000,
                "s" => 60_000,
                _ => 1000,
            };
            let n = (millis % bigger) / size;
            if n > 0 {
                write!(f, "{n}{unit}")?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for GoDuration {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<GoDuration> for String {
    fn from(duration: GoDuration) -> Self {
        duration.to_string()
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 16,
            "x-kubernetes-validations": [{ "rule": format!("self.matches('{PATTERN}')"), "message": EXPECTED }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_were_written() {
        for text in ["0s", "1ms", "90s", "10m", "1h30m", "24h", "1m30s", "2s500ms"] {
            let parsed: GoDuration = text.parse().unwrap();
            let again: GoDuration = parsed.to_string().parse().unwrap();
            assert_eq!(parsed, again, "{text}");
        }
        assert_eq!("1h30m".parse::<GoDuration>().unwrap().0, Duration::from_secs(5400));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "s", "-5s", "5 s", "5d", "1.5h", "1000000s", "99999999999999999999h"] {
            let error = text.parse::<GoDuration>().unwrap_err();
            assert!(error.contains("90s"), "{text}: {error}");
        }
    }
}
