//! What the API server, and the controllers behind it, do in memory.

mod deletion;
mod faults;
mod objects;
mod patches;
mod traffic;
mod watches;
mod workloads;
