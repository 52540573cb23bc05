//! A violation of every CEL rule, and what the API server says to it.

use std::collections::BTreeSet;

use kind_tests::prelude::*;
use serde_json::{Value, json};

use crate::{
    objects::{causes, good, installed},
    schema::{Rule, any_index, rules},
};

/// A good object, what is changed in it, and what must be said: the only thing that is said, where it is one rule.
struct Case {
    file: &'static str,
    changes: Vec<(&'static str, Value)>,
    says: &'static str,
}

fn case<const N: usize>(file: &'static str, changes: [(&'static str, Value); N], says: &'static str) -> Case {
    Case { file, changes: changes.into(), says }
}

const DURATION: &str = "must be a duration: a number with a unit, such as 90s, 10m or 1h30m";
const FORTY_ONE: &str = "a2345678901234567890123456789012345678901";

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let step = |weight| json!({ "weight": weight, "bake": "1m" });
    let linear = |step, max| json!({ "step": step, "max": max, "bake": "1m" });
    let gate = |name: &str, at: &str| json!({ "name": name, "at": at, "suite": { "name": "x" } });
    vec![
        // Names and references.
        case("policy-minimal", [("/metadata/name", json!(FORTY_ONE))], "at most 40 characters"),
        case("policy-canary", [("/spec/dependsOn/0", json!("canary"))], "remove its name from dependsOn"),
        case("policy-canary", [("/spec/replicas", Value::Null)], "firstRevision: Gate needs replicas of at least 1"),
        case("policy-canary", [("/spec/replicas", json!(0))], "firstRevision: Gate needs replicas of at least 1"),
        // Traffic.
        case("policy-minimal", [("/spec/traffic", json!({}))], "name what moves the traffic, one of: service: {}"),
        case("policy-minimal", [("/spec/traffic/istio", json!({ "virtualServices": ["a"] }))], "name what moves the traffic, one of: service: {}"),
        case("policy-routes", [("/spec/traffic/gatewayAPI/routes/1/kind", json!("HTTPRoute")), ("/spec/traffic/gatewayAPI/routes/1/name", json!("frontend"))], "a route is named twice"),
        case("policy-routes", [("/spec/traffic", json!({ "istio": { "virtualServices": ["a", "a"] } }))], "a VirtualService is named twice"),
        case("policy-routes", [("/spec/traffic/gatewayAPI/propagation", json!("soon"))], DURATION),
        case("policy-routes", [("/spec/traffic/gatewayAPI/drain", json!("soon"))], DURATION),
        case("policy-routes", [("/spec/traffic", json!({ "istio": { "virtualServices": ["a"], "propagation": "soon" } }))], DURATION),
        case("policy-routes", [("/spec/traffic", json!({ "istio": { "virtualServices": ["a"], "drain": "soon" } }))], DURATION),
        case("policy-linkerd", [("/spec/traffic/istio", json!({ "virtualServices": ["a"] }))], "one of: service: {} for plain Services, gatewayAPI, istio, linkerd"),
        case("policy-linkerd", [("/spec/traffic/linkerd/routes/1", json!({ "name": "backend" }))], "a route is named twice"),
        case("policy-linkerd", [("/spec/traffic/linkerd/routes/2/kind", json!("GRPCRoute"))], "policy.linkerd.io has no kind but HTTPRoute"),
        case("policy-linkerd", [("/spec/traffic/linkerd/propagation", json!("soon"))], DURATION),
        case("policy-linkerd", [("/spec/traffic/linkerd/drain", json!("soon"))], DURATION),
        case("policy-canary", [("/spec/traffic/service/propagation", json!("soon"))], DURATION),
        case("policy-canary", [("/spec/traffic/service/drain", json!("5"))], DURATION),
        case("policy-own-route", [("/spec/traffic/gatewayAPI/routes", json!([{ "name": "frontend" }]))], "give either routes, the names of your own, or route"),
        case("policy-own-route", [("/spec/traffic/gatewayAPI/route", Value::Null)], "give either routes, the names of your own, or route"),
        case("policy-own-virtual-service", [("/spec/traffic/istio/virtualServices", json!(["frontend"]))], "give either virtualServices, the names of your own, or virtualService"),
        case("policy-own-virtual-service", [("/spec/traffic/istio/virtualService", Value::Null)], "give either virtualServices, the names of your own, or virtualService"),
        case("policy-own-virtual-service", [("/spec/traffic/istio/virtualService/hosts", Value::Null)], "give hosts, or remove gateways"),
        // Who counts.
        case("policy-canary", [("/spec/analysis/measuredBy", json!("EnvoyGateway"))], "a plain Service has one name for both: remove measuredBy"),
        case("policy-istio", [("/spec/analysis/measuredBy", json!("EnvoyGateway"))], "names proxies that know no such routes"),
        case("policy-istio", [("/spec/analysis/measuredBy", json!("Traefik"))], "names proxies that know no such routes"),
        case("policy-istio", [("/spec/analysis/measuredBy", json!("Linkerd"))], "names proxies that know no such routes"),
        // Strategy.
        case("policy-minimal", [("/spec/strategy", json!({}))], "give exactly one strategy: canary, blueGreen or ab"),
        case("policy-linear", [("/spec/strategy/blueGreen", json!({}))], "give exactly one strategy: canary, blueGreen or ab"),
        // Requests that are picked out, and copies.
        case("policy-ab", [("/spec/traffic", json!({ "service": {} }))], "it can neither match nor copy them"),
        case("policy-mirror", [("/spec/traffic", json!({ "service": {} }))], "it can neither match nor copy them"),
        case("policy-picks", [("/spec/traffic", json!({ "service": {} }))], "it can neither match nor copy them"),
        case("policy-picks", [("/spec/traffic", json!({ "linkerd": { "routes": [{ "name": "frontend" }] } }))], "Linkerd makes no copies of requests"),
        case("policy-mirror", [("/spec/traffic", json!({ "linkerd": { "routes": [{ "name": "frontend" }] } }))], "Linkerd makes no copies of requests"),
        case("policy-sticky", [("/spec/traffic", json!({ "linkerd": { "routes": [{ "name": "frontend" }] } }))], "stickiness is for traffic.istio and traffic.gatewayAPI"),
        case("policy-sticky", [("/spec/traffic", json!({ "service": {} })), ("/spec/strategy/canary/steps/0", json!({ "weight": 1, "bake": "5m" }))], "stickiness is for traffic.istio and traffic.gatewayAPI"),
        case("policy-sticky", [("/spec/strategy/canary/steps", json!([{ "mirror": {}, "bake": "5m" }]))], "no step has a weight: remove stickiness"),
        case("policy-sticky", [("/spec/strategy/canary/stickiness/cookie/name", json!("a;b"))], "the name of the cookie has letters, digits, underscores and hyphens"),
        case("policy-sticky", [("/spec/strategy/canary/stickiness/cookie/maxAge", json!("500ms"))], "stickiness.cookie.maxAge must be at least 1s"),
        case("policy-sticky", [("/spec/strategy/canary/stickiness/cookie/maxAge", json!("soon"))], DURATION),
        case("policy-mirror", [("/spec/analysis/measuredBy", json!("Istio"))], "proxies count requests and not their copies"),
        case("policy-picks", [("/spec/analysis", json!({ "measuredBy": "Istio", "metrics": [{ "name": "latency-p99", "objective": { "maxDuration": "1s" } }] }))], "proxies count requests and not their copies"),
        case("policy-ab", [("/spec/strategy/ab/match/0", json!({}))], "a match needs headers or a cookie"),
        case("policy-ab", [("/spec/strategy/ab/match/1/headers", json!([{ "name": "cookie", "exact": "a=b" }]))], "either cookie or a header of the name cookie"),
        case("policy-ab", [("/spec/strategy/ab/match/0/headers/1", json!({ "name": "x-canary", "exact": "y" }))], "a header is named twice"),
        case("policy-ab", [("/spec/strategy/ab/match/0/headers/0/regex", json!("a"))], "matched by either exact or regex"),
        case("policy-ab", [("/spec/strategy/ab/match/0/headers/0/name", json!("X-Canary"))], "written in lower case"),
        case("policy-ab", [("/spec/strategy/ab/match/1/cookie/name", json!("a b"))], "the name of a cookie has letters"),
        case("policy-ab", [("/spec/strategy/ab/match/1/cookie/value", json!("a;b"))], "neither semicolons nor spaces"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0", json!({}))], "a match needs headers or a cookie"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/headers", json!([{ "name": "cookie", "exact": "a=b" }]))], "either cookie or a header of the name cookie"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/headers", json!([{ "name": "x-canary", "exact": "x" }, { "name": "x-canary", "exact": "y" }]))], "a header is named twice"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/headers/0/regex", json!("a"))], "matched by either exact or regex"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/headers/0/name", json!("X-Canary"))], "written in lower case"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/cookie/name", json!("a b"))], "the name of a cookie has letters"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/match/0/cookie/value", json!("a;b"))], "neither semicolons nor spaces"),
        case("policy-ab", [("/spec/strategy/ab/bake", json!("1d"))], DURATION),
        case("policy-mirror", [("/spec/strategy/blueGreen/mirror/bake", json!("1d"))], DURATION),
        case("policy-picks", [("/spec/strategy", json!({ "canary": { "steps": [{ "mirror": {}, "weight": 5, "bake": "5m" }] } }))], "copies are made in a step of their own"),
        case("policy-picks", [("/spec/strategy/canary/steps/1/mirror", json!({}))], "copies are made in a step of their own"),
        case("policy-blue-green", [("/spec/strategy/blueGreen/bake", json!("1d"))], DURATION),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": {} }))], "as a list (steps) or by rule (linear)"),
        case("policy-linear", [("/spec/strategy/canary/steps", json!([step(5)]))], "as a list (steps) or by rule (linear)"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "steps": [step(5), step(5)] } }))], "must rise from step to step"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "steps": [step(9), step(5)] } }))], "must rise from step to step"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "steps": [step(51)] } }))], "a weight is at most 50 on a plain Service"),
        case("policy-routes", [("/spec/strategy", json!({ "canary": { "steps": [step(100)] } }))], "a weight is 1 to 99"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "steps": [step(0)] } }))], "a weight is 1 to 99"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "steps": [{ "weight": 5, "bake": "" }] } }))], DURATION),
        case("policy-linear", [("/spec/strategy/canary/linear", linear(0, 50))], "linear.step must be at least 1"),
        case("policy-linear", [("/spec/strategy/canary/linear", linear(30, 20))], "linear.step must be at least 1"),
        case("policy-linear", [("/spec/strategy/canary/linear", linear(10, 60))], "a weight is at most 50 on a plain Service"),
        case("policy-routes", [("/spec/strategy", json!({ "canary": { "linear": linear(50, 100) } }))], "linear.max is at most 99"),
        case("policy-linear", [("/spec/strategy/canary/linear", linear(1, 32))], "at most 32 steps"),
        case("policy-minimal", [("/spec/strategy", json!({ "canary": { "linear": { "step": 5, "max": 5, "bake": "x" } } }))], DURATION),
        // Gates.
        case("policy-blue-green", [("/spec/gates/0/at", json!("step"))], "blueGreen has no steps"),
        case("policy-canary", [("/spec/gates/0/steps/1", json!(3))], "a gate names a step that the canary does not have"),
        case("policy-canary", [("/spec/gates/1/name", json!("conformance"))], "the names of the gates must be unique"),
        case("policy-blue-green", [("/spec/gates/0/steps", json!([1]))], "remove steps or set at: step"),
        case("policy-blue-green", [("/spec/gates/0/suite", Value::Null)], "a gate needs exactly one of suite"),
        case("policy-blue-green", [("/spec/gates/0/job", json!({ "image": "x" }))], "a gate needs exactly one of suite"),
        case("policy-blue-green", [("/spec/gates/0/approval", json!({}))], "a gate needs exactly one of suite"),
        case("policy-approvals", [("/spec/gates/2/suite", json!({ "name": "x" }))], "a gate needs exactly one of suite"),
        case("policy-approvals", [("/spec/gates/2/attempts", json!(2))], "remove it from a gate that asks people"),
        case("policy-canary", [("/spec/gates/0/onTimeout", json!("Reject"))], "onTimeout is for approvals"),
        case("policy-approvals", [("/spec/gates/1/timeout", json!("29m"))], "give it a timeout of at least the longest bake"),
        case("policy-approvals", [("/spec/strategy", json!({ "canary": { "linear": { "step": 25, "max": 50, "bake": "31m" } } }))], "give it a timeout of at least linear.bake"),
        case("policy-approvals", [("/spec/gates/1/timeout", json!("half an hour"))], DURATION),
        case("policy-windows", [("/spec/gates/0/approval", json!({}))], "a gate needs exactly one of suite"),
        case("policy-windows", [("/spec/gates/0/timeout", json!("10m"))], "remove timeout, attempts and alwaysGate"),
        case("policy-windows", [("/spec/gates/0/attempts", json!(2))], "remove timeout, attempts and alwaysGate"),
        case("policy-windows", [("/spec/gates/0/alwaysGate", json!(true))], "remove timeout, attempts and alwaysGate"),
        case("policy-windows", [("/spec/gates/0/onTimeout", json!("Reject"))], "onTimeout is for approvals"),
        case("policy-windows", [("/spec/gates/0/window/schedule", json!("0 0 9 * * 1-5"))], "schedule is a cron expression of five fields"),
        case("policy-windows", [("/spec/gates/0/window/schedule", json!("at noon on Mondays"))], "schedule is a cron expression of five fields"),
        case("policy-windows", [("/spec/gates/0/window/duration", json!("0s"))], "longer than 0s and at most 168h"),
        case("policy-windows", [("/spec/gates/0/window/duration", json!("169h"))], "longer than 0s and at most 168h"),
        case("policy-windows", [("/spec/gates/0/window/duration", json!("a day"))], DURATION),
        case("policy-minimal", [("/spec/gates", json!([gate("Smoke", "start")]))], "lower-case letters, digits and dashes"),
        case("policy-minimal", [("/spec/gates", json!([gate("smoke-", "start")]))], "lower-case letters, digits and dashes"),
        case("policy-canary", [("/spec/gates/0/timeout", json!("10 m"))], DURATION),
        case("policy-canary", [("/spec/gates/1/job/env/0/configMap", json!({ "name": "x", "key": "y" }))], "either value or configMap"),
        case("policy-canary", [("/spec/gates/1/job/env/0/name", json!("SLUICE_STEP"))], "choose another"),
        case("policy-canary", [("/spec/gates/1/job/files/0/mountPath", json!("/"))], "an absolute path, such as /tests"),
        // Webhooks.
        case("policy-webhooks", [("/spec/gates/0/suite", json!({ "name": "x" }))], "a gate needs exactly one of suite"),
        case("policy-webhooks", [("/spec/gates/0/onTimeout", json!("Reject"))], "onTimeout is for approvals"),
        case("policy-webhooks", [("/spec/gates/0/webhook/url", Value::Null)], "give exactly one of url and urlFrom"),
        case("policy-webhooks", [("/spec/gates/1/webhook/url", json!("https://a"))], "give exactly one of url and urlFrom"),
        case("policy-webhooks", [("/spec/gates/0/webhook/url", json!("loadtester.test:80"))], "url must be an http or https address"),
        case("policy-webhooks", [("/spec/gates/0/webhook/url", json!("ftp://loadtester.test"))], "url must be an http or https address"),
        case("policy-webhooks", [("/spec/gates/0/webhook/timeout", json!("soon"))], DURATION),
        case("policy-webhooks", [("/spec/gates/0/webhook/timeout", json!("61s"))], "a request's timeout must be 100ms to 60s"),
        case("policy-webhooks", [("/spec/gates/0/webhook/timeout", json!("99ms"))], "a request's timeout must be 100ms to 60s"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/1/name", json!("refunds"))], "the names of the rollback webhooks must be unique"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/1/name", json!("Secret"))], "a webhook's name is made of lower-case letters"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/url", Value::Null)], "give exactly one of url and urlFrom"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/1/url", json!("https://a"))], "give exactly one of url and urlFrom"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/url", json!("watch"))], "url must be an http or https address"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/timeout", json!("soon"))], DURATION),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/timeout", json!("2m"))], "a request's timeout must be 100ms to 60s"),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/interval", json!("often"))], DURATION),
        case("policy-webhooks", [("/spec/rollbackWebhooks/0/interval", json!("4s"))], "a rollback webhook's interval must be at least 5s"),
        // Analysis.
        case("policy-canary", [("/spec/strategy/canary/steps/0/bake", json!("14s"))], "every bake must be at least one analysis.interval long"),
        case("policy-linear", [("/spec/strategy/canary/linear/bake", json!("14s"))], "linear.bake must be at least one analysis.interval long"),
        case("policy-canary", [("/spec/analysis/interval", json!("often"))], DURATION),
        case("policy-canary", [("/spec/strategy/canary/steps/1/bake", json!("1000000s"))], DURATION),
        case("policy-linear", [("/spec/strategy/canary/linear/bake", json!("long"))], DURATION),
        case("policy-canary", [("/spec/analysis/interval", json!("999ms"))], "analysis.interval must be at least 1s"),
        case("policy-canary", [("/spec/analysis/onUnknown/hold", json!("long"))], DURATION),
        case("policy-canary", [("/spec/analysis/metrics/1/name", json!("success-rate")), ("/spec/analysis/metrics/1/template", json!({ "name": "x" })), ("/spec/analysis/metrics/1/versusStable", Value::Null)], "the names of the metrics must be unique"),
        case("policy-linear", [("/spec/analysis/metrics/0/name", json!("errors"))], "for any other name give template"),
        case("policy-canary", [("/spec/analysis/metrics/1/objective", json!({ "max": 0.5 }))], "a latency needs objective.maxDuration"),
        case("policy-blue-green", [("/spec/analysis/metrics/0/objective", json!({ "max": 5 }))], "success-rate needs objective.min, in percent"),
        case("policy-linear", [("/spec/analysis/metrics/0/objective/min", json!(100))], "at 100 a single failed request would condemn a version"),
        case("policy-linear", [("/spec/analysis/metrics/0/objective/min", json!(0))], "success-rate needs an objective.min above 0 and below 100"),
        case("policy-linear", [("/spec/analysis/falseRollback", json!(0))], "analysis.falseRollback must be above 0 and at most 0.5"),
        case("policy-linear", [("/spec/analysis/falseRollback", json!(0.51))], "analysis.falseRollback must be above 0 and at most 0.5"),
        case("policy-linear", [("/spec/analysis/history", json!("23h"))], "analysis.history must be 24h to 168h, or 0s for none"),
        case("policy-linear", [("/spec/analysis/history", json!("169h"))], "analysis.history must be 24h to 168h, or 0s for none"),
        case("policy-linear", [("/spec/analysis/history", json!("long"))], DURATION),
        case("policy-canary", [("/spec/analysis/mode", json!({ "threshold": {} }))], "remove versusStable, or remove mode"),
        case("policy-canary", [("/spec/analysis/metrics/2/versusStable", json!({ "margin": 1 }))], "counted for the built-in metrics only"),
        case("policy-canary", [("/spec/analysis/metrics/0/versusStable", json!({}))], "needs either margin, in percentage points, or marginPercent"),
        case("policy-canary", [("/spec/analysis/metrics/0/versusStable/marginPercent", json!(10))], "needs either margin, in percentage points, or marginPercent"),
        case("policy-canary", [("/spec/analysis/metrics/0/versusStable/margin", json!(0))], "versusStable.margin must be above 0 and below 100"),
        case("policy-canary", [("/spec/analysis/metrics/0/versusStable/margin", json!(100))], "versusStable.margin must be above 0 and below 100"),
        case("policy-canary", [("/spec/analysis/metrics/1/versusStable/marginPercent", json!(-1))], "versusStable.marginPercent must be 0 to 1000"),
        case("policy-canary", [("/spec/analysis/metrics/1/name", json!("latency-p00"))], "latency-p01 to latency-p99"),
        case("policy-canary", [("/spec/analysis/metrics/2/objective", json!({}))], "an objective needs min, max or maxDuration"),
        case("policy-canary", [("/spec/analysis/metrics/1/objective/max", json!(1))], "give max or maxDuration, not both"),
        case("policy-linear", [("/spec/analysis/metrics/0/objective/max", json!(5))], "objective.min must not be above objective.max"),
        case("policy-canary", [("/spec/analysis/metrics/1/objective/maxDuration", json!("fast"))], DURATION),
        // Times of the policy.
        case("policy-minimal", [("/spec/settle", json!("-1s"))], DURATION),
        case("policy-minimal", [("/spec/warmFor", json!("1.5h"))], DURATION),
        case("policy-minimal", [("/spec/rollback", json!({ "keepFailedFor": "1w" }))], DURATION),
        case("policy-minimal", [("/spec/deadlines", json!({ "progress": "x" }))], DURATION),
        // The other kinds.
        case("decision", [("/spec/action", json!("Approve"))], "Approve and Reject need gate"),
        case("decision", [("/spec/action", json!("Reject"))], "Approve and Reject need gate"),
        case("decision", [("/spec/gate", json!("signoff"))], "the other actions have none"),
        case("decision-approve", [("/spec/action", json!("Promote"))], "the other actions have none"),
        case("decision", [("/spec/digest", json!("sha256:8b1e77a0"))], "give the full digest"),
        case("suite", [("/spec/env/0/configMap", json!({ "name": "x", "key": "y" }))], "either value or configMap"),
        case("suite", [("/spec/env/0/value", Value::Null)], "either value or configMap"),
        case("suite", [("/spec/env/0/name", json!("SLUICE_CANDIDATE_URL"))], "choose another"),
        case("suite", [("/spec/files/0/mountPath", json!("tests"))], "an absolute path, such as /tests"),
        case("source-token", [("/spec/prometheus/basicAuth", json!({ "name": "x" }))], "give bearerToken or basicAuth, not both"),
        case("source-token", [("/spec/prometheus/url", json!("prometheus:9090"))], "an http or https address"),
        case("source-token", [("/spec/prometheus/url", json!("ftp://prometheus"))], "an http or https address"),
        case("source-token", [("/spec/prometheus/scrapeInterval", json!("15"))], DURATION),
        case("source-token", [("/spec/prometheus/delay", json!("late"))], DURATION),
        // Channels.
        case("channel-webhook", [("/spec/webhook", Value::Null)], "a channel leads to exactly one of slack, teams, discord and webhook"),
        case("channel-teams", [("/spec/slack", json!({ "bot": { "token": { "name": "a", "key": "b" }, "channel": "#c" } }))], "a channel leads to exactly one of"),
        case("channel-slack", [("/spec/slack", json!({}))], "give exactly one of webhook and bot"),
        case("channel-bot", [("/spec/slack/webhook", json!({ "url": "https://a.example" }))], "give exactly one of webhook and bot"),
        case("channel-bot", [("/spec/slack/bot/url", json!("slack"))], "url must be an http or https address"),
        case("channel-webhook", [("/spec/webhook/endpoint/url", json!("ftp://a.example"))], "url must be an http or https address"),
        case("channel-webhook", [("/spec/webhook/endpoint/urlFrom", json!({ "name": "a", "key": "b" }))], "give exactly one of url and urlFrom"),
        case("channel-webhook", [("/spec/webhook/endpoint/timeout", json!("x"))], DURATION),
        case("channel-webhook", [("/spec/webhook/endpoint/timeout", json!("61s"))], "a request's timeout must be 100ms to 60s"),
        case("channel-teams", [("/spec/teams/url", json!("hooks"))], "url must be an http or https address"),
        case("channel-teams", [("/spec/teams/url", Value::Null)], "give exactly one of url and urlFrom"),
        case("channel-teams", [("/spec/teams/timeout", json!("x"))], DURATION),
        case("channel-teams", [("/spec/teams/timeout", json!("61s"))], "a request's timeout must be 100ms to 60s"),
        case("channel-discord", [("/spec/discord/url", json!("hooks"))], "url must be an http or https address"),
        case("channel-discord", [("/spec/discord/url", Value::Null)], "give exactly one of url and urlFrom"),
        case("channel-discord", [("/spec/discord/timeout", json!("x"))], DURATION),
        case("channel-discord", [("/spec/discord/timeout", json!("61s"))], "a request's timeout must be 100ms to 60s"),
        case("channel-slack", [("/spec/slack/webhook/url", json!("hooks"))], "url must be an http or https address"),
        case("channel-slack", [("/spec/slack/webhook/url", Value::Null)], "give exactly one of url and urlFrom"),
        case("channel-slack", [("/spec/slack/webhook/timeout", json!("x"))], DURATION),
        case("channel-slack", [("/spec/slack/webhook/timeout", json!("61s"))], "a request's timeout must be 100ms to 60s"),
        case("source-token", [("/spec/prometheus/timeout", json!("x"))], DURATION),
        case("template", [("/spec/variables/1/name", json!("shop"))], "the names of the variables must be unique"),
        case("template", [("/spec/variables/0/name", json!("window"))], "always given by the controller"),
        case("template", [("/spec/variables/0/name", json!("Shop"))], "begins with a lower-case letter"),
    ]
}

#[tokio::test]
async fn every_rule_refuses_what_breaks_it_and_says_what_to_do() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("rules", async |ns| {
        let (mut wrong, mut broken) = (Vec::new(), BTreeSet::new());
        for case in cases() {
            let object = good(case.file).with(&case.changes);
            let what = format!(
                "{} with {:?}",
                case.file,
                case.changes.iter().map(|(p, v)| format!("{p}: {v}")).collect::<Vec<_>>()
            );
            match object.try_on(&ns).await? {
                Ok(_) => wrong.push(format!("{what}: is accepted, but should say: {}", case.says)),
                Err(status) => {
                    let causes = causes(&status);
                    if !matches!(causes.as_slice(), [(_, message)] if message.contains(case.says)) {
                        wrong.push(format!("{what}: should say only {:?}, but says {causes:#?}", case.says));
                    }
                    broken.extend(
                        causes.into_iter().map(|(field, message)| (object.plural.clone(), any_index(&field), message)),
                    );
                }
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        let of_changes: Vec<_> = crate::changes::RULES.iter().map(|(file, says)| (good(file).plural, says)).collect();
        let all = rules();
        let untested: Vec<&Rule> = all
            .iter()
            .filter(|r| {
                !broken.iter().any(|(plural, field, message)| {
                    *plural == r.plural && same_field(field, &r.field) && message.ends_with(&r.message)
                })
            })
            .filter(|r| !of_changes.iter().any(|(plural, says)| *plural == r.plural && r.message.contains(**says)))
            .collect();
        println!("{} rules, {} violations tried", all.len(), cases().len());
        ensure!(untested.is_empty(), "no case breaks these rules: {untested:#?}");
        Ok(())
    })
    .await
}

/// A rule at the root of an object is reported without a field.
fn same_field(reported: &str, field: &str) -> bool {
    reported == field || (field.is_empty() && matches!(reported, "" | "<nil>"))
}
