//! A receiver of HTTP requests that a user names: its address, and how both sides know each other.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// A receiver of HTTP requests. No redirects are followed, and addresses of the controller's own host and of metadata services are
/// refused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.url) != has(self.urlFrom)", "give exactly one of url and urlFrom, the key of a Secret that holds it"))]
pub struct Endpoint {
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = ("isURL(self) && url(self).getScheme() in ['http', 'https']", "url must be an http or https address, such as https://hooks.example.com/sluice"))]
    pub url: Option<String>,
    /// Its address, where whoever knows it may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_from: Option<SecretKey>,
    /// Headers sent with every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub headers: BTreeMap<String, String>,
    /// A Secret whose keys are names of headers, such as X-Api-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers_from: Option<SecretName>,
    /// A bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretKey>,
    /// Certificates of the authorities that may sign the receiver's certificate, PEM; when absent, those that browsers trust and the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretKey>,
    /// The certificate that the controller shows: the keys `tls.crt` and `tls.key` of a Secret, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<SecretName>,
    /// The key by which requests are signed: `Sluice-Signature` is `v1=` and the hexadecimal HMAC-SHA256 of the header
    /// `Sluice-Timestamp`, a full stop and the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SecretKey>,
    /// How long a request may take, 60s at most.
    #[serde(default = "ten_seconds")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || (duration(self) >= duration('100ms') && duration(self) <= duration('60s'))", "a request's timeout must be 100ms to 60s"))]
    pub timeout: GoDuration,
}

/// A key of a Secret in the namespace of what names it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// The Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A Secret in the namespace of what names it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// The Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

fn ten_seconds() -> GoDuration {
    GoDuration::seconds(10)
}
