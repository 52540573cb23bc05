//! Groups of histograms.

use analysis::histogram::{Bounds, Buckets, native_bound};

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] = &[("histogram_threshold", threshold), ("native_histogram_bound", bound)];

fn threshold(case: &mut Case) -> Result<(), Malformed> {
    let wrong = |error: analysis::histogram::BadBuckets| Malformed(error.to_string());
    let bounds = Bounds::try_from(case.read::<Vec<f64>>("/bounds")?).map_err(wrong)?;
    let buckets = Buckets::new(bounds, case.read("/cumulative")?, case.read("/total")?).map_err(wrong)?;
    let told = buckets.bracket(case.read("/T")?);
    case.expect("/x_lo", told.at_least)?;
    case.expect("/x_hi", told.at_most)?;
    case.expect("/x_interp", told.guess)
}

fn bound(case: &mut Case) -> Result<(), Malformed> {
    let (schema, index): (i8, i32) = (case.read("/schema")?, case.read("/index")?);
    case.expect("/upper", native_bound(schema, index))?;
    case.expect("/lower", native_bound(schema, index.saturating_sub(1)))
}
