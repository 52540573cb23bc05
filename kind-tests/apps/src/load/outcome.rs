//! How one request ended.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::client::chain;
use crate::report::Cause;

/// An answer, good or bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, or `OK` and the error's code for Redis.
    pub status: String,
    /// Status below 400, or no Redis error.
    pub good: bool,
    /// Who gave it.
    pub hostname: String,
    /// Its version.
    pub version: String,
}

/// No answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub cause: Cause,
    /// The error's own words.
    pub detail: String,
    /// Not one byte of an answer had come when the connection ended.
    pub untouched: bool,
}

impl Trouble {
    /// Trouble of a known cause.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Trouble {
        Trouble { cause, detail: detail.into(), untouched: false }
    }

    /// Trouble while connecting.
    pub fn connecting(error: &io::Error) -> Trouble {
        let cause = match error.kind() {
            ErrorKind::ConnectionRefused => Cause::ConnectRefused,
            ErrorKind::TimedOut => Cause::ConnectTimeout,
            // Accepted by the kernel, then the listener was closed.
            ErrorKind::ConnectionReset => Cause::Reset,
            _ => Cause::ConnectFailed,
        };
        Trouble::new(cause, error.to_string())
    }

    /// Trouble on a connection that stood; `untouched` if no byte of an answer had come.
    pub fn exchanging(error: &(dyn Error + 'static), untouched: bool) -> Trouble {
        let cause = match io_kind(error) {
            Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted) => Cause::Reset,
            Some(ErrorKind::UnexpectedEof) => Cause::ClosedBeforeAnswer,
            Some(ErrorKind::InvalidData) => Cause::BadBody,
            _ => match error.downcast_ref::<hyper::Error>() {
                Some(e) if e.is_incomplete_message() || e.is_canceled() || e.is_closed() => Cause::ClosedBeforeAnswer,
                _ => Cause::BadBody,
            },
        };
        Trouble { cause, detail: chain(error), untouched }
    }

    /// The connection died of itself before a byte of an answer: a client may ask again elsewhere.
    pub fn may_be_tried_again(&self) -> bool {
        self.untouched && matches!(self.cause, Cause::Reset | Cause::ClosedBeforeAnswer)
    }
}

/// A finished request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer or why there is none.
    pub result: Result<Answer, Trouble>,
    /// Tried a second time.
    pub retried: bool,
    /// Its kept connection was found closed and opened anew before anything was sent.
    pub renewed: bool,
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        current = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_timeouts_of_connecting_are_told_apart() {
        let cause = |kind| Trouble::connecting(&io::Error::from(kind)).cause;
        assert_eq!(cause(ErrorKind::ConnectionRefused), Cause::ConnectRefused);
        assert_eq!(cause(ErrorKind::TimedOut), Cause::ConnectTimeout);
        assert_eq!(cause(ErrorKind::ConnectionReset), Cause::Reset);
        assert_eq!(cause(ErrorKind::HostUnreachable), Cause::ConnectFailed);
    }

    #[test]
    fn only_a_connection_that_ended_before_any_byte_is_tried_again() {
        let reset = io::Error::from(ErrorKind::ConnectionReset);
        assert!(Trouble::exchanging(&reset, true).may_be_tried_again());
        assert!(!Trouble::exchanging(&reset, false).may_be_tried_again());
        let garbage = io::Error::from(ErrorKind::InvalidData);
        assert!(!Trouble::exchanging(&garbage, true).may_be_tried_again());
    }
}
