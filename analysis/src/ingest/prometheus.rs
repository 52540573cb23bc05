//! What `increase()` answers, and what was really there.

use super::{BadSample, Ledger, RawSample, Role, Series, Target, UnixMillis};

/// How much a series grows over its own samples, resets included; its first value is the point to count from.
///
/// # Errors
///
/// [`BadSample`] when a value is not finite or below 0.
pub fn raw_increment(samples: &[(UnixMillis, f64)]) -> Result<f64, BadSample> {
    let samples: Vec<_> = samples.iter().map(|(at, value)| RawSample::new(*at, *value)).collect::<Result<_, _>>()?;
    let target = Target::new("", None, vec![Series::new("", Role::Requests, samples)?])?;
    let increments = Ledger::new(UnixMillis(i64::MIN)).take(&[target], UnixMillis(i64::MAX));
    Ok(increments.iter().flat_map(|increment| &increment.by).sum())
}

/// The answer of `increase(m[W])` at `end`, with `W = end - start`: the growth over the samples, stretched to the edges
/// of the window. Samples sorted by time, all of them in the window; none with fewer than two of them.
///
/// An edge that is 1.1 mean distances or more away is moved to half a mean distance, and the stretch to the left never
/// goes beyond where the counter would have been 0 (`extrapolatedRate` in prometheus/prometheus `promql/functions.go`).
///
/// # Errors
///
/// [`BadSample`] when a value is not finite or below 0.
pub fn extrapolated_increase(
    samples: &[(UnixMillis, f64)],
    start: UnixMillis,
    end: UnixMillis,
) -> Result<Option<f64>, BadSample> {
    let raw = raw_increment(samples)?;
    let [first, .., last] = samples else { return Ok(None) };
    let seconds = |from: UnixMillis, to: UnixMillis| to.since(from) as f64 / 1000.0;
    let sampled = seconds(first.0, last.0);
    if sampled == 0.0 {
        return Ok(None);
    }
    let mean = sampled / (samples.len() - 1) as f64;
    let reach = |edge: f64| if edge >= 1.1 * mean { mean / 2.0 } else { edge };
    let to_zero = if raw > 0.0 { sampled * first.1 / raw } else { f64::INFINITY };
    let before = reach(seconds(start, first.0)).min(to_zero);
    let after = reach(seconds(last.0, end));
    Ok(Some(raw * (sampled + before + after) / sampled))
}
