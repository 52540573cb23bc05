//! The load generator against servers that answer.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use apps::load::Control;
use apps::report::{EndedBy, Report, State};
use apps::server;
use common::{app, ask, assert_books_balance, get, load, redis, target, until};
use hyper::Method;
use tokio::net::TcpListener;
use tokio::time::timeout;

#[tokio::test]
async fn every_request_of_a_run_is_counted_once_and_attributed() {
    let app = app(&["--error-rate=0.33"]).await;
    let report = load(&[&target(app.address), "--rate=200", "--duration=2s"]).finished().await;

    assert_eq!((report.state, report.ended_by), (State::Finished, Some(EndedBy::Duration)));
    let web = &report.targets["web"];
    assert_books_balance(&web.counts);
    assert_eq!((web.counts.total.sent, web.counts.total.failed), (400, 0), "{:?}", report.failures);
    assert!((131..=133).contains(&web.counts.total.errors), "{:?}", web.counts.total);
    assert!((196..=204).contains(&web.counts.fresh.sent), "{:?}", web.counts.fresh);
    assert_eq!(web.statuses["500"], web.counts.total.errors);

    let [identity] = &web.counts.identities[..] else { panic!("{:?}", web.counts.identities) };
    assert_eq!((identity.hostname.as_str(), identity.version.as_str()), ("pod-a", "6.9.1"));
    assert!(identity.first_ms <= identity.first_error_ms.unwrap());
    assert!(identity.last_fresh_ms.unwrap() <= identity.last_ms);

    let series = web.series.iter().map(|second| second.versions["6.9.1"]);
    assert_eq!(series.clone().map(|s| s.ok + s.errors).sum::<u64>(), 400);
    assert_eq!(series.map(|s| s.fresh).sum::<u64>(), web.counts.fresh.answered);
    assert_eq!(report.error_answers.len() as u64, web.counts.total.errors);
    assert!(web.latency.p50_ms > 0.0 && web.latency.p50_ms <= web.latency.max_ms);

    let counters = get(app.address, "/counters").await;
    assert_eq!((&counters["total"], &counters["paths"]["root"]), (&400.into(), &400.into()));
}

#[tokio::test]
async fn slow_answers_do_not_slow_the_rate() {
    let app = app(&["--latency-ms=400"]).await;
    let engine = load(&[&target(app.address), "--rate=100", "--duration=1s", "--fresh=0", "--kept=2"]);
    let report = engine.finished().await;
    let web = &report.targets["web"];
    assert_eq!((web.counts.total.sent, web.counts.total.ok), (100, 100), "{:?}", report.failures);
    assert!(web.latency.p50_ms >= 380.0, "{:?}", web.latency);
}

#[tokio::test]
async fn a_test_marks_asks_and_stops_over_http() {
    let app = app(&[]).await;
    let engine = load(&[&target(app.address), "--rate=100", "--duration=60s"]);
    let control = Control::new(engine.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = control.clone();
    tokio::spawn(server::serve(listener, move |request| serving.clone().handle(request)));

    assert_eq!(ask(Method::GET, address, "/readyz", "").await.status, 200);
    assert_eq!(ask(Method::GET, address, "/stop", "").await.status, 405);
    assert_eq!(ask(Method::POST, address, "/mark", "").await.status, 400);
    until("answers", || engine.counts()["web"].total.ok >= 10).await;
    assert_eq!(ask(Method::POST, address, "/mark?name=half", "").await.status, 200);
    until("more answers", || engine.counts()["web"].total.ok >= 30).await;
    let running: Report = serde_json::from_value(get(address, "/stats").await).unwrap();
    assert_eq!(running.state, State::Running);

    let last = ask(Method::POST, address, "/stop", "").await;
    let last: Report = serde_json::from_slice(&last.body).unwrap();
    timeout(Duration::from_secs(1), control.stopped()).await.unwrap();
    assert_eq!(last.state, State::Finished);
    assert_books_balance(&last.targets["web"].counts);
    let since = last.since("half", "web").unwrap();
    assert!(since.total.sent >= 10 && since.total.sent < last.targets["web"].counts.total.sent);
    assert_eq!(since.fresh_share_of("6.9.1"), (since.fresh.answered, since.fresh.answered));
}

#[tokio::test]
async fn redis_answers_are_attributed_to_the_run() {
    let (address, _server) = redis("7.2.4", "run-1").await;
    let flags = [&format!("--target=cache=redis://{address}"), "--rate=100", "--duration=500ms"];
    let report = load(&flags).finished().await;
    let counts = &report.targets["cache"].counts;
    assert_books_balance(counts);
    assert_eq!((counts.total.ok, counts.total.failed), (50, 0), "{:?}", report.failures);
    let [identity] = &counts.identities[..] else { panic!("{:?}", counts.identities) };
    assert_eq!((identity.hostname.as_str(), identity.version.as_str()), ("run-1", "7.2.4"));
    assert!(identity.fresh.ok >= 23 && identity.kept.ok >= 23, "{identity:?}");
}
