//! What the test application is told on its command line.

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::duration;
use crate::spread::Share;
use crate::url::Url;

/// Every flag can be given as an environment variable.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Port to listen on, all addresses; 0 picks a free one
    // Not TESTAPP_PORT: Kubernetes sets that to tcp://... in pods beside a Service named testapp.
    #[arg(long, env = "TESTAPP_LISTEN_PORT", default_value_t = 9898)]
    pub port: u16,

    /// Version to report
    #[arg(long = "version", env = "APP_VERSION", default_value = "0.0.0")]
    pub app_version: String,

    /// Commit to report at /version
    #[arg(long, env = "APP_COMMIT", default_value = "unknown")]
    pub commit: String,

    /// Host name to report, the pod's name in Kubernetes
    #[arg(long, env = "HOSTNAME", default_value = "localhost")]
    pub hostname: String,

    /// Message to report at /
    #[arg(long, env = "TESTAPP_MESSAGE", default_value = "greetings from the sluice test application")]
    pub message: String,

    /// Colour to report at /
    #[arg(long, env = "TESTAPP_COLOR", default_value = "#34577c")]
    pub color: String,

    /// Fraction of live requests answered with status 500, evenly spread
    #[arg(long, env = "TESTAPP_ERROR_RATE", default_value_t = Share::NONE, value_name = "0..1")]
    pub error_rate: Share,

    /// Draw each error by itself, as real ones come, instead of spreading them evenly
    #[arg(long, env = "TESTAPP_RANDOM_ERRORS", value_parser = FalseyValueParser::new())]
    pub random_errors: bool,

    /// Milliseconds by which every answer to a live request is delayed
    #[arg(long, env = "TESTAPP_LATENCY_MS", default_value_t = 0, value_name = "N")]
    pub latency_ms: u64,

    /// Answer 500 with a reason at /conformance, 200 "ok" otherwise
    #[arg(long, env = "TESTAPP_FAIL_CONFORMANCE", value_parser = FalseyValueParser::new())]
    pub fail_conformance: bool,

    /// Not ready at /readyz for this long after the start
    #[arg(long, env = "TESTAPP_READY_AFTER", default_value = "0", value_parser = duration::parse)]
    pub ready_after: Duration,

    /// Never ready at /readyz
    #[arg(long, env = "TESTAPP_NEVER_READY", value_parser = FalseyValueParser::new())]
    pub never_ready: bool,

    /// Exit with 1 this long after the start
    #[arg(long, env = "TESTAPP_CRASH_AFTER", value_parser = duration::parse, value_name = "DURATION")]
    pub crash_after: Option<Duration>,

    /// Exit immediately on SIGTERM, closing every connection; the default
    #[arg(long, env = "TESTAPP_EXIT_AT_ONCE", value_parser = FalseyValueParser::new(), conflicts_with = "drain")]
    pub exit_at_once: bool,

    /// Keep serving for this long after SIGTERM (not ready at /readyz meanwhile), then exit
    #[arg(long, env = "TESTAPP_DRAIN", value_parser = duration::parse, value_name = "DURATION")]
    pub drain: Option<Duration>,

    /// URL that /echo forwards to; may be repeated
    #[arg(long, env = "TESTAPP_BACKEND", value_delimiter = ' ', value_name = "URL")]
    pub backend: Vec<Url>,
}
