//! Where requests may go.
//!
//! A name is resolved once, every address is checked, and the connection goes to a checked address: an address of the host itself or
//! of a cloud's metadata service would let whoever writes a MetricSource or a webhook speak as the controller's pod.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

/// Why a connection is not even tried.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Only addresses that nobody may be sent to.
    #[error("{0} is an address of the controller's own host or of a metadata service, where no request is sent")]
    Address(IpAddr),
    /// A name that can mean nothing else.
    #[error("{0} is a name of the controller's own host or of a metadata service, where no request is sent")]
    Name(String),
    /// The name has no address.
    #[error("the name {0} has no address")]
    Unresolved(String),
}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Also 127.0.0.0/8 and ::1: for a proxy beside the controller and for tests.
    pub loopback: bool,
}

impl Egress {
    /// Checks an address.
    ///
    /// # Errors
    /// Nobody may be sent there.
    pub(crate) fn check(self, address: IpAddr) -> Result<(), Refused> {
        let address = behind(address);
        let bad = match address {
            IpAddr::V4(v4) => {
                v4.is_link_local()
                    || v4.is_unspecified()
                    || v4.is_multicast()
                    || v4.is_broadcast()
                    || METADATA_V4.contains(&v4)
            }
            IpAddr::V6(v6) => {
                v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || v6 == METADATA_V6
            }
        };
        if bad || (address.is_loopback() && !self.loopback) { Err(Refused::Address(address)) } else { Ok(()) }
    }

    /// Checks the host of a URL where it is an address; a name is checked when it is resolved.
    ///
    /// # Errors
    /// Nobody may be sent there.
    pub(crate) fn check_host(self, host: &str) -> Result<(), Refused> {
        host.trim_start_matches('[').trim_end_matches(']').parse().map_or(Ok(()), |address| self.check(address))
    }

    /// Checks the host of a URL whose name somebody else looks up: also for what can mean nothing but the host itself or a metadata
    /// service.
    ///
    /// # Errors
    /// Nobody may be sent there.
    pub(crate) fn check_unresolved(self, host: &str) -> Result<(), Refused> {
        self.check_host(host)?;
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let itself = name == "localhost" || name.ends_with(".localhost");
        let bad = METADATA_NAMES.contains(&name.as_str()) || (itself && !self.loopback);
        if bad { Err(Refused::Name(name)) } else { Ok(()) }
    }
}

/// The address that is meant by one that carries an IPv4 address: mapped, or through NAT64 (RFC 6052).
fn behind(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other,
    }
}

/// The metadata services of Azure and Alibaba; those of the others are link-local.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];
/// The metadata service of AWS.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Names of metadata services: a proxy would look them up where they mean something.
const METADATA_NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "metadata.tencentyun.com", "instance-data.ec2.internal"];

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = *self;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let Ok(found) = tokio::net::lookup_host((host.as_str(), 0)).await else {
                return Err(Refused::Unresolved(host).into());
            };
            let (mut good, mut refused) = (Vec::<SocketAddr>::new(), None);
            for address in found {
                match egress.check(address.ip()) {
                    Ok(()) => good.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                _ if !good.is_empty() => Ok(Box::new(good.into_iter()) as Addrs),
                Some(error) => Err(error.into()),
                None => Err(Refused::Unresolved(host).into()),
            }
        })
    }
}

/// As reqwest takes it.
pub(crate) fn resolver(egress: Egress) -> Arc<Egress> {
    Arc::new(egress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_itself_and_metadata_services_are_refused() {
        for host in [
            "127.0.0.1",
            "[::1]",
            "169.254.169.254",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "0.0.0.0",
            "[::]",
            "[fd00:ec2::254]",
            "168.63.129.16",
        ] {
            assert!(Egress::default().check_host(host).is_err(), "{host}");
            assert!(Egress::default().check_unresolved(host).is_err(), "{host}");
        }
    }

    #[test]
    fn names_that_somebody_else_looks_up_are_refused_where_they_mean_only_that() {
        for name in [
            "localhost",
            "a.LocalHost.",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
            "instance-data.ec2.internal",
        ] {
            assert!(Egress::default().check_unresolved(name).is_err(), "{name}");
        }
        for name in ["hooks.example.com", "metadata.shop.svc", "notlocalhost", "93.184.216.34"] {
            assert_eq!(Egress::default().check_unresolved(name), Ok(()), "{name}");
        }
        assert_eq!(Egress { loopback: true }.check_unresolved("localhost"), Ok(()));
        assert!(Egress { loopback: true }.check_unresolved("metadata.goog").is_err());
    }

    #[test]
    fn addresses_of_clusters_and_names_are_not() {
        for host in [
            "10.96.0.10",
            "192.168.1.4",
            "[fd12::1]",
            "[64:ff9b::10.0.0.1]",
            "93.184.216.34",
            "prometheus.monitoring.svc",
        ] {
            assert_eq!(Egress::default().check_host(host), Ok(()), "{host}");
        }
        assert_eq!(Egress { loopback: true }.check_host("127.0.0.1"), Ok(()));
        assert!(Egress { loopback: true }.check_host("169.254.169.254").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_the_host_itself_is_refused() {
        let refused = Egress::default().resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(matches!(refused.downcast_ref(), Some(Refused::Address(_))), "{refused}");
    }
}
