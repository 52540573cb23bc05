//! Checks a Redis server by using it.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::expect::Unmet;
use super::results::Outcome;
use crate::clock;
use crate::resp::{self, Reply};

/// What is asked of the server besides the round trip.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The exact `redis_version`.
    pub version: Option<String>,
    /// That a lost entry is seen as lost and can be written again, as a cache rebuilds itself.
    pub rebuild: bool,
}

struct Session {
    stream: Option<BufReader<TcpStream>>,
    broken: String,
    limit: Duration,
    outcomes: Vec<Outcome>,
}

/// Runs the checks on one connection. All are reported, also when the server cannot be reached.
pub async fn run(host: &str, port: u16, limit: Duration, wanted: &Wanted) -> Vec<Outcome> {
    let (stream, broken) = match timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => (Some(BufReader::new(stream)), String::new()),
        Ok(Err(error)) => (None, format!("connecting to {host}:{port}: {error}")),
        Err(_) => (None, format!("connecting to {host}:{port}: no connection within {limit:?}")),
    };
    let mut session = Session { stream, broken, limit, outcomes: Vec::new() };
    let key = format!("sluice-conformance:{}:{}", std::process::id(), clock::unix_ms());
    let (ok, text) = (Reply::Simple("OK".into()), |text: &str| Reply::Bulk(Some(text.into())));

    session.expect("answers PING", &["PING"], &Reply::Simple("PONG".into())).await;
    session.expect("SET writes", &["SET", &key, "first", "EX", "60"], &ok).await;
    session.expect("GET reads what was written", &["GET", &key], &text("first")).await;
    if wanted.rebuild {
        session.expect("an entry can be lost", &["DEL", &key], &Reply::Integer(1)).await;
        session.expect("a lost entry reads as missing", &["GET", &key], &Reply::Bulk(None)).await;
        session.expect("it is written anew", &["SET", &key, "second", "EX", "60"], &ok).await;
        session.expect("and read anew", &["GET", &key], &text("second")).await;
    }
    if let Some(version) = &wanted.version {
        session.version(version).await;
    }
    let _ = session.ask(&["DEL", &key]).await;
    session.outcomes
}

impl Session {
    async fn expect(&mut self, name: &str, command: &[&str], want: &Reply) {
        let began = clock::now();
        let got = self.ask(command).await;
        let met = got.as_ref() == Ok(want);
        let got = got.map_or_else(|failure| failure, |reply| said(&reply));
        self.note(name, began, (!met).then(|| Unmet { expected: said(want), got }));
    }

    async fn version(&mut self, want: &str) {
        let began = clock::now();
        let got = match self.ask(&["INFO", "server"]).await {
            Ok(Reply::Bulk(Some(text))) => resp::info(&text, "redis_version").unwrap_or("no redis_version").to_owned(),
            Ok(other) => said(&other),
            Err(failure) => failure,
        };
        let unmet = (got != want).then(|| Unmet { expected: want.to_owned(), got });
        self.note("has the expected version", began, unmet);
    }

    fn note(&mut self, name: &str, began: tokio::time::Instant, unmet: Option<Unmet>) {
        let took = clock::now().duration_since(began);
        let unmet = unmet.into_iter().collect();
        self.outcomes.push(Outcome { name: name.to_owned(), unmet, took });
    }

    async fn ask(&mut self, command: &[&str]) -> Result<Reply, String> {
        let Some(stream) = &mut self.stream else {
            return Err(self.broken.clone());
        };
        let exchange = async {
            stream.get_mut().write_all(&resp::command(command)).await?;
            resp::read(stream).await
        };
        let failure = match timeout(self.limit, exchange).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no reply within {:?}", self.limit),
        };
        // What follows on this connection could be the reply to this command.
        self.stream = None;
        self.broken = format!("{}: {failure}", command[0]);
        Err(self.broken.clone())
    }
}

fn said(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) => text.clone(),
        Reply::Error(text) => format!("error {text}"),
        Reply::Integer(number) => number.to_string(),
        Reply::Bulk(Some(text)) => format!("{text:?}"),
        Reply::Bulk(None) => "nothing".to_owned(),
    }
}
