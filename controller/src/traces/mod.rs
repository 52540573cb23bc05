//! Traces, for those who ask for them: OTLP over HTTP, set up by the variables of OpenTelemetry's specification,
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! A release is a trace, whose spans are its phases, steps and gates; a pass is a trace of its own, with a link to the release's. Both
//! are best effort: nothing waits for them, and a receiver that is down costs spans, never time.

mod export;
mod ids;
mod releases;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use crds::Release;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::EnvResourceDetector,
    trace::{BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor},
};
use planner::{Journal, world::RunKey};
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

pub use export::Exporter;
pub use settings::{Settings, Unusable};

/// How long the end of the process may wait for the last spans.
const LAST: Duration = Duration::from_secs(5);

/// Where spans go; nowhere unless somebody asks for them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Open>>);

struct Open {
    spans: Arc<BatchSpanProcessor>,
    provider: SdkTracerProvider,
}

/// Which process the spans are of.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The pod.
    pub identity: String,
    /// Its namespace.
    pub namespace: String,
    /// The cluster, where it has a name.
    pub cluster: Option<String>,
}

impl Traces {
    /// Spans go to this exporter, in batches and from a thread of its own.
    pub fn to(mut exporter: impl SpanExporter + 'static, process: &Process) -> Self {
        let resource = resource(process);
        exporter.set_resource(&resource);
        let spans = Arc::new(BatchSpanProcessor::builder(exporter).build());
        let provider = SdkTracerProvider::builder().with_span_processor(Shared(spans.clone()));
        Self(Some(Arc::new(Open { spans, provider: provider.with_resource(resource).build() })))
    }

    /// Makes spans of what the program does in passes; nothing where there are no traces.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let open = self.0.as_ref()?;
        let layer = tracing_opentelemetry::layer().with_tracer(open.provider.tracer(env!("CARGO_PKG_NAME")));
        let plain = layer.with_location(false).with_threads(false).with_level(false).with_target(false);
        let ours = |about: &Metadata<'_>| about.target().starts_with(env!("CARGO_PKG_NAME"));
        Some(plain.with_tracked_inactivity(false).with_filter(filter_fn(ours)))
    }

    /// The journal of a release was written: what has ended by that is a span.
    pub fn moved(&self, release: &Release, before: &Journal, next: &Journal) {
        let Some(open) = &self.0 else { return };
        for span in releases::ended(release, before, next) {
            open.spans.on_end(span);
        }
    }

    /// The span of a gate, as a test or a receiver makes its own spans a part of it; `None` where there are no traces.
    pub fn traceparent(&self, release: &Release, gate: &RunKey) -> Option<String> {
        self.0.as_ref()?;
        Some(ids::traceparent(&ids::context(release, &ids::gate(&gate.gate, gate.at, gate.step))))
    }

    /// The pass that runs concerns this release.
    pub fn concerns(&self, release: &Release) {
        if self.0.is_some() {
            tracing::Span::current().add_link(ids::root(release));
        }
    }

    /// Sends what is left.
    pub async fn end(&self) {
        let Some(open) = self.0.clone() else { return };
        let ended = tokio::task::spawn_blocking(move || open.provider.shutdown_with_timeout(LAST));
        if !matches!(ended.await, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Traces(open)" } else { "Traces(none)" })
    }
}

/// By the names of OpenTelemetry's conventions; what `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say goes before.
fn resource(process: &Process) -> Resource {
    let cluster = process.cluster.iter().map(|name| KeyValue::new("k8s.cluster.name", name.clone()));
    let named = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "sluice"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", process.identity.clone()))
        .with_attribute(KeyValue::new("k8s.namespace.name", process.namespace.clone()))
        .with_attributes(cluster)
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attributes(named.map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// One queue and one thread for the spans of passes, which a provider makes, and those of releases, which the journal gives.
#[derive(Debug)]
struct Shared(Arc<BatchSpanProcessor>);

impl SpanProcessor for Shared {
    fn on_start(&self, span: &mut Span, cx: &opentelemetry::Context) {
        self.0.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}
