//! Ids that follow from what they name: whoever takes over goes on with the same trace, and what is sent twice is the same span.

use crds::Release;
use kube::ResourceExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use planner::policy::Place;
use sha2::{Digest as _, Sha256};

/// The trace of a release: its UID.
pub(super) fn trace(release: &Release) -> TraceId {
    let uid = release.uid().unwrap_or_default();
    let plain: String = uid.chars().filter(|c| *c != '-').collect();
    // API servers give UUIDs; nothing says that they have to.
    TraceId::from_hex(&plain).ok().filter(|_| plain.len() == 32).unwrap_or_else(|| {
        let hash = Sha256::digest(uid);
        TraceId::from_bytes(std::array::from_fn(|i| hash[i]))
    })
}

/// One of its spans.
pub(super) fn span(release: &Release, name: &str) -> SpanId {
    let hash = Sha256::new().chain_update(release.uid().unwrap_or_default()).chain_update(name).finalize();
    SpanId::from_bytes(std::array::from_fn(|i| hash[i]))
}

/// A span as others refer to it.
pub(super) fn context(release: &Release, name: &str) -> SpanContext {
    SpanContext::new(trace(release), span(release, name), TraceFlags::SAMPLED, false, TraceState::default())
}

/// The span of the whole release.
pub(super) fn root(release: &Release) -> SpanContext {
    context(release, ROOT)
}

/// What the span of a gate is called here.
pub(super) fn gate(name: &str, at: Place, step: Option<u32>) -> String {
    format!("gate {name} {at:?} {step:?}")
}

/// A span as others continue it, <https://www.w3.org/TR/trace-context/#traceparent-header>.
pub(super) fn traceparent(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags())
}

/// What the span of the whole release is called here.
pub(super) const ROOT: &str = "release";
