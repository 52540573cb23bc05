//! The addresses of a target's host name, at most a second old.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;

const LIFETIME: Duration = Duration::from_secs(1);

/// Resolves one name through the system, one look-up at a time.
#[derive(Debug)]
pub struct Resolver {
    host: String,
    port: u16,
    known: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

impl Resolver {
    /// A resolver of a host's name or address.
    pub fn new(host: &str, port: u16) -> Resolver {
        Resolver { host: host.to_owned(), port, known: Mutex::new(None) }
    }

    /// The address for request `n`: the addresses take turns, IPv4 if there is any.
    ///
    /// # Errors
    ///
    /// When the look-up fails or finds nothing. Failures are not cached.
    pub async fn address(&self, n: u64) -> io::Result<SocketAddr> {
        let mut known = self.known.lock().await;
        let age = known.as_ref().map(|(at, _)| clock::now().duration_since(*at));
        if age.is_none_or(|age| age >= LIFETIME) {
            *known = None;
            *known = Some((clock::now(), self.look_up().await?));
        }
        let addresses = known.as_ref().map_or(&[][..], |(_, addresses)| addresses);
        let turn = usize::try_from(n).unwrap_or_default().checked_rem(addresses.len());
        let nothing = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        turn.map(|turn| addresses[turn]).ok_or_else(nothing)
    }

    async fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = lookup_host((self.host.as_str(), self.port)).await?.collect();
        let v4: Vec<_> = found.iter().copied().filter(SocketAddr::is_ipv4).collect();
        Ok(if v4.is_empty() { found } else { v4 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own_name() {
        let resolver = Resolver::new("127.0.0.1", 80);
        assert_eq!(resolver.address(7).await.unwrap(), "127.0.0.1:80".parse().unwrap());
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        let resolver = Resolver::new("unused", 0);
        let addresses: Vec<SocketAddr> = vec!["10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap()];
        *resolver.known.lock().await = Some((clock::now(), addresses.clone()));
        assert_eq!(resolver.address(0).await.unwrap(), addresses[0]);
        assert_eq!(resolver.address(1).await.unwrap(), addresses[1]);
        assert_eq!(resolver.address(2).await.unwrap(), addresses[0]);
    }
}
