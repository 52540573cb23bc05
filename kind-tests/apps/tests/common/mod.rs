//! What the tests share: an application in process, options from a command line, small fake servers.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apps::client::{Call, Reply, call};
use apps::load::{Engine, Options as LoadOptions};
use apps::report::Counts;
use apps::testapp::{self, Options as AppOptions, Running};
use bytes::Bytes;
use clap::Parser;
use hyper::Method;
use hyper::header::HeaderMap;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

#[derive(Parser)]
struct App {
    #[command(flatten)]
    options: AppOptions,
}

#[derive(Parser)]
struct Load {
    #[command(flatten)]
    options: LoadOptions,
}

/// Starts the test application on a free port.
pub async fn app(flags: &[&str]) -> Running {
    let flags = ["app", "--port=0", "--version=6.9.1", "--hostname=pod-a"].iter().chain(flags);
    testapp::start(App::parse_from(flags).options).await.unwrap()
}

/// Starts the load generator.
pub fn load(flags: &[&str]) -> Engine {
    let flags = ["load"].iter().chain(flags);
    Engine::start(&Load::parse_from(flags).options).unwrap()
}

/// `web=http://...` for a server on this machine.
pub fn target(address: SocketAddr) -> String {
    format!("--target=web=http://127.0.0.1:{}/", address.port())
}

/// One request to a server on this machine.
pub async fn ask(method: Method, address: SocketAddr, path: &str, body: &'static str) -> Reply {
    let url = format!("http://127.0.0.1:{}{path}", address.port()).parse().unwrap();
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(body.as_bytes()));
    let timeout = Duration::from_secs(5);
    call(Call { method, url, headers, body, timeout }).await.unwrap()
}

/// `GET`, read as JSON.
pub async fn get(address: SocketAddr, path: &str) -> serde_json::Value {
    serde_json::from_slice(&ask(Method::GET, address, path, "").await.body).unwrap()
}

/// Serves every connection with a function until dropped.
pub async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    (address, task)
}

/// Reads one HTTP request without a body; false at the end of the connection.
pub async fn request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// A Redis server with one database in a map.
pub async fn redis(version: &'static str, run_id: &'static str) -> (SocketAddr, JoinHandle<()>) {
    let data: Arc<Mutex<HashMap<String, String>>> = Arc::default();
    raw(move |stream| {
        let data = Arc::clone(&data);
        async move {
            let mut stream = BufReader::new(stream);
            while let Some(command) = redis_command(&mut stream).await {
                let parts: Vec<&str> = command.iter().map(String::as_str).collect();
                let reply = redis_reply(&data, &parts, version, run_id);
                if stream.write_all(reply.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

async fn redis_command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let parts: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut command = Vec::new();
    for _ in 0..parts {
        let (mut length, mut text) = (String::new(), String::new());
        stream.read_line(&mut length).await.ok()?;
        stream.read_line(&mut text).await.ok()?;
        command.push(text.trim().to_owned());
    }
    Some(command)
}

fn redis_reply(data: &Mutex<HashMap<String, String>>, command: &[&str], version: &str, run_id: &str) -> String {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let mut data = data.lock().unwrap();
    match command {
        ["PING"] => "+PONG\r\n".to_owned(),
        ["SET", key, value, ..] => {
            data.insert((*key).to_owned(), (*value).to_owned());
            "+OK\r\n".to_owned()
        }
        ["GET", key] => data.get(*key).map_or("$-1\r\n".to_owned(), |value| bulk(value)),
        ["DEL", key] => format!(":{}\r\n", u8::from(data.remove(*key).is_some())),
        ["INFO", ..] => bulk(&format!("# Server\r\nredis_version:{version}\r\nrun_id:{run_id}\r\n")),
        _ => "-ERR unknown command\r\n".to_owned(),
    }
}

/// Runs a program to its end without stopping the servers of this test.
pub async fn program(path: &'static str, args: Vec<String>) -> Output {
    let run = move || {
        let env = [("EXPECTED_VERSION", "6.9.1"), ("LANG", "C")];
        std::process::Command::new(path).args(args).env_clear().envs(env).output()
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap()
}

/// Every request ended once, and every answer has a giver.
pub fn assert_books_balance(counts: &Counts) {
    for tally in [counts.total, counts.fresh, counts.kept] {
        assert_eq!(tally.sent, tally.answered + tally.failed, "{tally:?}");
        assert_eq!(tally.answered, tally.ok + tally.errors, "{tally:?}");
    }
    assert_eq!(counts.total, counts.fresh.plus(counts.kept));
    let answers = counts.identities.iter().map(|i| i.answers().all()).sum::<u64>();
    assert_eq!(answers, counts.total.answered);
}

/// Waits for a condition, five seconds at most.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), wait).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
