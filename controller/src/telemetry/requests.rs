//! Requests to the API server, counted where they leave.

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
        let (requests, answer) = (self.requests.clone(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await;
            requests.count(verb, answer.as_ref().map_or("unreachable", |a| result(a.status().as_u16())));
            answer
        })
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
