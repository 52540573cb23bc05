//! Which path means what, and by which label podinfo's metrics know it.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Who answers.
    Info,
    /// The version alone.
    Version,
    /// Liveness.
    Healthz,
    /// Readiness.
    Readyz,
    /// Prometheus' scrape.
    Metrics,
    /// Live requests counted so far.
    Counters,
    /// What a conformance test asks.
    Conformance,
    /// The body back, or the backends' answers.
    Echo,
    /// An answer of this status.
    Status(u16),
    /// An answer after this many seconds.
    Delay(u64),
    /// The environment.
    Env,
    /// None of these.
    NotFound,
}

impl Route {
    /// Reads a path.
    pub fn of(path: &str) -> Route {
        match path {
            "/" | "/api/info" => return Route::Info,
            "/version" => return Route::Version,
            "/healthz" => return Route::Healthz,
            "/readyz" => return Route::Readyz,
            "/metrics" => return Route::Metrics,
            "/counters" => return Route::Counters,
            "/conformance" => return Route::Conformance,
            "/echo" | "/api/echo" => return Route::Echo,
            "/env" => return Route::Env,
            _ => {}
        }
        if path.starts_with("/echo/") || path.starts_with("/api/echo/") {
            return Route::Echo;
        }
        if let Some(code) = path.strip_prefix("/status/") {
            let code = code.parse().ok().filter(|code| (200..=599).contains(code));
            return code.map_or(Route::NotFound, Route::Status);
        }
        let delay = path.strip_prefix("/delay/").and_then(|s| s.parse().ok());
        delay.map_or(Route::NotFound, Route::Delay)
    }

    /// The value of the label `path`: podinfo's route with everything but letters and digits as `_`.
    pub fn label(self, path: &str) -> &'static str {
        match self {
            Route::Info if path == "/api/info" => "api_info",
            Route::Info => "root",
            Route::Version => "version",
            Route::Healthz => "healthz",
            Route::Readyz => "readyz",
            Route::Metrics => "metrics",
            Route::Counters => "counters",
            Route::Conformance => "conformance",
            Route::Echo if path.starts_with("/api/") => "api_echo",
            Route::Echo => "echo",
            Route::Status(_) => "status",
            Route::Delay(_) => "delay",
            Route::Env => "env",
            Route::NotFound => "not_found",
        }
    }

    /// Whether this is live traffic: counted, delayed and spoiled as told. Probes, scrapes and tests are not.
    pub fn is_live(self) -> bool {
        !matches!(self, Route::Healthz | Route::Readyz | Route::Metrics | Route::Counters | Route::Conformance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_podinfos_labels() {
        for (path, label) in [
            ("/", "root"),
            ("/version", "version"),
            ("/readyz", "readyz"),
            ("/echo/a/b", "echo"),
            ("/api/echo", "api_echo"),
            ("/api/info", "api_info"),
            ("/status/503", "status"),
            ("/delay/1", "delay"),
            ("/status/99999", "not_found"),
            ("/nothing", "not_found"),
        ] {
            assert_eq!(Route::of(path).label(path), label, "{path}");
        }
    }

    #[test]
    fn probes_scrapes_and_tests_are_not_live_traffic() {
        for path in ["/readyz", "/healthz", "/metrics", "/counters", "/conformance"] {
            assert!(!Route::of(path).is_live(), "{path}");
        }
        for path in ["/", "/version", "/echo", "/status/200", "/delay/0", "/env", "/other"] {
            assert!(Route::of(path).is_live(), "{path}");
        }
    }
}
