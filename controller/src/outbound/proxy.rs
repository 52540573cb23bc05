//! Which requests to receivers go through a proxy.
//!
//! What is given to Sluice counts, and no HTTPS_PROXY that a cluster puts into every pod: neither the API server nor a metrics server is
//! ever asked through one. It is the proxy that looks a receiver's name up then, so that addresses behind names are for it to refuse.

use std::net::IpAddr;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// Never asked for through a proxy, as are names without a dot: those that only the cluster knows.
const CLUSTER: &str = "svc,cluster.local,kubernetes.default";

/// Proxies, as they are written.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ProxyArguments {
    /// Proxy for requests to https receivers of webhooks and messages, such as http://proxy.example.com:3128.
    #[arg(long, env = "SLUICE_HTTPS_PROXY", hide_env_values = true, value_name = "URL")]
    pub https_proxy: Option<String>,
    /// Proxy for requests to http receivers.
    #[arg(long, env = "SLUICE_HTTP_PROXY", hide_env_values = true, value_name = "URL")]
    pub http_proxy: Option<String>,
    /// Domains, addresses and networks that are asked without a proxy, separated by commas; the cluster's own names always are.
    #[arg(long, env = "SLUICE_NO_PROXY", value_name = "LIST")]
    pub no_proxy: Option<String>,
}

/// The proxies for requests to receivers.
pub struct Proxies {
    https: Option<Url>,
    http: Option<Url>,
    others: Matcher,
}

impl Default for Proxies {
    /// None.
    fn default() -> Self {
        Self { https: None, http: None, others: Matcher::builder().build() }
    }
}

impl Proxies {
    /// Reads them. The host of the API server is never asked for through them.
    ///
    /// # Errors
    /// What cannot be read, without its value, which may hold a password; and how it is written.
    pub fn parse(arguments: &ProxyArguments, api_server: Option<&str>) -> Result<Self, String> {
        let exceptions = arguments.no_proxy.as_deref().unwrap_or_default().to_lowercase();
        if let Some(wrong) = exceptions.split(',').map(str::trim).find(|e| !is_exception(e)) {
            return Err(format!(
                "{wrong:?} in the exceptions from proxies is no domain, address or network: write example.com (with all below it), 10.1.2.3, 10.0.0.0/8 or *"
            ));
        }
        let api_server = api_server.unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
        let others = Matcher::builder().all("http://proxy").no([CLUSTER, &api_server, &exceptions].join(",")).build();
        let https = proxy(arguments.https_proxy.as_deref(), "https")?;
        let http = proxy(arguments.http_proxy.as_deref(), "http")?;
        Ok(Self { https, http, others })
    }

    /// The proxy through which an address is asked.
    pub(super) fn of(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let host = url.host_str()?.trim_end_matches('.');
        let local = !host.contains(['.', ':']);
        let asked = format!("{}://{host}", url.scheme()).parse().ok()?;
        proxy.as_ref().filter(|_| !local && self.others.intercept(&asked).is_some())
    }
}

fn proxy(text: Option<&str>, of: &str) -> Result<Option<Url>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let url = Url::parse(text).ok().filter(|url| url.has_host() && url.path() == "/" && url.query().is_none());
    match url {
        Some(url) if url.scheme() == "http" => Ok(Some(url)),
        _ => Err(format!(
            "the proxy for {of} receivers is no address like http://proxy.example.com:3128: write it so, also for https receivers, whose requests it carries encrypted"
        )),
    }
}

fn is_exception(text: &str) -> bool {
    let domain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let network = |(address, bits): (&str, &str)| address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok();
    text == "*"
        || text.chars().all(domain)
        || text.parse::<IpAddr>().is_ok()
        || text.split_once('/').is_some_and(network)
}

/// Why a proxy did not open a way, where it said so.
pub(super) fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let all = std::iter::successors(Some(error), |error| error.source());
    // Its type cannot be named.
    all.map(ToString::to_string).find_map(|said| match said.as_str() {
        "tunnel error: proxy authorization required" => Some(
            "the proxy wants a name and a password: write them into its address, as http://NAME:PASSWORD@HOST:PORT",
        ),
        "tunnel error: unsuccessful" => {
            Some("the proxy refuses, or cannot reach it: have its rules allow this host and port")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(no_proxy: &str) -> Proxies {
        let both = |of: &str| Some(format!("http://{of}.example.com:3128"));
        let arguments = ProxyArguments {
            https_proxy: both("secure"),
            http_proxy: both("plain"),
            no_proxy: Some(no_proxy.to_owned()),
        };
        Proxies::parse(&arguments, Some("10.96.0.1")).unwrap()
    }

    fn way(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(&Url::parse(url).unwrap()).and_then(|proxy| proxy.host_str().map(str::to_owned))
    }

    #[test]
    fn each_scheme_has_a_proxy_of_its_own() {
        let proxies = with("");
        assert_eq!(way(&proxies, "https://hooks.example.com/x").unwrap(), "secure.example.com");
        assert_eq!(way(&proxies, "http://93.184.216.34:8080").unwrap(), "plain.example.com");
        let https = ProxyArguments { https_proxy: Some("http://proxy:3128".into()), ..ProxyArguments::default() };
        let proxies = Proxies::parse(&https, None).unwrap();
        assert_eq!(way(&proxies, "https://[2001:db8::1]/x").unwrap(), "proxy");
        assert_eq!(way(&proxies, "http://hooks.example.com"), None);
        assert_eq!(way(&Proxies::default(), "https://hooks.example.com"), None);
        let empty = ProxyArguments { https_proxy: Some(String::new()), ..ProxyArguments::default() };
        assert_eq!(way(&Proxies::parse(&empty, None).unwrap(), "https://hooks.example.com"), None);
    }

    #[test]
    fn the_clusters_own_names_are_never_asked_for_through_a_proxy() {
        for url in [
            "http://hooks",
            "http://hooks.:8080",
            "https://hooks.shop.svc",
            "https://HOOKS.shop.SVC.",
            "http://hooks.shop.svc.cluster.local:8080",
            "http://hooks.shop.svc.cluster.local.",
            "https://kubernetes.default",
            "https://10.96.0.1:443",
        ] {
            assert_eq!(way(&with(""), url), None, "{url}");
            assert_eq!(way(&with("example.com"), url), None, "{url}");
        }
        for url in
            ["https://svc.example.com", "https://hooks.notsvc", "https://10.96.0.10", "https://cluster.local.x.com"]
        {
            assert!(way(&with(""), url).is_some(), "{url}");
        }
    }

    #[test]
    fn exceptions_are_domains_addresses_and_networks() {
        let proxies = with("Example.org, .internal,10.0.0.0/8,192.0.2.7, 2001:db8::/32");
        for url in [
            "https://example.org",
            "https://a.b.example.ORG",
            "http://hooks.corp.internal",
            "http://10.1.2.3",
            "https://192.0.2.7",
            "https://[2001:db8::1]",
        ] {
            assert_eq!(way(&proxies, url), None, "{url}");
        }
        for url in ["https://notexample.org", "https://11.1.2.3", "https://192.0.2.8", "https://[2001:db9::1]"] {
            assert!(way(&proxies, url).is_some(), "{url}");
        }
        assert_eq!(way(&with("*"), "https://hooks.example.com"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_its_password() {
        let refused = |url: &str| {
            let arguments = ProxyArguments { https_proxy: Some(url.to_owned()), ..ProxyArguments::default() };
            let said = Proxies::parse(&arguments, None).err().unwrap();
            assert!(said.contains("for https receivers is no address like http://proxy.example.com:3128"), "{said}");
            assert!(!said.contains("pl4nted"), "{said}");
        };
        for url in [
            "proxy:3128",
            "https://user:pl4nted@proxy:3128",
            "socks5://proxy",
            "http://",
            "http://proxy/pl4nted",
            "user:pl4nted@proxy",
        ] {
            refused(url);
        }
        for exception in ["*.example.com", "example.com:443", "https://example.com", "10.0.0.0/x", "a b"] {
            let arguments =
                ProxyArguments { no_proxy: Some(format!("ok.com,{exception}")), ..ProxyArguments::default() };
            let said = Proxies::parse(&arguments, None).err().unwrap();
            assert!(said.starts_with(&format!("{exception:?} in the exceptions")), "{said}");
        }
    }
}
