//! NotificationChannel: who is told what of releases, and where.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use messages::{Kind, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, SecretKey};

/// Who is told what of the releases of a namespace; in the controller's own namespace: of all namespaces.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "NotificationChannel",
    plural = "notificationchannels",
    shortname = "nc",
    namespaced,
    status = "NotificationChannelStatus",
    derive = "PartialEq",
    doc = "Where people hear of releases: Slack, Teams, Discord, or any receiver of CloudEvents.",
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].status", name = "Ready", type_ = "string"),
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].reason", name = "Status", type_ = "string"),
    printcolumn(json_path = ".status.pending", name = "Pending", type_ = "integer"),
    printcolumn(json_path = ".status.lastDelivered", name = "Last", type_ = "date"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("(has(self.slack) ? 1 : 0) + (has(self.teams) ? 1 : 0) + (has(self.discord) ? 1 : 0) + (has(self.webhook) ? 1 : 0) == 1", "a channel leads to exactly one of slack, teams, discord and webhook"))]
pub struct NotificationChannelSpec {
    /// A channel of Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// A channel of Microsoft Teams: the address that the workflow "When a Teams webhook request is received" gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Endpoint>,
    /// A channel of Discord: the address of its webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Endpoint>,
    /// Any receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Receiver>,
    /// Only what these policies do; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 40)))]
    pub policies: Option<Vec<String>>,
    /// Only what is of these kinds; when absent all but Step, GatePassed and Other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub kinds: Option<Vec<Kind>>,
    /// Only what is at least this bad.
    #[serde(default = "info")]
    pub severity: Severity,
    /// What is said, as a template; the first line is the title. See docs/messages.md for what it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub template: Option<String>,
    /// Say nothing for the time being; what happens meanwhile is not told later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// A channel of Slack.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.webhook) != has(self.bot)", "give exactly one of webhook and bot"))]
pub struct Slack {
    /// An incoming webhook: a message for each notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Endpoint>,
    /// A bot: a thread for each release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<SlackBot>,
}

/// A bot of Slack with the scope `chat:write`, which is a member of the channel.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SlackBot {
    /// Its token, which begins with `xoxb-`.
    pub token: SecretKey,
    /// The channel: its id, or `#` and its name.
    #[schemars(length(min = 1, max = 100))]
    pub channel: String,
    /// Slack's method `chat.postMessage`, where it is reached by another address.
    #[serde(default = "slack_api")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = ("isURL(self) && url(self).getScheme() in ['http', 'https']", "url must be an http or https address"))]
    pub url: String,
}

/// Any receiver.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Receiver {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What it is sent.
    #[serde(default)]
    pub format: Format,
}

/// What a receiver is sent.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// CloudEvents 1.0, structured, as JSON.
    #[default]
    CloudEvents,
    /// What Flagger sends to webhooks of type `event`.
    Flagger,
}

/// How a channel does.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct NotificationChannelStatus {
    /// Generation this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When it last took a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered: Option<Time>,
    /// Messages that wait for it.
    #[serde(default)]
    pub pending: i32,
    /// Messages that it refused, or that grew too old, since the controller started.
    #[serde(default)]
    pub dropped: i32,
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::bounded::conditions")]
    pub conditions: Vec<Condition>,
}

fn info() -> Severity {
    Severity::Info
}

fn slack_api() -> String {
    "https://slack.com/api/chat.postMessage".into()
}
