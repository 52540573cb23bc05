//! Groups of counters.

use analysis::ingest::{UnixMillis, extrapolated_increase, raw_increment};

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] = &[("prom_increase_extrapolated", increase)];

fn increase(case: &mut Case) -> Result<(), Malformed> {
    let time = |seconds: f64| UnixMillis((seconds * 1000.0).round() as i64);
    let samples: Vec<(f64, f64)> = case.read("/samples")?;
    let samples: Vec<_> = samples.into_iter().map(|(at, value)| (time(at), value)).collect();
    let (start, end) = (time(case.read("/start")?), time(case.read("/end")?));
    if case.read("/series_born_in_window")? {
        return Err(Malformed("series that are born in the window are not of this group".into()));
    }
    let wrong = |error| Malformed(format!("/samples: {error}"));
    case.expect("/increase", extrapolated_increase(&samples, start, end).map_err(wrong)?)?;
    case.expect("/raw_increment", raw_increment(&samples).map_err(wrong)?)
}
