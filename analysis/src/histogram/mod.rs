//! Latency: how many requests were slower than a bound, from the buckets of a histogram.
//!
//! Every count is of requests over a bound, so that the exact test on errors does the rest: against an objective with the
//! kernel for a fixed rate, against the stable version with the hypergeometric one ([`Dominance`]).

mod choose;
mod classic;
mod dominance;
mod ingest;
mod native;
mod native_ingest;

pub use choose::{Comparison, comparisons, quantile_bounds};
pub use classic::{BadBuckets, Bounds, Bracket, Buckets, Place};
pub use dominance::{Dominance, DominanceLook};
pub use ingest::{HistogramBatch, HistogramIngest};
pub use native::{
    BadHistogram, Doubt, NativeBucket, NativeHistogram, merged_index, native_bound, native_bracket, native_buckets,
    slowdown_steps,
};
pub use native_ingest::{NativeBatch, NativeIngest};

#[cfg(test)]
mod native_tests;
#[cfg(test)]
mod tests;
