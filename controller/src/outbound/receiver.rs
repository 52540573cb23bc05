//! A receiver that can be sent to.

use std::time::Duration;

use crds::endpoint::Endpoint;
use kube::Client;
use reqwest::{
    ClientBuilder, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::{
    Answer, Egress, Letter, Problem, Proxies, causes::cause, egress, egress::Refused, headers, misconfigured, proxy,
    secret, sign::Key, tls, unreachable,
};

/// The longest that a request may take, whatever its object says.
const LONGEST: Duration = Duration::from_secs(60);
/// The shortest that it makes sense to wait.
const SHORTEST: Duration = Duration::from_millis(100);
/// How long a connection may take: who listens answers sooner.
const CONNECT: Duration = Duration::from_secs(5);

/// By which receivers learn of the trace that they are a part of.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A receiver that can be sent to. What it knows by heart is given to its own origin only.
pub struct Receiver {
    /// Its origin, what names it and the proxy, for people.
    title: String,
    origin: String,
    timeout: Duration,
    /// Whether an answer may be a proxy's own.
    by_proxy: bool,
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    key: Option<Key>,
}

/// Reads the Secrets of an endpoint, from the namespace of what names it, and makes a client. `whose` is what names it, for people,
/// such as `gate load of RolloutPolicy shop/front`. The API server has the client's own deadline for every Secret.
///
/// # Errors
/// A Secret is missing, or what it or the endpoint holds cannot be used.
pub async fn open(
    client: &Client,
    namespace: &str,
    endpoint: &Endpoint,
    whose: &str,
    egress: Egress,
    proxies: &Proxies,
) -> Result<Receiver, Problem> {
    let url = url(client, namespace, endpoint, whose).await?;
    let by = proxies.of(&url);
    let host = url.host_str().unwrap_or_default();
    let checked = if by.is_some() { egress.check_unresolved(host) } else { egress.check_host(host) };
    checked.map_err(|refused| misconfigured(format!("url of {whose}: {refused}")))?;
    let timeout = endpoint.timeout.0.clamp(SHORTEST, LONGEST);
    let builder = reqwest::Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(timeout.min(CONNECT))
        .timeout(timeout);
    let builder = way(builder, by, egress, whose)?;
    let builder = if url.scheme() == "https" {
        tls::dress(builder, client, namespace, endpoint, whose).await?
    } else {
        // Nothing is verified, so the system need not have any authorities.
        builder.tls_certs_only([])
    };
    let http = builder.build().map_err(|_| {
        misconfigured(format!(
            "cannot make a client for {whose}: check the certificates in ca, and that tls.crt and tls.key of clientCertificate belong together"
        ))
    })?;
    let headers = headers::of(client, namespace, endpoint, whose).await?;
    let key = key(client, namespace, endpoint, whose).await?;
    let origin = url.origin().ascii_serialization();
    let through = by.map(|proxy| format!(" through the proxy {}", proxy.origin().ascii_serialization()));
    let title = format!("{origin} ({whose}){}", through.unwrap_or_default());
    let by_proxy = by.is_some() && url.scheme() == "http";
    Ok(Receiver { title, origin, timeout, by_proxy, http, url, headers, key })
}

fn way(builder: ClientBuilder, by: Option<&Url>, egress: Egress, whose: &str) -> Result<ClientBuilder, Problem> {
    let Some(proxy) = by else { return Ok(builder.no_proxy().dns_resolver(egress::resolver(egress))) };
    // Whoever installed Sluice says where the proxy is; the receiver's name is for the proxy to look up.
    let proxy = reqwest::Proxy::all(proxy.clone())
        .map_err(|_| misconfigured(format!("the proxy for {whose} cannot be used: correct the chart's value proxy")))?;
    Ok(builder.proxy(proxy))
}

async fn url(client: &Client, namespace: &str, endpoint: &Endpoint, whose: &str) -> Result<Url, Problem> {
    let parse = |text: &str| {
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).then_some(url)
    };
    match (&endpoint.url, &endpoint.url_from) {
        (Some(text), None) => parse(text).ok_or_else(|| {
            misconfigured(format!(
                "url of {whose} is no http or https address: write one like https://hooks.example.com/sluice"
            ))
        }),
        (None, Some(from)) => {
            let [value] = secret::read(client, namespace, &from.name, [&from.key], whose).await?;
            value.text().and_then(|text| parse(text.trim())).ok_or_else(|| {
                misconfigured(format!(
                    "key {} of Secret {namespace}/{}, the address of {whose}, is no http or https address: write one there",
                    from.key, from.name
                ))
            })
        }
        _ => Err(misconfigured(format!("{whose} has no address: give it exactly one of url and urlFrom"))),
    }
}

async fn key(client: &Client, namespace: &str, endpoint: &Endpoint, whose: &str) -> Result<Option<Key>, Problem> {
    let Some(from) = &endpoint.signature else { return Ok(None) };
    let [value] = secret::read(client, namespace, &from.name, [&from.key], whose).await?;
    let key = Key::new(value).ok_or_else(|| {
        misconfigured(format!(
            "key {} of Secret {namespace}/{}, the signature of {whose}, is empty: write 32 random bytes there",
            from.key, from.name
        ))
    })?;
    Ok(Some(key))
}

impl Receiver {
    /// Where it is, for people: scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends a letter to this receiver and waits for the answer: no longer than the endpoint's timeout, from the name's look-up to the
    /// end of the answer's body. Sent once; whoever wants more tries comes again.
    ///
    /// # Errors
    /// There was no whole answer in time.
    pub async fn post(&self, letter: Letter) -> Result<Answer, Problem> {
        let Letter { content_type, body, at, traceparent, .. } = letter;
        let signed = self.key.as_ref().map(|key| key.sign(at, &body)).unwrap_or_default();
        let trace = traceparent.and_then(|parent| HeaderValue::try_from(parent).ok());
        let request = self
            .http
            .post(self.url.clone())
            .headers(trace.map(|parent| (TRACEPARENT, parent)).into_iter().collect())
            .headers(self.headers.clone())
            .headers(signed)
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        let answer = async { Answer::read(request.send().await?, at).await };
        let answer = answer.await.map_err(|error| self.failure(&error))?;
        if self.by_proxy && (400..500).contains(&answer.status) {
            return Err(unreachable(format!(
                "{} was answered {}, which may be the proxy's own word and not the receiver's: use https, or have the receiver asked without a proxy",
                self.title, answer.status
            )));
        }
        Ok(answer)
    }

    /// Says what is wrong with the way to the receiver, in our own words.
    fn failure(&self, error: &reqwest::Error) -> Problem {
        let title = &self.title;
        if let Some(refused) = cause::<Refused>(error) {
            let problem = if matches!(refused, Refused::Address(_)) { misconfigured } else { unreachable };
            return problem(format!("cannot ask {title}: {refused}"));
        }
        if let Some(distrust) = cause::<rustls::Error>(error) {
            return unreachable(format!("cannot ask {title} by TLS: {}", tls::distrust(distrust)));
        }
        if error.is_timeout() {
            return unreachable(format!("{title} did not answer within {:?}", self.timeout));
        }
        if let Some(refusal) = proxy::refusal(error) {
            return unreachable(format!("cannot ask {title}: {refusal}"));
        }
        let why = cause::<std::io::Error>(error).map(|io| format!(": {}", io.kind())).unwrap_or_default();
        let what = if error.is_connect() { "cannot connect to" } else { "no whole answer came from" };
        unreachable(format!("{what} {title}{why}"))
    }
}
