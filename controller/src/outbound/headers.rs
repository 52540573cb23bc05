//! The headers that a user gives.

use crds::endpoint::{Endpoint, SecretKey};
use kube::Client;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::{Problem, misconfigured, secret, sign};

/// What the length and the way of a request depend on.
const WIRE: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The headers of every request to a receiver; those of a Secret win over those given in the open.
///
/// # Errors
/// A header is none, or not the user's to give; a Secret cannot be had.
pub(super) async fn of(
    client: &Client,
    namespace: &str,
    endpoint: &Endpoint,
    whose: &str,
) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    for (name, value) in &endpoint.headers {
        let (name, value) = header(name, value.as_bytes(), whose)?;
        headers.insert(name, value);
    }
    if let Some(from) = &endpoint.headers_from {
        for (name, value) in secret::read_all(client, namespace, &from.name, whose).await? {
            let (name, value) = header(&name, value.line(), whose)?;
            headers.insert(name, value);
        }
    }
    if let Some(token) = &endpoint.bearer_token {
        headers.insert(header::AUTHORIZATION, bearer(client, namespace, token, whose).await?);
    }
    Ok(headers)
}

fn header(name: &str, value: &[u8], whose: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let bad = || misconfigured(format!("the header {name} of {whose} is not one: correct its name or value"));
    let parsed: HeaderName = name.parse().map_err(|_| bad())?;
    if WIRE.contains(&parsed) || sign::OWN.contains(&parsed) {
        return Err(misconfigured(format!("the header {name} of {whose} is the controller's to set: remove it")));
    }
    let mut value = HeaderValue::from_bytes(value).map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

async fn bearer(client: &Client, namespace: &str, token: &SecretKey, whose: &str) -> Result<HeaderValue, Problem> {
    let [value] = secret::read(client, namespace, &token.name, [&token.key], whose).await?;
    let bearer = value.text().and_then(|text| HeaderValue::try_from(format!("Bearer {text}")).ok());
    let mut bearer = bearer.ok_or_else(|| {
        misconfigured(format!("the bearer token of {whose} has characters that no header may have: correct it"))
    })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}
