//! CloudEvents 1.0 in the structured mode of HTTP: one JSON document, for receivers that are programs.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::{Kind, Notice, Text};

/// The media type of the body.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The body: the notice is the data, with what people are told of it as `title` and `text`.
pub fn message(notice: &Notice, text: &Text) -> Value {
    let mut data = json!(notice);
    data["title"] = text.title.clone().into();
    data["text"] = text.plain().into();
    json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": source(notice),
        "type": format!("dev.sluice.release.{}.v1", word(notice.kind)),
        "subject": notice.release,
        "time": notice.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// Where it comes from: the policy, in its cluster where that has a name.
fn source(notice: &Notice) -> String {
    let cluster = notice.cluster.as_ref().map_or(String::new(), |cluster| format!("/clusters/{}", encoded(cluster)));
    format!("{cluster}/namespaces/{}/rolloutpolicies/{}", encoded(&notice.namespace), encoded(&notice.policy))
}

/// A segment of a path, as RFC 3986 has it.
fn encoded(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Started => "started",
        Kind::Step => "step",
        Kind::GatePassed => "gatepassed",
        Kind::ApprovalNeeded => "approvalneeded",
        Kind::Decision => "decision",
        Kind::Promoted => "promoted",
        Kind::Succeeded => "succeeded",
        Kind::Failed => "failed",
        Kind::RolledBack => "rolledback",
        Kind::Inconclusive => "inconclusive",
        Kind::Superseded => "superseded",
        Kind::Stalled => "stalled",
        Kind::Other => "other",
    }
}
