//! What the controller shows of itself: `/metrics`, `/healthz`, `/readyz`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::telemetry::Telemetry;

/// Whether this replica can do its work: it has reached the API server, as leader or as the one that stands by.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The API server was reached.
    pub fn reached(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: SocketAddr, telemetry: Telemetry, ready: Readiness) -> std::io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(|State((telemetry, _)): State<(Telemetry, Readiness)>| async move { telemetry.text() }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .with_state((telemetry, ready));
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, app).await
}

async fn readyz(State((_, ready)): State<(Telemetry, Readiness)>) -> (StatusCode, &'static str) {
    match ready.0.load(Ordering::Relaxed) {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the API server has not been reached yet"),
    }
}
