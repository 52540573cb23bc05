//! Requests to the API server, counted where they leave, and those of a pass traced.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, debug_span, field::Empty};

/// Both labels are of closed sets.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RequestLabel {
    verb: &'static str,
    result: &'static str,
}

/// Counts every request that passes through it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Requests(Family<RequestLabel, Counter>);

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl Requests {
    pub(super) fn family(&self) -> Family<RequestLabel, Counter> {
        self.0.clone()
    }

    fn count(&self, verb: &'static str, result: &'static str) {
        self.0.get_or_create(&RequestLabel { verb, result }).inc();
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.clone() }
    }
}

impl<S, A, B> Service<Request<A>> for Counted<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let verb = verb(request.method(), request.uri().query().unwrap_or_default());
        let (requests, span) = (self.requests.clone(), span(verb, &request));
        let answer = self.inner.call(request);
        let asking = async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(|a| a.status().as_u16());
            requests.count(verb, code.map_or("unreachable", result));
            traced(code);
            answer
        };
        Box::pin(asking.instrument(span))
    }
}

/// By the names of <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>. Watches and what nobody waits for have none.
fn span<A>(verb: &str, request: &Request<A>) -> Span {
    if verb == "watch" || Span::current().is_disabled() {
        return Span::none();
    }
    let path = request.uri().path();
    debug_span!(
        "api",
        otel.name = format!("{verb} {}", resource(path)),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        url.path = path,
        http.response.status_code = Empty,
    )
}

/// What is not there, and what somebody else has changed, are answers like others.
fn traced(code: Option<u16>) {
    let span = Span::current();
    if let Some(code) = code {
        span.record("http.response.status_code", code);
    }
    if !code.is_some_and(|code| code < 400 || matches!(code, 404 | 409)) {
        span.record("otel.status_code", "ERROR");
    }
}

/// The plural of a path's objects, with the subresource: `releases/status`.
fn resource(path: &str) -> String {
    let mut parts = path.trim_matches('/').split('/').skip(1);
    let versions = if path.starts_with("/apis/") { 2 } else { 1 };
    let parts: Vec<_> = parts.by_ref().skip(versions).collect();
    let parts = match parts.as_slice() {
        ["namespaces", _, within @ ..] if !within.is_empty() => within,
        all => all,
    };
    match parts {
        [plural, _, sub, ..] => format!("{plural}/{sub}"),
        [plural, ..] => (*plural).to_owned(),
        [] => path.to_owned(),
    }
}

/// As the API server's audit log names it, but that reading one and reading a list are both `get`.
fn verb(method: &Method, query: &str) -> &'static str {
    match *method {
        Method::GET if query.split('&').any(|p| p == "watch=true" || p == "watch=1") => "watch",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

fn result(code: u16) -> &'static str {
    match code {
        ..400 => "ok",
        404 => "not_found",
        409 => "conflict",
        429 => "throttled",
        400..500 => "refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(requests: &Requests, method: Method, uri: &str, code: u16) {
        let answers = tower::service_fn(move |_: Request<()>| async move {
            let mut answer = Response::new(());
            *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
            Ok::<_, std::convert::Infallible>(answer)
        });
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        requests.layer(answers).call(request).await.unwrap();
    }

    #[test]
    fn a_span_is_named_by_the_kind_of_object_and_not_by_the_object() {
        let names = [
            ("/api/v1/namespaces/shop/pods", "pods"),
            ("/api/v1/namespaces/shop/pods/front-1", "pods"),
            ("/api/v1/namespaces/shop", "namespaces"),
            ("/apis/sluice.dev/v1alpha1/namespaces/shop/releases/front-1/status", "releases/status"),
            ("/apis/authorization.k8s.io/v1/subjectaccessreviews", "subjectaccessreviews"),
            ("/version", "/version"),
        ];
        for (path, name) in names {
            assert_eq!(resource(path), name, "{path}");
        }
    }

    #[tokio::test]
    async fn a_request_is_counted_by_its_verb_and_by_what_came_of_it() {
        let requests = Requests::default();
        ask(&requests, Method::GET, "/api/v1/pods?watch=true&resourceVersion=1", 200).await;
        ask(&requests, Method::GET, "/api/v1/pods?labelSelector=watch%3Dtrue", 200).await;
        ask(&requests, Method::PUT, "/apis/sluice.dev/v1alpha1/x/status", 409).await;
        ask(&requests, Method::PUT, "/apis/sluice.dev/v1alpha1/x/status", 409).await;
        let count = |verb, result| requests.0.get_or_create(&RequestLabel { verb, result }).get();
        let counts = [count("watch", "ok"), count("get", "ok"), count("update", "conflict"), count("update", "ok")];
        assert_eq!(counts, [1, 1, 2, 0]);
    }
}
