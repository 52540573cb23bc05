//! What goes wrong for one client, and when.
//!
//! Writes are counted from 1 for each identity, without leases, events and dry runs; requests are counted from 1 with
//! everything.

use std::collections::{BTreeMap, BTreeSet};

/// What happens at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the request is sent: nothing is applied.
    CrashBefore,
    /// The process dies when the request is applied and its answer still under way.
    CrashAfter,
    /// The process dies right after the answer has come.
    CrashAfterAnswer,
    /// Nothing is applied and an answer with this code comes back; 504 comes after ten seconds.
    Error(u16),
    /// The connection is reset before the request arrives.
    Reset,
    /// The request is applied, then the connection is reset.
    LostAnswer,
    /// No answer ever comes, and nothing is applied.
    Hang,
}

impl Fault {
    pub fn is_crash(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter | Self::CrashAfterAnswer)
    }

    pub fn is_applied(self) -> bool {
        matches!(self, Self::CrashAfter | Self::CrashAfterAnswer | Self::LostAnswer)
    }
}

/// A crash point that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    pub identity: String,
    pub write: u64,
    pub fault: Fault,
}

#[derive(Clone, Default)]
struct Client {
    /// How many processes of this identity have died.
    deaths: u64,
    requests: u64,
    writes: u64,
    at_write: BTreeMap<u64, Fault>,
    at_request: BTreeMap<u64, Fault>,
    refused: BTreeSet<(String, String)>,
}

/// The plans and counts of all clients.
#[derive(Clone, Default)]
pub struct Faults {
    clients: BTreeMap<String, Client>,
    pub crashes: Vec<Crash>,
}

impl Faults {
    fn client(&mut self, identity: &str) -> &mut Client {
        self.clients.entry(identity.to_owned()).or_default()
    }

    pub fn at_write(&mut self, identity: &str, index: u64, fault: Fault) {
        self.client(identity).at_write.insert(index, fault);
    }

    pub fn at_request(&mut self, identity: &str, index: u64, fault: Fault) {
        self.client(identity).at_request.insert(index, fault);
    }

    /// Answers 403 to a verb on a resource until it is granted again.
    pub fn refuse(&mut self, identity: &str, verb: &str, resource: &str) {
        let rule = (verb.to_owned(), resource.to_owned());
        self.client(identity).refused.insert(rule);
    }

    pub fn grant(&mut self, identity: &str, verb: &str, resource: &str) {
        let rule = (verb.to_owned(), resource.to_owned());
        self.client(identity).refused.remove(&rule);
    }

    pub fn is_refused(&mut self, identity: &str, verb: &str, resource: &str) -> bool {
        let rule = (verb.to_owned(), resource.to_owned());
        self.client(identity).refused.contains(&rule)
    }

    /// Forgets the plan of a client, not its counts.
    pub fn clear(&mut self, identity: &str) {
        let client = self.client(identity);
        client.at_write.clear();
        client.at_request.clear();
        client.refused.clear();
    }

    pub fn deaths(&mut self, identity: &str) -> u64 {
        self.client(identity).deaths
    }

    pub fn writes(&self, identity: &str) -> u64 {
        self.clients.get(identity).map_or(0, |client| client.writes)
    }

    pub fn requests(&self, identity: &str) -> u64 {
        self.clients.get(identity).map_or(0, |client| client.requests)
    }

    /// Counts a request and says what goes wrong with it, and its index among the writes if it is one.
    pub fn next(&mut self, identity: &str, counts_as_write: bool) -> (Option<Fault>, Option<u64>) {
        let client = self.client(identity);
        client.requests += 1;
        let fault = client.at_request.remove(&client.requests);
        if !counts_as_write {
            return (fault, None);
        }
        client.writes += 1;
        let write = client.writes;
        (fault.or(client.at_write.remove(&write)), Some(write))
    }

    /// The process of this identity is dead from now on.
    pub fn kill(&mut self, identity: &str) {
        self.client(identity).deaths += 1;
    }
}
