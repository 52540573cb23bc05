//! What really goes over the wire.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::*;
use crate::telemetry::Telemetry;

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A receiver on the loopback address that answers everything with this.
async fn receiver(answer: StatusCode) -> (Settings, Received) {
    let received = Received::default();
    let take = move |State(received): State<Received>, body: Bytes| async move {
        received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
        answer
    };
    let app = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let settings = Settings::read(|name| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| url.clone()));
    (settings.unwrap().unwrap(), received)
}

fn one_span(traces: &Traces) {
    let tracer = traces.0.as_ref().unwrap().provider.tracer("test");
    let mut span = tracer.start("pass");
    span.set_attribute(KeyValue::new("policy", "front"));
    span.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_arrive_as_protobuf_with_the_process_they_are_of() {
    let (settings, received) = receiver(StatusCode::OK).await;
    let telemetry = Telemetry::default();
    let process =
        Process { identity: "sluice-7".into(), namespace: "sluice-system".into(), cluster: Some("eu".into()) };
    let traces = Traces::to(Exporter::new(&settings, telemetry.clone()).unwrap(), &process);
    one_span(&traces);
    traces.end().await;
    let received = received.lock().unwrap();
    let [request] = received.as_slice() else { panic!("{received:#?}") };
    let all = &request.resource_spans[0];
    let of = all.resource.as_ref().unwrap().attributes.iter().map(|kv| format!("{}={:?}", kv.key, kv.value));
    let of: Vec<_> = of.collect();
    for (key, value) in [
        ("service.name", "sluice"),
        ("service.instance.id", "sluice-7"),
        ("k8s.namespace.name", "sluice-system"),
        ("k8s.cluster.name", "eu"),
    ] {
        assert!(of.iter().any(|a| a.starts_with(&format!("{key}=")) && a.contains(&format!("{value:?}"))), "{of:#?}");
    }
    let span = &all.scope_spans[0].spans[0];
    assert_eq!((span.name.as_str(), span.attributes[0].key.as_str()), ("pass", "policy"));
    assert!(telemetry.text().contains("sluice_spans_total{result=\"sent\"} 1\n"), "{}", telemetry.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_a_receiver_does_not_take_are_counted_as_lost() {
    let (settings, _) = receiver(StatusCode::FORBIDDEN).await;
    let telemetry = Telemetry::default();
    let traces = Traces::to(Exporter::new(&settings, telemetry.clone()).unwrap(), &Process::default());
    one_span(&traces);
    traces.end().await;
    assert!(telemetry.text().contains("sluice_spans_total{result=\"lost\"} 1\n"), "{}", telemetry.text());
}

#[tokio::test]
async fn authorities_that_are_none_are_refused_with_the_file_that_holds_them() {
    let file = std::env::temp_dir().join(format!("sluice-no-authorities-{}", std::process::id()));
    std::fs::write(&file, "nothing").unwrap();
    let settings = Settings {
        endpoint: "https://collector:4318/v1/traces".parse().unwrap(),
        timeout: Duration::from_secs(1),
        certificates: Some(file.display().to_string()),
    };
    let error = Exporter::new(&settings, Telemetry::default()).unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert!(format!("{error:#}").contains(&file.display().to_string()), "{error:#}");
}
