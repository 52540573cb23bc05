//! Who sees every write, and who may refuse one.

use serde_json::Value;

use super::{kinds::Key, store::Store};

/// An accepted write, as observers and admission see it.
pub struct Write<'a> {
    pub at: chrono::DateTime<chrono::Utc>,
    /// Which client or model made it.
    pub actor: &'a str,
    /// `create`, `update`, `patch`, `apply` or `delete`.
    pub verb: &'static str,
    /// `status`, `scale` or empty.
    pub subresource: &'a str,
    pub key: &'a Key,
    pub old: Option<&'a Value>,
    /// Absent when the object is gone.
    pub new: Option<&'a Value>,
}

/// Returns what is wrong after a write. The store already holds the new state.
pub type Observer = Box<dyn Observe>;

pub trait Observe: Send {
    fn observe(&mut self, write: &Write<'_>, store: &Store) -> Vec<String>;
    fn branch(&self) -> Observer;
}

impl<F: FnMut(&Write<'_>, &Store) -> Vec<String> + Clone + Send + 'static> Observe for F {
    fn observe(&mut self, write: &Write<'_>, store: &Store) -> Vec<String> {
        self(write, store)
    }

    fn branch(&self) -> Observer {
        Box::new(self.clone())
    }
}

/// May refuse a write (with the message of a 403) before it is made.
pub type Admission = Box<dyn FnMut(&Write<'_>, &Store) -> Result<(), String> + Send>;
