//! How releases go, told as stories.

mod approvals;
mod around;
mod bad;
mod capacity;
mod emergencies;
mod freezes;
mod good;
mod journal;
mod ordered;
mod own_route;
mod people;
mod removal;
mod routes;
mod sequential;
mod stable;
mod windows;
