//! A Prometheus and an API server of paper.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, sync::Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Uri},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};

use super::CANARY;

pub(super) type Asked = Arc<Mutex<Vec<(BTreeMap<String, String>, HeaderMap)>>>;

/// A Prometheus on a free port: its address, and what it was asked.
pub(super) async fn paper_prometheus() -> (String, Asked) {
    async fn query(State(asked): State<Asked>, uri: Uri, headers: HeaderMap) -> Response {
        let url = reqwest::Url::parse(&format!("http://paper{uri}")).unwrap();
        let parameters: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let name = parameters["query"].clone();
        asked.lock().unwrap().push((parameters, headers));
        let series = |values: &[&str]| {
            let result: Vec<_> = values.iter().map(|v| json!({"metric": {"a": "b"}, "value": [1.7e9, v]})).collect();
            axum::Json(json!({"status": "success", "data": {"resultType": "vector", "result": result}})).into_response()
        };
        match name.as_str() {
            "empty" => series(&[]),
            "nan" => series(&["NaN"]),
            "infinite" => series(&["+Inf"]),
            "many" => series(&["1", "2"]),
            "scalar" => {
                let data = json!({"resultType": "scalar", "result": [1.7e9, "7"]});
                axum::Json(json!({"status": "success", "data": data, "warnings": ["w"], "stats": 1})).into_response()
            }
            "matrix" => {
                let data = json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "1"]]}]});
                axum::Json(json!({"status": "success", "data": data})).into_response()
            }
            "partial" => {
                let data = json!({"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]});
                axum::Json(json!({"status": "success", "isPartial": true, "data": data})).into_response()
            }
            "bad" => {
                (http::StatusCode::BAD_REQUEST, json!({"status": "error", "error": CANARY}).to_string()).into_response()
            }
            "broken" => (http::StatusCode::INTERNAL_SERVER_ERROR, CANARY).into_response(),
            "locked" => (http::StatusCode::UNAUTHORIZED, CANARY).into_response(),
            "html" => Html(format!("<html>{CANARY}</html>")).into_response(),
            "garbled" => format!("{{\"status\": \"{CANARY}").into_response(),
            "failed" => axum::Json(json!({"status": "error", "error": CANARY})).into_response(),
            "redirect" => Redirect::temporary("/base/api/v1/query?query=redirected").into_response(),
            "huge" => vec![b' '; 2 * 1024 * 1024].into_response(),
            "slow" => {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                series(&["1"])
            }
            _ => series(&["98.5"]),
        }
    }
    let asked = Asked::default();
    let router = Router::new().route("/base/api/v1/query", get(query)).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

/// A Prometheus that answers queries by how they begin; others with no series.
pub(in crate::metrics) async fn paper_samples(answers: Vec<(&'static str, Value)>) -> String {
    let answers = Arc::new(answers);
    let query = move |uri: Uri| {
        let answers = answers.clone();
        async move {
            let url = reqwest::Url::parse(&format!("http://paper{uri}")).unwrap();
            let query = url.query_pairs().find(|(name, _)| name == "query").unwrap().1.into_owned();
            let found = answers.iter().find(|(begins, _)| query.starts_with(begins));
            let none = json!({"resultType": "matrix", "result": []});
            axum::Json(json!({"status": "success", "data": found.map_or(none, |(_, data)| data.clone())}))
        }
    };
    let router = Router::new().route("/api/v1/query", get(query));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// An API server with some objects, by path; every other path is not found, but each MetricTemplate is there and asks for its name.
pub(super) fn paper_cluster(objects: impl IntoIterator<Item = (&'static str, Value)>) -> kube::Client {
    let objects: Arc<BTreeMap<&str, Value>> = Arc::new(objects.into_iter().collect());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let objects = objects.clone();
        async move {
            let path = request.uri().path().to_owned();
            let template = path.strip_prefix("/apis/sluice.dev/v1alpha1/namespaces/shop/metrictemplates/");
            let found = match template {
                Some("gone") => None,
                Some(name) => Some(json!({
                    "apiVersion": "sluice.dev/v1alpha1", "kind": "MetricTemplate",
                    "metadata": {"name": name}, "spec": {"query": name},
                })),
                None => objects.get(path.as_str()).cloned(),
            };
            let (code, body) = match found {
                Some(Value::Number(code)) => {
                    let code = u16::try_from(code.as_u64().unwrap()).unwrap();
                    (code, json!({"kind": "Status", "status": "Failure", "code": code, "message": CANARY}))
                }
                Some(body) => (200, body),
                None => (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})),
            };
            let body = Full::new(Bytes::from(body.to_string()));
            Ok::<_, Infallible>(http::Response::builder().status(code).body(body).unwrap())
        }
    });
    kube::Client::new(service, "default")
}
