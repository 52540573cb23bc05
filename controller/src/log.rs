//! The log: one JSON object a line, with the pass that wrote it.

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt as _, registry};

/// Lines as the controller writes them, to wherever it is told.
pub fn lines<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // The span is the pass; the list of spans would say the same policy once more, in the words of a library.
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer);
    registry().with(filter).with(lines)
}
