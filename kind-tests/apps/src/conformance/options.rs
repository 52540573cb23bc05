//! What the conformance tests are told on their command line.

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};

use crate::duration;
use crate::url::Url;

/// What to check.
#[derive(Clone, Debug, Subcommand)]
pub enum Suite {
    /// Checks over HTTP, each in one argument
    ///
    /// A check is `NAME: METHOD PATH [BODY] -> STATUS [EXPECTATION]...`
    ///
    /// STATUS is 200 or 2xx. An EXPECTATION is json:/pointer=value (compared as text; the pointer may go on
    /// below a string that is JSON itself), contains:text or not-contains:text; one with spaces is written
    /// in double quotes. ${NAME} is replaced from the environment, $${ stands for ${.
    ///
    /// Examples:
    ///   'ready: GET /readyz -> 200'
    ///   'version: GET /version -> 200 json:/version=${EXPECTED_VERSION}'
    ///   'chain: POST /echo {"a": 1} -> 2xx not-contains:"call failed"'
    #[command(verbatim_doc_comment)]
    Run(Run),
    /// Checks a Redis server: PING, SET and GET, and what the flags add
    Redis(Redis),
}

/// Checks over HTTP.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// URL that every check's path is appended to
    #[arg(long, env = "SLUICE_CANDIDATE_URL")]
    pub base: Url,

    /// The checks
    #[arg(required = true, value_name = "CHECK")]
    pub checks: Vec<String>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub how: How,
}

/// Checks of a Redis server.
#[derive(Args, Clone, Debug)]
pub struct Redis {
    /// The server, as host:port
    #[arg(long, env = "CONFORMANCE_REDIS_ADDR", value_parser = address, value_name = "HOST:PORT")]
    pub addr: (String, u16),

    /// The server's exact version
    #[arg(long, env = "CONFORMANCE_EXPECT_VERSION", value_name = "X")]
    pub expect_version: Option<String>,

    /// Also check that a deleted entry reads as missing and can be written anew
    #[arg(long, env = "CONFORMANCE_REBUILD", value_parser = FalseyValueParser::new())]
    pub rebuild: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub how: How,
}

/// How to check and to tell.
#[derive(Args, Clone, Debug)]
pub struct How {
    /// Wait this long for the first connection
    #[arg(long, env = "CONFORMANCE_WAIT", default_value = "10s", value_parser = duration::parse)]
    pub wait: Duration,

    /// Time for each check
    #[arg(long, env = "CONFORMANCE_TIMEOUT", default_value = "5s", value_parser = duration::parse)]
    pub timeout: Duration,

    /// Print JUnit's XML instead of TAP
    #[arg(long, env = "CONFORMANCE_JUNIT", value_parser = FalseyValueParser::new())]
    pub junit: bool,

    /// The suite's name in JUnit's XML
    #[arg(long, env = "CONFORMANCE_SUITE", default_value = "sluice-conformance", value_name = "NAME")]
    pub suite: String,
}

fn address(text: &str) -> Result<(String, u16), String> {
    let url: Url = format!("redis://{text}").parse()?;
    if url.path == "/" || url.path.is_empty() {
        Ok((url.host, url.port))
    } else {
        Err(format!("{text:?} is no host:port"))
    }
}
