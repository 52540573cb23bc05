//! Requests to receivers that users name: webhooks and notifications.
//!
//! A receiver is opened anew for every request, with its Secrets read anew: nothing is kept that could be out of date. What goes wrong
//! is told in our own words, which name the object and the remedy, and never a value of a Secret or an address that is one.

mod answer;
mod causes;
pub(crate) mod egress;
pub mod flagger;
mod headers;
mod post;
mod proxy;
mod receiver;
pub(crate) mod secret;
mod sign;
#[cfg(test)]
mod tests;
mod tls;

use thiserror::Error;

pub use answer::Answer;
pub(crate) use causes::cause;
pub use egress::Egress;
pub use post::{Letter, Outbound, Post, Reply};
pub use proxy::{Proxies, ProxyArguments};
pub use receiver::{Receiver, open};
pub(crate) use tls::browsers;

/// Why a receiver could not be asked, or gave no whole answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct Problem {
    /// Who can help.
    pub kind: Kind,
    /// What was attempted, with what, and what to do; without any text of the receiver or of a Secret.
    pub message: String,
}

/// Who can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whoever writes the object or its Secrets: it cannot work as it is.
    Misconfigured,
    /// Nobody perhaps: the receiver or the way to it fails, and may work later.
    Unreachable,
}

fn misconfigured(message: impl Into<String>) -> Problem {
    Problem { kind: Kind::Misconfigured, message: message.into() }
}

fn unreachable(message: impl Into<String>) -> Problem {
    Problem { kind: Kind::Unreachable, message: message.into() }
}
