//! What to do next: a pure function from facts to a plan.
//!
//! No I/O, no clock, no randomness, no Kubernetes: [`plan`] looks at the [`World`], the [`Policy`] and the time, and returns
//! effects and the next journal. First the world is made to match the journal; only when it does, the journal moves on.
#![forbid(unsafe_code)]

pub mod id;
pub mod journal;
pub mod plan;
pub mod policy;
pub mod world;

pub use id::{Digest, RevisionId};
pub use journal::Journal;
pub use plan::{Action, NewRelease, Plan, Waiting};
pub use policy::Policy;
pub use world::World;
