//! MetricSources: found by name, opened with their Secrets.

use std::time::Duration;

use crds::metric::{MetricSource, Prometheus};
use kube::{Api, Client};
use reqwest::{
    Certificate, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::{Lack, misconfigured, provider};
use crate::outbound::{
    egress::{self, Egress},
    secret::{self, Hidden},
};

/// The longest that a query may take, whatever its source says.
const LONGEST: Duration = Duration::from_secs(60);
/// The shortest that it makes sense to wait.
const SHORTEST: Duration = Duration::from_millis(100);

/// A MetricSource and where it was found.
pub(super) struct Source {
    namespace: String,
    name: String,
    spec: Prometheus,
}

/// A source that can be asked. What it knows by heart is given to its own origin only.
pub(super) struct Endpoint {
    /// How people know it: the MetricSource and the origin of its address.
    pub(super) title: String,
    /// How long an answer may take.
    pub(super) timeout: Duration,
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    auth: Auth,
}

enum Auth {
    None,
    Bearer(HeaderValue),
    Basic(Hidden, Hidden),
}

/// Finds a source by name: in the policy's namespace, else in the controller's.
///
/// # Errors
/// There is none of that name, or the API server does not say.
pub(super) async fn find(client: &Client, namespace: &str, shared: &str, name: &str) -> Result<Source, Lack> {
    for place in [namespace, shared] {
        let sources = Api::<MetricSource>::namespaced(client.clone(), place);
        match sources.get_opt(name).await {
            Ok(Some(found)) => {
                return Ok(Source { namespace: place.into(), name: name.into(), spec: found.spec.prometheus });
            }
            Ok(None) if place != shared => {}
            Ok(None) => break,
            Err(error) => {
                return Err(provider(format!("cannot read MetricSource {place}/{name}: {}", secret::kind(&error))));
            }
        }
    }
    Err(misconfigured(format!(
        "MetricSource {name} is missing: create it in namespace {namespace}, or in {shared} for every namespace"
    )))
}

impl Source {
    /// How long a query may take.
    pub(super) fn timeout(&self) -> Duration {
        self.spec.timeout.0.clamp(SHORTEST, LONGEST)
    }

    /// How often it scrapes.
    pub(super) fn scrape_interval(&self) -> Duration {
        self.spec.scrape_interval.0
    }

    /// How long after a scrape its samples can be read.
    pub(super) fn delay(&self) -> Duration {
        self.spec.delay.0
    }

    /// Reads its Secrets, each by name from its own namespace, and makes the client.
    ///
    /// # Errors
    /// A Secret is missing, or what it or the source holds cannot be used.
    pub(super) async fn open(&self, client: &Client, egress: Egress) -> Result<Endpoint, Lack> {
        let whose = format!("MetricSource {}/{}", self.namespace, self.name);
        let (url, origin) = self.url(&whose, egress)?;
        let timeout = self.timeout();
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(egress::resolver(egress))
            .connect_timeout(timeout)
            .timeout(timeout);
        let builder = match self.authorities(client, &whose).await? {
            Some(authorities) => builder.tls_certs_only(authorities),
            None if url.scheme() == "https" => builder,
            // Nothing is verified, so the system need not have any authorities.
            None => builder.tls_certs_only([]),
        };
        let http = builder.build().map_err(|_| {
            misconfigured(format!("cannot make a client for {whose}: check the certificates in ca, or the system's"))
        })?;
        let headers = self.headers(&whose)?;
        let auth = self.auth(client, &whose).await?;
        Ok(Endpoint { title: format!("{whose} ({origin})"), timeout, http, url, headers, auth })
    }

    fn url(&self, whose: &str, egress: Egress) -> Result<(Url, String), Lack> {
        let bad = || {
            misconfigured(format!(
                "url of {whose} is no http or https address: write one like http://prometheus.monitoring:9090"
            ))
        };
        let mut url = Url::parse(&self.spec.url).map_err(|_| bad())?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or_else(bad)?;
        egress.check_host(host).map_err(|refused| misconfigured(format!("url of {whose}: {refused}")))?;
        let origin = url.origin().ascii_serialization();
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_fragment(None);
        Ok((url, origin))
    }

    async fn authorities(&self, client: &Client, whose: &str) -> Result<Option<Vec<Certificate>>, Lack> {
        let Some(ca) = &self.spec.ca else { return Ok(None) };
        let [pem] = secret::read(client, &self.namespace, &ca.name, [&ca.key], whose).await?;
        match Certificate::from_pem_bundle(pem.reveal()) {
            Ok(found) if !found.is_empty() => Ok(Some(found)),
            _ => Err(misconfigured(format!(
                "key {} of Secret {}/{}, the ca of {whose}, holds no certificates: write them as PEM",
                ca.key, self.namespace, ca.name
            ))),
        }
    }

    fn headers(&self, whose: &str) -> Result<HeaderMap, Lack> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.spec.headers {
            let bad = || misconfigured(format!("the header {name} of {whose} is not one: correct its name or value"));
            let name: HeaderName = name.parse().map_err(|_| bad())?;
            let mut value: HeaderValue = value.parse().map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    async fn auth(&self, client: &Client, whose: &str) -> Result<Auth, Lack> {
        if let Some(token) = &self.spec.bearer_token {
            let [value] = secret::read(client, &self.namespace, &token.name, [&token.key], whose).await?;
            let bearer = value.text().and_then(|text| HeaderValue::try_from(format!("Bearer {text}")).ok());
            let mut bearer = bearer.ok_or_else(|| {
                misconfigured(format!("the bearer token of {whose} has characters that no header may have: correct it"))
            })?;
            bearer.set_sensitive(true);
            return Ok(Auth::Bearer(bearer));
        }
        let Some(basic) = &self.spec.basic_auth else { return Ok(Auth::None) };
        let [user, password] =
            secret::read(client, &self.namespace, &basic.name, ["username", "password"], whose).await?;
        if user.text().is_none() || password.text().is_none() {
            return Err(misconfigured(format!("username and password of {whose} must be text: correct the Secret")));
        }
        Ok(Auth::Basic(user, password))
    }
}

impl Endpoint {
    /// A request with these parameters and everything that lets it in.
    pub(super) fn get(&self, parameters: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        let request = self.http.get(url).headers(self.headers.clone());
        match &self.auth {
            Auth::None => request,
            Auth::Bearer(value) => request.header(reqwest::header::AUTHORIZATION, value.clone()),
            Auth::Basic(user, password) => request.basic_auth(user.text().unwrap_or_default(), password.text()),
        }
    }
}
