//! The log: one JSON object a line, with the pass that wrote it.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, filter_fn},
    fmt::MakeWriter,
    registry::LookupSpan,
};

/// The span of a pass.
pub(crate) const PASS: &str = "pass";

/// Lines as the controller writes them, to wherever it is told.
pub fn lines<S, W>(filter: EnvFilter, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // The span is the pass: parts of it are for traces, and would stand before what a line has to name.
    let passes = filter_fn(|about: &Metadata<'_>| !about.is_span() || about.name() == PASS);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer);
    lines.with_filter(filter.and(passes))
}
