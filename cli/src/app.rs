//! What every command that talks to a cluster has.

use chrono::{DateTime, Utc};
use kube::{Api, Client, core::NamespaceResourceScope};

use crate::{clock::Clock, screen::Screen};

/// A cluster, a namespace, and those who read.
pub struct App {
    /// Of the one who asks.
    pub client: Client,
    /// Where names are looked for.
    pub namespace: String,
    /// Tells the time.
    pub clock: Clock,
    /// Where it is written.
    pub screen: Screen,
    /// How the program was called, for the commands that it proposes.
    pub program: &'static str,
}

impl App {
    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Objects of the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}
