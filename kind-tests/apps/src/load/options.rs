//! What the load generator is told on its command line.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;
use hyper::header::{HeaderName, HeaderValue};

use crate::duration;
use crate::spread::Share;
use crate::url::Url;

/// The hard cap on requests a second, over all targets.
pub const MAX_RATE: f64 = 300.0;
/// Slower makes no sense.
const MIN_RATE: f64 = 0.001;
/// The hard cap on requests, over all targets.
pub const MAX_REQUESTS: u64 = 200_000;

/// Every flag can be given as an environment variable.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What to send to, as NAME=URL; http://host:port/path or redis://host:port; may be repeated
    #[arg(long = "target", env = "LOAD_TARGET", value_delimiter = ' ', value_name = "NAME=URL", required = true)]
    pub targets: Vec<NamedUrl>,

    /// A header of every request, as NAME=VALUE; may be repeated
    #[arg(long = "header", env = "LOAD_HEADER", value_name = "NAME=VALUE")]
    pub headers: Vec<Header>,

    /// Requests a second to each target; at most 300 over all targets
    #[arg(long, env = "LOAD_RATE", default_value_t = 50.0, value_parser = positive)]
    pub rate: f64,

    /// Fraction of requests that use a connection of their own
    #[arg(long, env = "LOAD_FRESH", default_value = "0.5", value_name = "0..1")]
    pub fresh: Share,

    /// Connections to each target that the other requests share
    #[arg(long, env = "LOAD_KEPT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub kept: u16,

    /// Time for one request, from resolving the name to the last byte, a second try included
    #[arg(long, env = "LOAD_TIMEOUT", default_value = "2s", value_parser = duration::parse)]
    pub timeout: Duration,

    /// Time after which no more requests are sent; 200,000 requests end it earlier
    #[arg(long, env = "LOAD_DURATION", default_value = "600s", value_parser = duration::parse)]
    pub duration: Duration,

    /// Address of the control endpoints
    #[arg(long, env = "LOAD_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Exit with 0 when the duration is over, instead of answering /stats until /stop or SIGTERM
    #[arg(long, env = "LOAD_EXIT_WHEN_DONE", value_parser = FalseyValueParser::new())]
    pub exit_when_done: bool,
}

impl Options {
    /// What clap cannot check.
    ///
    /// # Errors
    ///
    /// When the rate over all targets is above the cap, or two targets have one name.
    pub fn check(&self) -> Result<(), String> {
        let all = self.rate * self.targets.len() as f64;
        if all > MAX_RATE {
            return Err(format!("{all} requests a second over all targets, {MAX_RATE} is the cap"));
        }
        let mut names: Vec<_> = self.targets.iter().map(|target| &target.name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two targets are named {}", pair[0])),
            None => Ok(()),
        }
    }
}

/// A header of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{text}: give NAME=VALUE"))?;
        let name = name.parse().map_err(|e| format!("{name}: {e}"))?;
        let value = value.parse().map_err(|e| format!("{value}: {e}"))?;
        Ok(Self { name, value })
    }
}

/// A target and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUrl {
    /// Its name in reports.
    pub name: String,
    /// Its address.
    pub url: Url,
}

impl FromStr for NamedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, url) = text.split_once('=').ok_or("a target is written NAME=URL")?;
        if name.is_empty() || name.contains([':', '/', ' ']) {
            return Err(format!("{name:?} is no name for a target"));
        }
        Ok(NamedUrl { name: name.to_owned(), url: url.parse()? })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if rate.is_finite() && rate >= MIN_RATE { Ok(rate) } else { Err(format!("{text} is not {MIN_RATE} or more")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Result<Options, String> {
        let args = std::iter::once("load").chain(args.iter().copied());
        let command = Command::try_parse_from(args).map_err(|e| e.to_string())?;
        command.options.check()?;
        Ok(command.options)
    }

    #[test]
    fn targets_are_named_and_repeated() {
        let options = parse(&["--target=web=http://web:80/?a=b", "--target", "redis=redis://r"]).unwrap();
        assert_eq!(options.targets[0].name, "web");
        assert_eq!(options.targets[0].url.path, "/?a=b");
        assert_eq!(options.targets[1].url.port, 6379);
    }

    #[test]
    fn the_cap_holds_over_all_targets() {
        let (a, b) = ("--target=a=http://a", "--target=b=http://b");
        assert!(parse(&[a, b, "--rate=150"]).is_ok());
        assert!(parse(&[a, b, "--rate=150.1"]).unwrap_err().contains("cap"));
        assert!(parse(&[a, "--rate=0"]).is_err());
        assert!(parse(&[a, "--rate=NaN"]).is_err());
    }

    #[test]
    fn names_are_unique_and_a_target_is_needed() {
        assert!(parse(&["--target=a=http://a", "--target=a=http://b"]).is_err());
        assert!(parse(&["--target=http://a/?x=y"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
