//! Standard output that may be gone.

use std::fmt::Display;
use std::io::Write;

/// Writes text and an end of line. Whoever read it may have left; that ends no program.
pub fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
