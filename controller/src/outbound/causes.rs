//! What is behind an error.

use std::error::Error;

/// The first error of a kind behind another, also inside those of I/O.
pub(crate) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &'a (dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
