//! Intervals for the report that hold at all times at once, however often one looks: confidence sequences.

mod rate;
mod ratio;

pub use rate::{difference, rate};
pub use ratio::{PRIOR, RatioSequence, ratio};

/// From a lower to an upper end; the upper one may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// More than a number has digits; only an end at 0 would take more.
const HALVINGS: u32 = 200;

/// The last point between `inside` and `outside` at which `holds`, to the last digit.
fn edge(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = inside + (outside - inside) / 2.0;
        if middle == inside || middle == outside || !middle.is_finite() {
            break;
        }
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

#[cfg(test)]
mod tests;
