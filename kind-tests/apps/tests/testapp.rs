//! The test application, in process and as a process.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{app, ask, get};
use hyper::Method;

/// A child that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(flags: &[&str]) -> (Process, SocketAddr) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice-testapp"));
        command.arg("--port=0").args(flags).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        (Process(child), address)
    }

    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn end(&mut self) -> (i32, Duration) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (status.code().unwrap(), began.elapsed());
            }
            assert!(began.elapsed() < Duration::from_secs(8), "it never ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[tokio::test]
async fn answers_say_who_gave_them() {
    let app = app(&["--commit=abc", "--message=hi", "--color=blue"]).await;
    let info = get(app.address, "/").await;
    for (key, value) in [("hostname", "pod-a"), ("version", "6.9.1"), ("message", "hi"), ("color", "blue")] {
        assert_eq!(info[key], value);
    }
    let version = get(app.address, "/version").await;
    assert_eq!(version, serde_json::json!({"version": "6.9.1", "commit": "abc"}));
    let status = ask(Method::GET, app.address, "/status/418", "").await;
    assert_eq!(status.status, 418);
    assert_eq!(get(app.address, "/status/503").await["hostname"], "pod-a");
}

#[tokio::test]
async fn probes_are_never_spoiled_nor_counted() {
    let app = app(&["--error-rate=1", "--latency-ms=60000"]).await;
    for path in ["/readyz", "/healthz", "/metrics", "/counters", "/conformance"] {
        assert_eq!(ask(Method::GET, app.address, path, "").await.status, 200, "{path}");
    }
    assert_eq!(get(app.address, "/counters").await["total"], 0);
}

#[tokio::test]
async fn an_injected_error_shows_in_the_metrics_and_the_counters() {
    let app = app(&["--error-rate=1"]).await;
    assert_eq!(ask(Method::GET, app.address, "/", "").await.status, 500);
    let text = ask(Method::GET, app.address, "/metrics", "").await;
    let text = String::from_utf8_lossy(&text.body).into_owned();
    assert!(text.contains("http_requests_total{status=\"500\"} 1"), "{text}");
    assert!(text.contains("testapp_live_requests_total{path=\"root\"} 1"), "{text}");
    assert_eq!(get(app.address, "/counters").await["errors"], 1);
}

#[tokio::test]
async fn conformance_fails_while_everything_else_is_right() {
    let app = app(&["--fail-conformance", "--never-ready"]).await;
    assert_eq!(ask(Method::GET, app.address, "/conformance", "").await.status, 500);
    assert_eq!(ask(Method::GET, app.address, "/readyz", "").await.status, 503);
    assert_eq!(get(app.address, "/version").await["version"], "6.9.1");
}

#[tokio::test]
async fn echo_answers_the_body_or_what_the_backends_said() {
    let backend = app(&[]).await;
    let reply = ask(Method::POST, backend.address, "/echo", "hello").await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (202, &b"hello"[..]));

    let good = format!("--backend=http://127.0.0.1:{}/", backend.address.port());
    let bad = format!("--backend=http://127.0.0.1:{}/status/503", backend.address.port());
    let front = app(&[&good, &bad, "--backend=http://127.0.0.1:1/"]).await;
    let reply = ask(Method::POST, front.address, "/echo", "hello").await;
    assert_eq!(reply.status, 200);
    let answers: Vec<String> = serde_json::from_slice(&reply.body).unwrap();
    assert!(answers[0].contains("\"hostname\":\"pod-a\""), "{answers:?}");
    assert!(answers[1].ends_with("response status code 503"), "{answers:?}");
    assert!(answers[2].contains("call failed"), "{answers:?}");
}

#[tokio::test]
async fn sigterm_ends_it_at_once_unless_told_to_drain() {
    let (mut quick, _) = Process::start(&[]);
    quick.terminate();
    assert_eq!(quick.end().0, 0);

    let (mut slow, address) = Process::start(&["--drain=1s"]);
    slow.terminate();
    // The signal needs a moment; it still serves in either case.
    let deadline = Instant::now() + Duration::from_millis(900);
    while ask(Method::GET, address, "/readyz", "").await.status == 200 && Instant::now() < deadline {}
    assert_eq!(ask(Method::GET, address, "/readyz", "").await.status, 503);
    assert_eq!(ask(Method::GET, address, "/", "").await.status, 200);
    assert_eq!(slow.end().0, 0);
}

#[test]
fn it_crashes_when_told_to() {
    let (mut process, _) = Process::start(&["--crash-after=200ms"]);
    assert_eq!(process.end().0, 1);
}
