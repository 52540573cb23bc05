//! The k-th smallest of all differences between two sides, without writing them down.

use super::Values;

/// The median of all `x - y`.
pub(super) fn median(x: &Values, y: &Values) -> f64 {
    let pairs = pairs(x, y);
    let (low, high) = (kth(x, y, (pairs - 1) / 2), kth(x, y, pairs / 2));
    low + (high - low) / 2.0
}

/// How many differences there are.
pub(super) fn pairs(x: &Values, y: &Values) -> u64 {
    x.sorted().len() as u64 * y.sorted().len() as u64
}

/// The k-th smallest `x - y`, counted from 0, by bisection over the numbers there are: 64 passes over the sides.
pub(super) fn kth(x: &Values, y: &Values, k: u64) -> f64 {
    let (mut below, mut found) = (order(x.least() - y.greatest()), order(x.greatest() - y.least()));
    while below < found {
        let middle = below + ((i128::from(found) - i128::from(below)) / 2) as i64;
        if up_to(x, y, number(middle)) > k { found = middle } else { below = middle + 1 }
    }
    // Not -0, which has a place of its own among the numbers.
    number(found) + 0.0
}

/// How many differences are at most `limit`. Rounded differences still rise with x and fall with y.
fn up_to(x: &Values, y: &Values, limit: f64) -> u64 {
    let y = y.sorted();
    let mut first = y.len();
    let mut count = 0;
    for x in x.sorted().iter().rev() {
        // The greater x, the greater y must be; x falls here, so the first y that will do moves down.
        if first == y.len() {
            first = y.partition_point(|y| x - y > limit);
        }
        while first > 0 && x - y[first - 1] <= limit {
            first -= 1;
        }
        count += (y.len() - first) as u64;
    }
    count
}

/// Whole numbers in the order of the floating point ones.
fn order(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn number(order: i64) -> f64 {
    f64::from_bits((order ^ (((order >> 63) as u64) >> 1) as i64) as u64)
}
