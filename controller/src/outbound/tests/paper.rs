//! A receiver, and an API server of paper that has Secrets.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, sync::Mutex, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::Full;
use serde_json::{Value, json};

/// What no message may hold.
pub(super) const CANARY: &str = "pl4nted-c4nary";

/// The headers and the body of every request.
pub(super) type Asked = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// What answers, by path.
pub(super) fn router(asked: Asked) -> Router {
    async fn answer(State(asked): State<Asked>, Path(path): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
        asked.lock().unwrap().push((headers, body.to_vec()));
        match path.as_str() {
            "good" => "fine\nreally\n".into_response(),
            "broken" => (StatusCode::INTERNAL_SERVER_ERROR, CANARY).into_response(),
            "garbage" => vec![0, 0xff, 0xfe].into_response(),
            "busy" => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "7")]).into_response(),
            "to-metadata" => Redirect::temporary("http://169.254.169.254/latest/meta-data").into_response(),
            "to-itself" => Redirect::temporary("/good").into_response(),
            "huge" => vec![b'x'; 10 * 1024 * 1024].into_response(),
            "full" => vec![b'x'; 64 * 1024].into_response(),
            "endless" => Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1000]))))
                .into_response(),
            "drip" => {
                let drops = stream::repeat(()).then(|()| async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok::<_, Infallible>(Bytes::from_static(b"x"))
                });
                Body::from_stream(drops).into_response()
            }
            "slow" => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                "late".into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
    Router::new().route("/{*path}", post(answer)).with_state(asked)
}

/// A receiver on a free port: its origin, and what it was asked.
pub(super) async fn receiver() -> (String, Asked) {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

/// An API server with Secrets of the namespace shop, by name: an object of texts, or the code of an error.
pub(super) fn cluster(secrets: &[(&'static str, Value)]) -> kube::Client {
    let secrets: Arc<BTreeMap<String, Value>> = Arc::new(
        secrets
            .iter()
            .map(|(name, value)| (format!("/api/v1/namespaces/shop/secrets/{name}"), value.clone()))
            .collect(),
    );
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let found = secrets.get(request.uri().path()).cloned();
        async move {
            let (code, body) = match found {
                Some(Value::Number(code)) => {
                    let code = u16::try_from(code.as_u64().unwrap()).unwrap();
                    (code, json!({"kind": "Status", "status": "Failure", "code": code, "message": CANARY}))
                }
                Some(texts) => (200, secret(&texts)),
                None => (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})),
            };
            let body = Full::new(Bytes::from(body.to_string()));
            Ok::<_, Infallible>(http::Response::builder().status(code).body(body).unwrap())
        }
    });
    kube::Client::new(service, "default")
}

fn secret(texts: &Value) -> Value {
    let bytes = |text: &Value| k8s_openapi::ByteString(text.as_str().unwrap().as_bytes().to_vec());
    let data: BTreeMap<_, _> = texts.as_object().unwrap().iter().map(|(key, text)| (key, bytes(text))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data})
}
