//! A question over the network, to a receiver on this machine.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use chrono::{DateTime, TimeDelta};
use crds::webhook::Webhook;
use futures::{FutureExt, StreamExt, channel::mpsc, future::BoxFuture};
use planner::{Digest, journal::RevisionRef, policy::Place};
use serde_json::{Value, json};

use super::*;
use crate::{
    api::Kube,
    context::Context,
    metrics::{Measure, Request, Usual},
    outbound::{Egress, Outbound},
    telemetry::Telemetry,
};

/// Nothing is measured here.
struct Nothing;

impl Measure for Nothing {
    fn measure<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, analysis::Batch> {
        futures::future::pending().boxed()
    }

    fn usual<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Usual> {
        futures::future::pending().boxed()
    }

    fn scrape_interval<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Duration> {
        futures::future::pending().boxed()
    }
}

fn no_cluster() -> kube::Client {
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Ok::<_, std::convert::Infallible>(
            http::Response::builder().status(500).body(kube::client::Body::empty()).unwrap(),
        )
    });
    kube::Client::new(service, "default")
}

#[tokio::test]
async fn a_question_goes_over_the_network_until_it_is_answered_and_wakes_the_policy_at_every_news() {
    let (count, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::<Value>::new())));
    let bodies = heard.clone();
    let answer = move |body: Bytes| async move {
        bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => (StatusCode::SERVICE_UNAVAILABLE, "not yet"),
            _ => (StatusCode::OK, "fine"),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });

    let (wake, mut woken) = mpsc::unbounded();
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let clock = Arc::new(move || start);
    let context = Context::new(Kube::new(no_cluster()), clock, Arc::new(Nothing), wake, Telemetry::default(), None);
    let egress = Egress { loopback: true };
    let context = Arc::new(context.with_post(Arc::new(Outbound::new(no_cluster(), egress))));
    let key = RunKey { gate: "load".into(), at: Place::Traffic, step: None, attempt: 1 };
    let digest = Digest::parse(&format!("sha256:3f9c01d2{}", "0".repeat(56))).unwrap();
    let about = About {
        namespace: "shop".into(),
        policy: "front".into(),
        release: "front-3f9c01d2-1".into(),
        uid: "u".into(),
        to: RevisionRef::new(digest, vec![]),
        variables: vec![],
    };
    let webhook: Webhook = serde_json::from_value(json!({ "url": url, "metadata": { "a": "b" } })).unwrap();
    let question = Question {
        release: "shop/front-3f9c01d2-1".into(),
        about,
        key: key.clone(),
        weight: 0,
        webhook,
        since: start,
        left: TimeDelta::seconds(30),
        traceparent: None,
    };
    context.webhooks.seen(&question.release, start);
    ask(&context, question.clone());
    ask(&context, question);

    let policy = woken.next().await.unwrap();
    assert_eq!((policy.name.as_str(), policy.namespace.as_deref()), ("front", Some("shop")));
    let run = |since| context.webhooks.run("shop/front-3f9c01d2-1", &key, since);
    let words = format!("webhook load of {url} answered 503: not yet; it is asked again in 1s");
    assert_eq!(run(start), Some(Run::Going(words)));
    woken.next().await.unwrap();
    let Some(Run::Passed(evidence)) = run(start) else { panic!("{:?}", run(start)) };
    assert_eq!(evidence.summary, Some(format!("webhook load of {url} answered 200: fine")));
    assert_eq!(run(start + TimeDelta::seconds(1)), None, "asked anew, it is another question");
    let heard = heard.lock().unwrap();
    assert_eq!((heard.len(), &heard[0]["metadata"]), (2, &json!({ "a": "b" })));
    assert_eq!(heard[0]["id"], heard[1]["id"]);
}
