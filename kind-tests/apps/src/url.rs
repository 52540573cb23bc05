//! The two kinds of address these programs talk to.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP/1.1.
    Http,
    /// Redis, RESP 2.
    Redis,
}

/// An absolute address: `http://host[:port][/path]` or `redis://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// What is spoken there.
    pub scheme: Scheme,
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// 80 or 6379 unless given.
    pub port: u16,
    /// Path with query, `/` at least.
    pub path: String,
}

impl Url {
    /// `host:port`, as in the `Host` header.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The same server with another path appended to this address's path.
    pub fn join(&self, path: &str) -> Url {
        let base = self.path.trim_end_matches('/');
        let path = format!("{base}/{}", path.trim_start_matches('/'));
        Url { path, ..self.clone() }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|e| format!("{text:?} is no URL: {e}"))?;
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("redis") => (Scheme::Redis, 6379),
            _ => return Err(format!("{text:?} must begin with http:// or redis://")),
        };
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(format!("{text:?} names no host"));
        }
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        Ok(Url { scheme, host, port: uri.port_u16().unwrap_or(port), path: path.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => write!(f, "http://{}{}", self.authority(), self.path),
            Scheme::Redis => write!(f, "redis://{}", self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn defaults_are_filled_in() {
        assert_eq!(url("http://web").to_string(), "http://web:80/");
        assert_eq!(url("redis://cache").to_string(), "redis://cache:6379");
        assert_eq!(url("http://[::1]:9898/a?b=c").to_string(), "http://[::1]:9898/a?b=c");
    }

    #[test]
    fn joining_keeps_the_prefix() {
        assert_eq!(url("http://web:9898").join("/readyz").path, "/readyz");
        assert_eq!(url("http://web/api/").join("info").path, "/api/info");
    }

    #[test]
    fn other_schemes_and_missing_hosts_are_refused() {
        for text in ["https://web", "web:80", "/readyz", "http://", ""] {
            assert!(text.parse::<Url>().is_err(), "{text:?} was accepted");
        }
    }
}
