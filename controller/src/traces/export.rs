//! Sending spans, and saying so when that does not work: once when it begins, once when it is over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use reqwest::{Certificate, Client, redirect::Policy};
use tokio::runtime::Handle;

use super::Settings;
use crate::{outbound, telemetry::Telemetry};

/// How long a connection may take: who listens answers sooner.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends spans to where the settings say.
#[derive(Debug)]
pub struct Exporter {
    otlp: Otlp,
    endpoint: String,
    telemetry: Telemetry,
    failing: Arc<AtomicBool>,
}

impl Exporter {
    /// To be called in the runtime that shall carry the requests. Headers are taken from `OTEL_EXPORTER_OTLP_HEADERS`.
    ///
    /// # Errors
    /// The authorities cannot be read, or no client can be made.
    pub fn new(settings: &Settings, telemetry: Telemetry) -> anyhow::Result<Self> {
        let carrier = Carrier { http: client(settings)?, runtime: Handle::current() };
        let otlp = Otlp::builder()
            .with_http()
            .with_http_client(carrier)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.as_str())
            .with_timeout(settings.timeout)
            .build()?;
        let endpoint = settings.endpoint.origin().ascii_serialization();
        Ok(Self { otlp, endpoint, telemetry, failing: Arc::default() })
    }

    fn sent(&self, spans: usize, result: &OTelSdkResult) {
        self.telemetry.spans(if result.is_ok() { "sent" } else { "lost" }, spans);
        let (failed, endpoint) = (result.is_err(), &self.endpoint);
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        match result {
            Ok(()) => tracing::info!(endpoint, "spans are sent again"),
            Err(error) => {
                tracing::warn!(endpoint, %error, "spans cannot be sent and are lost until it works again: check the endpoint of traces");
            }
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.otlp.export(batch).await;
        self.sent(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

/// Requests are made in the runtime of the program: the thread of the batches has none.
#[derive(Debug)]
struct Carrier {
    http: Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Carrier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        self.runtime.spawn(async move { http.send_bytes(request).await }).await?
    }
}

fn client(settings: &Settings) -> anyhow::Result<Client> {
    use anyhow::Context as _;
    let builder = Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(settings.timeout.min(CONNECT))
        .timeout(settings.timeout);
    let builder = match &settings.certificates {
        Some(path) => {
            let what = || format!("reading the authorities for traces from {path}: write certificates there, as PEM");
            let found = Certificate::from_pem_bundle(&std::fs::read(path).with_context(what)?).with_context(what)?;
            anyhow::ensure!(!found.is_empty(), what());
            builder.tls_certs_only(found)
        }
        None if settings.endpoint.scheme() == "https" => builder.tls_certs_merge(outbound::browsers()),
        None => builder.tls_certs_only([]),
    };
    builder.build().context("making a client for traces")
}
