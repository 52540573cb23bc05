//! What is sent to those who ask for traces.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use controller::traces::{Process, Traces};
use opentelemetry::{
    Value,
    trace::{SpanId, Status, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use serde_json::json;
use tracing_subscriber::{layer::SubscriberExt as _, registry};

use crate::{
    cluster::Behaviour,
    lab::{Lab, NS, receivers::Said, release, shop},
};

/// Spans in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// A laboratory whose spans are kept.
async fn traced() -> (Lab, Kept) {
    let kept = Kept::default();
    let mut lab = Lab::new(7);
    lab.traces = Traces::to(kept.clone(), &Process::default());
    let lab = lab.controller(crate::secs(5));
    lab.running().await;
    lab.taken_over(shop::canary()).await;
    (lab, kept)
}

async fn spans(lab: &Lab, kept: &Kept) -> Vec<SpanData> {
    lab.traces.end().await;
    let mut spans = kept.0.lock().unwrap().clone();
    spans.sort_by_key(|span| (span.start_time, span.end_time));
    spans
}

/// The trace of the newest release.
fn trace(lab: &Lab) -> TraceId {
    let uid = release(&lab.cluster).and_then(|r| r["metadata"]["uid"].as_str().map(str::to_owned)).unwrap();
    TraceId::from_hex(&uid.replace('-', "")).unwrap()
}

fn text(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|kv| kv.key.as_str() == key).map(|kv| kv.value.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_release_is_one_trace_of_its_phases_steps_and_gates_also_when_the_controller_was_another_one_in_between() {
    let (mut lab, kept) = traced().await;
    lab.deploy("shop:2");
    lab.until("the first step", |c| release(c).is_some_and(|r| r["status"]["step"] == 1)).await;
    lab.stop_controller();
    lab.cluster.advance(crate::secs(20)).await;
    let lab = lab.controller(crate::secs(5));
    lab.until_settled_on("shop:2").await;
    let trace = trace(&lab);
    let spans = spans(&lab, &kept).await;
    let ours: Vec<_> = spans.iter().filter(|s| s.span_context.trace_id() == trace).collect();
    let root = *ours.iter().find(|s| s.parent_span_id == SpanId::INVALID).unwrap();
    assert_eq!(root.name, "release shop");
    assert_eq!(root.status, Status::Ok);
    for (key, value) in [("sluice.namespace", NS), ("sluice.policy", "shop"), ("sluice.outcome", "Succeeded")] {
        assert_eq!(text(root, key).as_deref(), Some(value), "{root:?}");
    }
    let by_id: BTreeMap<_, _> = ours.iter().map(|s| (s.span_context.span_id().to_string(), *s)).collect();
    assert_eq!(by_id.len(), ours.len(), "each span once: {ours:#?}");

    let stages: Vec<_> = ours.iter().filter(|s| s.parent_span_id == root.span_context.span_id()).collect();
    let names: Vec<_> = stages.iter().map(|s| s.name.as_ref()).collect();
    assert_eq!(names, ["Pending", "Preparing", "Gating", "step 1", "step 2", "Promoting", "Warm"], "{stages:#?}");
    for two in stages.windows(2) {
        assert_eq!(two[0].end_time, two[1].start_time, "one follows the other: {two:#?}");
    }
    assert_eq!(stages.last().unwrap().end_time, root.end_time);
    let step = stages.iter().find(|s| s.name == "step 1").unwrap();
    let weight = step.attributes.iter().find(|kv| kv.key.as_str() == "sluice.weight").map(|kv| kv.value.clone());
    assert_eq!(weight, Some(Value::I64(20)));
    let told = |s: &SpanData| s.events.iter().map(|e| e.name.to_string()).collect::<Vec<_>>();
    assert_eq!(told(stages[2]), ["ConformancePassed", "GatesPassed", "StepStarted"]);

    let gate = ours.iter().find(|s| s.name == "gate conformance").unwrap();
    assert_eq!(by_id[&gate.parent_span_id.to_string()].name, "Gating");
    assert_eq!(text(gate, "sluice.gate.verdict").as_deref(), Some("Pass"));
    // What the test itself traces is a part of the gate.
    let job = lab.cluster.list("jobs", NS).pop().unwrap();
    let env = job.pointer("/spec/template/spec/containers/0/env").unwrap().as_array().unwrap();
    let parent = env.iter().find(|e| e["name"] == "TRACEPARENT").unwrap();
    assert_eq!(parent["value"], format!("00-{trace}-{}-01", gate.span_context.span_id()));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_told_of_the_gate_that_asks_it_and_nothing_where_there_are_no_traces() {
    let (lab, kept) = traced().await;
    asks_a_receiver(&lab).await;
    let spans = spans(&lab, &kept).await;
    let gate = spans.iter().rfind(|s| s.name == "gate load").unwrap().span_context.clone();
    assert_eq!(lab.receivers.spans("load"), [format!("00-{}-{}-01", trace(&lab), gate.span_id())]);

    let lab = Lab::new(7).controller(crate::secs(5));
    lab.running().await;
    lab.taken_over(shop::canary()).await;
    asks_a_receiver(&lab).await;
    assert_eq!((lab.receivers.asked("load").len(), lab.receivers.spans("load")), (1, vec![]));
}

/// Delivers a version past a gate that asks a receiver.
async fn asks_a_receiver(lab: &Lab) {
    let url = lab.receivers.at("load", |_| Said::Status(200, "OK"));
    let mut policy = shop::policy(shop::canary());
    policy["spec"]["gates"] = json!([{ "name": "load", "at": "traffic", "webhook": { "url": url } }]);
    lab.cluster.apply(policy);
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
}

#[tokio::test(start_paused = true)]
async fn the_trace_of_a_version_that_was_taken_back_shows_where_and_why() {
    let (lab, kept) = traced().await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.5));
    lab.deploy("shop:bad");
    lab.until("the first step", |c| release(c).is_some_and(|r| r["status"]["step"] == 1)).await;
    lab.until_phase("RolledBack").await;
    let trace = trace(&lab);
    let spans = spans(&lab, &kept).await;
    let red: Vec<_> = spans
        .iter()
        .filter(|s| s.span_context.trace_id() == trace && matches!(s.status, Status::Error { .. }))
        .map(|s| s.name.as_ref())
        .collect();
    assert_eq!(red, ["release shop", "step 1"]);
    let root = spans.iter().find(|s| s.name == "release shop" && s.span_context.trace_id() == trace).unwrap();
    assert_eq!(text(root, "sluice.cause").as_deref(), Some("AnalysisFailed"));
    let Status::Error { description } = &root.status else { unreachable!() };
    assert!(description.contains("success-rate"), "{description}");
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_a_trace_of_what_it_did_with_a_link_to_its_release() {
    let (lab, kept) = traced().await;
    let _guard = tracing::subscriber::set_default(registry().with(lab.traces.layer()));
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let trace = trace(&lab);
    let spans = spans(&lab, &kept).await;
    let passes: Vec<_> = spans.iter().filter(|s| s.name == "pass").collect();
    assert!(passes.iter().all(|p| p.parent_span_id == SpanId::INVALID && p.span_context.trace_id() != trace));
    let linked = passes.iter().filter(|p| p.links.iter().any(|link| link.span_context.trace_id() == trace));
    assert!(linked.count() > 5, "{passes:#?}");
    let ids: Vec<_> = passes.iter().map(|p| p.span_context.span_id()).collect();
    for part in ["observe", "SetMembers", "SetApex", "remember"] {
        let parts: Vec<_> = spans.iter().filter(|s| s.name == part).collect();
        assert!(!parts.is_empty() && parts.iter().all(|s| ids.contains(&s.parent_span_id)), "{part}: {parts:#?}");
    }
    let looks: Vec<_> = spans.iter().filter(|s| s.name == "look").collect();
    assert!(!looks.is_empty() && looks.iter().all(|s| s.links.len() == 1), "{looks:#?}");
}
