//! Where a function changes its sign: Brent, Algorithms for Minimization Without Derivatives (1973), chapter 4, with the
//! stopping rule of R's `zeroin`.

/// A place and the value of the function there.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) f: f64,
}

/// Beyond this the last approximation has to do.
const STEPS: u32 = 1_001;

/// Looks for a zero between two points until it is known to within `tolerance`. For a function with jumps the answer
/// depends on the steps that are taken, so these are exactly Brent's.
pub(super) fn root(low: Point, high: Point, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    if low.f == 0.0 {
        return low.x;
    }
    // `best` and `opposite` enclose the zero; `before` is the best of one step earlier.
    let (mut before, mut best, mut opposite) = (low, high, low);
    for _ in 0..STEPS {
        let last_step = best.x - before.x;
        if opposite.f.abs() < best.f.abs() {
            (before, best, opposite) = (best, opposite, best);
        }
        let near = 2.0 * f64::EPSILON * best.x.abs() + tolerance / 2.0;
        let half = (opposite.x - best.x) / 2.0;
        if half.abs() <= near || best.f == 0.0 {
            break;
        }
        let worthwhile = last_step.abs() >= near && before.f.abs() > best.f.abs();
        let step = worthwhile.then(|| interpolated(before, best, opposite, last_step, near)).flatten().unwrap_or(half);
        // Never less than the tolerance, or the last steps would creep.
        let step = if step.abs() >= near {
            step
        } else if step > 0.0 {
            near
        } else {
            -near
        };
        before = best;
        let x = best.x + step;
        best = Point { x, f: f(x) };
        if (best.f > 0.0 && opposite.f > 0.0) || (best.f < 0.0 && opposite.f < 0.0) {
            opposite = before;
        }
    }
    best.x
}

/// The step to where a line or an inverse parabola through the points is 0; none if that leads too far.
fn interpolated(before: Point, best: Point, opposite: Point, last_step: f64, near: f64) -> Option<f64> {
    let width = opposite.x - best.x;
    let (p, q) = if before.x == opposite.x {
        let t = best.f / before.f;
        (width * t, 1.0 - t)
    } else {
        let (q, t, s) = (before.f / opposite.f, best.f / opposite.f, best.f / before.f);
        (s * (width * q * (q - t) - (best.x - before.x) * (t - 1.0)), (q - 1.0) * (t - 1.0) * (s - 1.0))
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    let inside = p < 0.75 * width * q - (near * q).abs() / 2.0;
    (inside && p < (last_step * q / 2.0).abs()).then(|| p / q)
}
