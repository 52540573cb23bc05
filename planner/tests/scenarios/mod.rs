//! How releases go, told as stories.

mod around;
mod bad;
mod capacity;
mod good;
mod journal;
mod people;
mod removal;
mod sequential;
mod stable;
