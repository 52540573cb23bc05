//! `sluice-receiver`: takes what is posted, as Slack, Teams or any other receiver does, and hands it back.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::Args;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use crate::server::{self, Answer, Signals, plain};

/// The longest body that is taken.
const LONGEST: usize = 1 << 20;
/// The most messages that are kept of one path.
const MOST: usize = 10_000;

/// How it is run.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Port.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
}

/// A message that was taken.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Message {
    /// Its place among all that were taken, counted from 1.
    pub number: u64,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// How those behind a path do, by its first part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Takes all: 200 and `ok`, as an incoming webhook of Slack.
    Hook,
    /// Takes all, and names each message: as `chat.postMessage` of Slack.
    Bot,
    /// Takes all: 202, as a workflow of Teams.
    Workflow,
    /// Takes all: 204, as Discord.
    Quiet,
    /// Takes every second one, and fails the others with 500.
    Half,
    /// Takes none, and never answers.
    Hangs,
}

impl Manner {
    fn of(path: &str) -> Option<Self> {
        Some(match path.split('/').nth(1)? {
            "hook" => Self::Hook,
            "bot" => Self::Bot,
            "workflow" => Self::Workflow,
            "quiet" => Self::Quiet,
            "half" => Self::Half,
            "hangs" => Self::Hangs,
            _ => return None,
        })
    }
}

#[derive(Debug, Default)]
struct Taken {
    tries: BTreeMap<String, u64>,
    messages: BTreeMap<String, Vec<Message>>,
    count: u64,
}

/// A running receiver. Dropping it closes the listener and every connection at once.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Binds the port and serves in the background.
///
/// # Errors
///
/// When the port cannot be bound.
pub async fn start(options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, options.port)).await?;
    let address = listener.local_addr()?;
    let taken = Arc::new(Mutex::new(Taken::default()));
    let task = tokio::spawn(server::serve(listener, move |request| {
        let taken = Arc::clone(&taken);
        async move { handle(&taken, request).await }
    }));
    Ok(Running { address, task })
}

/// Runs until a signal.
pub async fn run(options: Options) -> ExitCode {
    let ready = async { Ok::<_, io::Error>((Signals::new()?, start(options).await?)) };
    match ready.await {
        Ok((mut signals, running)) => {
            eprintln!("listening on {}", running.address);
            signals.asked_to_end().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sluice-receiver cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn handle(taken: &Mutex<Taken>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    match (request.method(), path.strip_prefix("/taken")) {
        (&Method::GET, Some(of)) => {
            let messages = lock(taken).messages.get(of).cloned().unwrap_or_default();
            server::json(StatusCode::OK, &messages)
        }
        (&Method::GET, None) if path == "/readyz" => plain(StatusCode::OK, "ok"),
        (&Method::POST, None) => match Manner::of(&path) {
            Some(manner) => take(taken, manner, &path, request).await,
            None => plain(StatusCode::NOT_FOUND, "post to /hook, /bot, /workflow, /quiet, /half or /hangs, then /NAME"),
        },
        _ => plain(StatusCode::NOT_FOUND, "GET /taken/PATH gives what was posted to PATH"),
    }
}

async fn take(taken: &Mutex<Taken>, manner: Manner, path: &str, request: Request<Incoming>) -> Answer {
    let headers = request.headers().iter();
    let headers = headers.map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect();
    let Ok(body) = Limited::new(request.into_body(), LONGEST).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "at most 1 MiB");
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if manner == Manner::Hangs {
        sleep(Duration::from_secs(600)).await;
    }
    let mut taken = lock(taken);
    let tries = taken.tries.entry(path.to_owned()).or_default();
    *tries += 1;
    if manner == Manner::Half && *tries % 2 == 1 {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "every second one fails");
    }
    taken.count += 1;
    let number = taken.count;
    let messages = taken.messages.entry(path.to_owned()).or_default();
    messages.push(Message { number, headers, body });
    if messages.len() > MOST {
        messages.remove(0);
    }
    match manner {
        Manner::Bot => {
            server::json(StatusCode::OK, &json!({ "ok": true, "channel": "C1", "ts": format!("{number}.000100") }))
        }
        Manner::Workflow => plain(StatusCode::ACCEPTED, ""),
        Manner::Quiet => plain(StatusCode::NO_CONTENT, ""),
        _ => plain(StatusCode::OK, "ok"),
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
