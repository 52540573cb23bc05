//! Requests that are picked out for the candidate by what they have, and copies of requests.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// A/B: requests that match go to the candidate, all others to the stable version.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Ab {
    /// What a request must have: all of one entry.
    #[serde(rename = "match")]
    #[schemars(length(min = 1, max = 8))]
    pub matches: Vec<RequestMatch>,
    /// How much of the traffic you expect to match, in percent: the candidate gets pods for so much.
    #[serde(default = "half")]
    #[schemars(range(min = 1, max = 100))]
    pub expected: i32,
    /// How long this is held, counted from when it was in force. Then the candidate is promoted.
    pub bake: GoDuration,
}

/// What a request must have, all of it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.headers) || has(self.cookie)", "a match needs headers or a cookie, such as headers: [{name: x-canary, exact: insider}]"),
    validation = ("!has(self.cookie) || !has(self.headers) || self.headers.all(h, h.name != 'cookie')", "give either cookie or a header of the name cookie, not both")
)]
pub struct RequestMatch {
    /// Headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(validation = ("self.all(h, self.exists_one(i, i.name == h.name))", "a header is named twice: remove one of the two"))]
    pub headers: Option<Vec<HeaderMatch>>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieMatch>,
}

/// A header of a request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.exact) != has(self.regex)", "a header is matched by either exact or regex"))]
pub struct HeaderMatch {
    /// Its name, in lower case.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = ("self.matches('^[a-z0-9-]+$')", "the name of a header is written in lower case here, with letters, digits and hyphens"))]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub exact: Option<String>,
    /// A regular expression (RE2) that describes the whole of its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub regex: Option<String>,
}

/// A cookie of a request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CookieMatch {
    /// Its name.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = ("self.matches('^[A-Za-z0-9_.-]+$')", "the name of a cookie has letters, digits, underscores, dots and hyphens here"))]
    pub name: String,
    /// Its value.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = ("!self.contains(';') && !self.contains(' ')", "the value of a cookie has neither semicolons nor spaces"))]
    pub value: String,
}

/// How callers stay with the candidate while it has a share: each of its answers to a request that a weight has sent to it sets a
/// cookie, and requests with that cookie go to it whatever the weight.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Stickiness {
    /// The cookie. Its value is the id of the candidate's revision, so it means nothing to any other version.
    pub cookie: StickyCookie,
}

/// A cookie that is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StickyCookie {
    /// Its name.
    #[serde(default = "sluice")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = ("self.matches('^[A-Za-z0-9_-]+$')", "the name of the cookie has letters, digits, underscores and hyphens"))]
    pub name: String,
    /// How long a caller keeps it, counted from the last answer that set it.
    #[serde(default = "an_hour")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self) >= duration('1s')", "stickiness.cookie.maxAge must be at least 1s"))]
    pub max_age: GoDuration,
}

/// Copies of requests for the candidate. Nobody waits for its answers, but what a request changes is changed twice.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// How many of the requests are copied, in percent.
    #[serde(default = "all")]
    #[schemars(range(min = 1, max = 100))]
    pub percent: i32,
    /// Those with these methods. What is not GET, HEAD or OPTIONS changes things twice.
    #[serde(default = "safe")]
    #[schemars(length(min = 1, max = 7))]
    pub methods: Vec<Method>,
}

/// Copies before blue/green switches.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MirrorFirst {
    /// Which copies.
    #[serde(flatten)]
    pub mirror: Mirror,
    /// How long copies are made, counted from when that was in force.
    pub bake: GoDuration,
}

/// Methods of HTTP.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads what stands above the body.
    Head,
    /// Asks what may be asked.
    Options,
    /// Gives something to work on.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl std::fmt::Display for Method {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

pub(crate) fn half() -> i32 {
    50
}

fn sluice() -> String {
    "sluice".into()
}

fn an_hour() -> GoDuration {
    GoDuration::seconds(3600)
}

fn all() -> i32 {
    100
}

fn safe() -> Vec<Method> {
    vec![Method::Get, Method::Head, Method::Options]
}
