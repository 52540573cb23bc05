//! The views: names of series and labels as their makers document them.

use super::{Failure, KnownBy, View, When};

/// Requests that are no caller's: probes and scrapes.
const PROBES: &str = r#"path!~"(.*/)?(readyz|healthz|metrics)/?""#;
/// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS: what OpenTelemetry counts as a server's errors.
const GRPC: When = When::OneOf(&["2", "4", "12", "13", "14", "15"]);
const GRPC_NAMES: When =
    When::OneOf(&["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"]);

pub const APPLICATION: View = View {
    requests: &["http_request_duration_seconds_count"],
    buckets: &["http_request_duration_seconds_bucket"],
    per_second: 1.0,
    callers: PROBES,
    failures: &[Failure { label: "status", when: When::ServerError }],
    known_by: KnownBy::Revision,
};

/// The callers' side: a sidecar at the destination sees neither a version without pods nor which Service was chosen, and counts again.
pub const ISTIO: View = View {
    requests: &["istio_requests_total"],
    buckets: &["istio_request_duration_milliseconds_bucket"],
    per_second: 1000.0,
    callers: r#"reporter=~"source|waypoint""#,
    failures: &[
        Failure { label: "response_code", when: When::ServerError },
        Failure { label: "grpc_response_status", when: GRPC },
    ],
    known_by: KnownBy::Service { namespace: "destination_service_namespace", name: "destination_service_name" },
};

pub const ENVOY_GATEWAY: View = View {
    requests: &["envoy_backend_requests_total"],
    buckets: &["envoy_backend_request_duration_milliseconds_bucket"],
    per_second: 1000.0,
    callers: "",
    failures: &[
        Failure { label: "response_code", when: When::ServerError },
        Failure { label: "grpc_status", when: GRPC },
    ],
    known_by: KnownBy::Service { namespace: "backend_namespace", name: "backend_service" },
};

pub const LINKERD: View = View {
    requests: &[
        "outbound_http_route_backend_response_statuses_total",
        "outbound_grpc_route_backend_response_statuses_total",
    ],
    buckets: &[
        "outbound_http_route_backend_response_duration_seconds_bucket",
        "outbound_grpc_route_backend_response_duration_seconds_bucket",
    ],
    per_second: 1.0,
    callers: "",
    failures: &[
        Failure { label: "http_status", when: When::ServerError },
        Failure { label: "error", when: When::Given },
        Failure { label: "grpc_status", when: GRPC_NAMES },
    ],
    known_by: KnownBy::Service { namespace: "backend_namespace", name: "backend_name" },
};

/// Its code of a gRPC request is UNKNOWN for every answer whose trailers were not announced, good or bad: those are left out.
pub const TRAEFIK: View = View {
    requests: &["traefik_service_requests_total"],
    buckets: &["traefik_service_request_duration_seconds_bucket"],
    per_second: 1.0,
    callers: r#"protocol!~"grpc.*""#,
    failures: &[Failure { label: "code", when: When::ServerError }],
    known_by: KnownBy::Traefik,
};
