//! Groups of the sequential tests, the distributions under them, history and power.

use super::Check;

/// By name.
pub const GROUPS: &[(&str, Check)] = &[];
