//! Requests as they go over the wire, for what a typed client hides.

use anyhow::Result;
use http::{Method, Request};
use kube::{Client, core::Status};
use serde_json::{Value, json};

/// Sends a request with a JSON body and returns the answer, or what the API server says against it.
///
/// # Errors
///
/// When there is no answer at all.
pub async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Result<Result<Value, Box<Status>>> {
    let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    exchange(client, method, path, kind, "application/json", body).await
}

/// Puts a whole value in the place of another, whatever was there before (JSON patch, RFC 6902).
///
/// # Errors
///
/// When there is no answer at all.
pub async fn put_in(client: &Client, path: &str, pointer: &str, value: &Value) -> Result<Result<Value, Box<Status>>> {
    json_patch(client, path, &json!([{ "op": "add", "path": pointer, "value": value }])).await
}

/// Sends a JSON patch (RFC 6902).
///
/// # Errors
///
/// When there is no answer at all.
pub async fn json_patch(client: &Client, path: &str, patch: &Value) -> Result<Result<Value, Box<Status>>> {
    exchange(client, Method::PATCH, path, "application/json-patch+json", "application/json", patch).await
}

/// What `kubectl get` prints: the server's own table.
///
/// # Errors
///
/// When there is no table.
pub async fn table(client: &Client, path: &str) -> Result<Value> {
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    Ok(exchange(client, Method::GET, path, "application/json", accept, &Value::Null).await??)
}

/// Applies a document as this manager, taking the fields of others.
///
/// # Errors
///
/// When there is no answer at all.
pub async fn apply(client: &Client, manager: &str, path: &str, body: &Value) -> Result<Result<Value, Box<Status>>> {
    let path = format!("{path}?fieldManager={manager}&force=true");
    // JSON is YAML.
    exchange(client, Method::PATCH, &path, "application/apply-patch+yaml", "application/json", body).await
}

/// The path of the objects of one of our resources.
pub fn sluice(namespace: &str, plural: &str) -> String {
    format!("/apis/sluice.dev/v1alpha1/namespaces/{namespace}/{plural}")
}

/// Labels and the rest of an object's head.
pub fn metadata(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace })
}

async fn exchange(
    client: &Client,
    method: Method,
    path: &str,
    kind: &str,
    accept: &str,
    body: &Value,
) -> Result<Result<Value, Box<Status>>> {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
    let request =
        Request::builder().method(method).uri(path).header("content-type", kind).header("accept", accept).body(body)?;
    match client.request::<Value>(request).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(kube::Error::Api(status)) => Ok(Err(status)),
        Err(other) => Err(other.into()),
    }
}
