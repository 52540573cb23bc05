//! The trace of a release, read from its journal: a span for every phase, step and gate when it has ended, and one for the whole.

use std::{borrow::Cow, fmt::Debug, time::SystemTime};

use analysis::Verdict;
use chrono::{DateTime, Utc};
use crds::Release;
use kube::ResourceExt;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Event, SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use planner::{
    Journal,
    journal::{GateRecord, Phase},
};

use super::ids;

/// What has ended by the step from one journal to the next, each thing once.
pub(super) fn ended(release: &Release, before: &Journal, next: &Journal) -> Vec<SpanData> {
    let mut spans: Vec<_> = next.gates.iter().filter_map(|gate| gate_span(release, before, gate)).collect();
    spans.extend(stage(release, before, next));
    if !before.finished() && next.finished() {
        spans.extend(whole(release, next));
    }
    spans
}

/// A phase, or within `Shifting` a step.
fn stage(release: &Release, before: &Journal, next: &Journal) -> Option<SpanData> {
    let over = before.phase != next.phase || before.step != next.step || next.finished();
    if before.finished() || !over {
        return None;
    }
    let end = next.finished_at.filter(|_| next.finished()).or(next.entered_at)?;
    let start = before.entered_at.or_else(|| began(release))?;
    let turned = next.phase == Phase::RollingBack || next.condemned && !before.condemned;
    let against = next.outcome.as_ref().filter(|_| turned && before.phase != Phase::RollingBack);
    let mut attributes = about(release);
    attributes.push(KeyValue::new("sluice.phase", word(&before.phase)));
    attributes.extend(before.step.map(|step| KeyValue::new("sluice.step", i64::from(step))));
    attributes.extend(before.split.map(|split| KeyValue::new("sluice.weight", i64::from(split.wanted))));
    let told = next.timeline.iter().filter(|entry| entry.at > start && entry.at <= end);
    Some(SpanData {
        events: events(told.map(|entry| (entry.at, entry.reason.clone(), entry.message.clone()))),
        status: against.map_or(Status::Unset, |outcome| Status::error(outcome.message.clone())),
        ..span(release, Some(ids::ROOT), &stage_name(before), stage_title(before), (start, end), attributes)
    })
}

/// A gate that has spoken, within the phase or step in which it did.
fn gate_span(release: &Release, before: &Journal, gate: &GateRecord) -> Option<SpanData> {
    let until = gate.until?;
    let known = before.gate(&gate.name, gate.at, gate.step);
    if known.is_some_and(|known| known.until.is_some()) {
        return None;
    }
    let mut attributes = about(release);
    attributes.push(KeyValue::new("sluice.gate", gate.name.clone()));
    attributes.push(KeyValue::new("sluice.gate.at", word(&gate.at)));
    attributes.push(KeyValue::new("sluice.gate.verdict", word(&gate.verdict)));
    attributes.push(KeyValue::new("sluice.gate.attempts", i64::from(gate.attempt)));
    attributes.extend(gate.step.map(|step| KeyValue::new("sluice.step", i64::from(step))));
    let approvals = gate.approvals.iter().map(|a| {
        let comment = a.comment.clone().unwrap_or_default();
        (a.at, "Approved".to_owned(), if comment.is_empty() { a.by.clone() } else { format!("{}: {comment}", a.by) })
    });
    let name = ids::gate(&gate.name, gate.at, gate.step);
    let failed = gate.verdict == Verdict::Fail;
    Some(SpanData {
        events: events(approvals),
        status: if failed { Status::error(gate.message.clone()) } else { Status::Unset },
        ..span(
            release,
            Some(&stage_name(before)),
            &name,
            format!("gate {}", gate.name),
            (gate.since, until),
            attributes,
        )
    })
}

/// From the object's creation to its end.
fn whole(release: &Release, journal: &Journal) -> Option<SpanData> {
    let end = journal.finished_at?;
    let start = began(release).unwrap_or(end);
    let mut attributes = about(release);
    attributes.push(KeyValue::new("sluice.purpose", word(&release.spec.purpose)));
    attributes.push(KeyValue::new("sluice.attempt", i64::from(release.spec.attempt)));
    attributes.push(KeyValue::new("sluice.outcome", word(&journal.phase)));
    let outcome = journal.outcome.as_ref();
    attributes.extend(outcome.map(|outcome| KeyValue::new("sluice.cause", word(&outcome.reason))));
    let stable = release.spec.from.as_ref();
    attributes.extend(stable.map(|from| KeyValue::new("sluice.stable", from.revision.to_string())));
    let images = release.spec.to.as_ref().map(|to| to.images.join(", "));
    attributes.extend(images.map(|images| KeyValue::new("sluice.images", images)));
    let texts = [
        ("sluice.author", release.spec.author.clone()),
        ("sluice.source", release.spec.source.clone()),
        ("sluice.emergency", release.spec.emergency.as_ref().map(|e| e.reason.clone())),
    ];
    attributes.extend(texts.into_iter().filter_map(|(key, text)| Some(KeyValue::new(key, text?))));
    let status = match journal.phase {
        Phase::Succeeded => Status::Ok,
        Phase::Superseded => Status::Unset,
        _ => Status::error(outcome.map(|o| o.message.clone()).unwrap_or_default()),
    };
    let title = format!("release {}", release.spec.policy.name);
    Some(SpanData { status, ..span(release, None, ids::ROOT, title, (start, end), attributes) })
}

fn began(release: &Release) -> Option<DateTime<Utc>> {
    let created = release.metadata.creation_timestamp.as_ref()?;
    DateTime::from_timestamp(created.0.as_second(), 0)
}

/// A phase may come again, and is then another stage.
fn stage_name(journal: &Journal) -> String {
    let since = journal.entered_at.map_or(0, |at| at.timestamp_millis());
    format!("stage {:?} {:?} {since}", journal.phase, journal.step)
}

fn stage_title(journal: &Journal) -> String {
    match journal.step {
        Some(step) => format!("step {step}"),
        None => word(&journal.phase),
    }
}

/// What every span of a release says.
fn about(release: &Release) -> Vec<KeyValue> {
    let to = release.spec.to.as_ref().map(|to| KeyValue::new("sluice.revision", to.revision.to_string()));
    let mut all = vec![
        KeyValue::new("sluice.namespace", release.namespace().unwrap_or_default()),
        KeyValue::new("sluice.policy", release.spec.policy.name.clone()),
        KeyValue::new("sluice.release", release.name_any()),
    ];
    all.extend(to);
    all
}

fn span(
    release: &Release,
    parent: Option<&str>,
    name: &str,
    title: String,
    (start, end): (DateTime<Utc>, DateTime<Utc>),
    attributes: Vec<KeyValue>,
) -> SpanData {
    SpanData {
        span_context: ids::context(release, name),
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| ids::span(release, parent)),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Owned(title),
        start_time: SystemTime::from(start),
        end_time: SystemTime::from(end.max(start)),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("sluice").with_version(env!("CARGO_PKG_VERSION")).build(),
    }
}

fn events(all: impl Iterator<Item = (DateTime<Utc>, String, String)>) -> SpanEvents {
    let event = |(at, reason, message): (DateTime<Utc>, String, String)| {
        Event::new(reason, SystemTime::from(at), vec![KeyValue::new("message", message)], 0)
    };
    let mut events = SpanEvents::default();
    events.events = all.map(event).collect();
    events
}

fn word(value: &impl Debug) -> String {
    format!("{value:?}")
}
