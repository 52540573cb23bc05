//! The load generator against servers that die, hang, close and babble.
#![allow(clippy::unwrap_used)]

mod common;

use apps::report::{Cause, EndedBy};
use common::{app, assert_books_balance, load, raw, request, target, until};
use tokio::io::AsyncWriteExt;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

#[tokio::test]
async fn a_server_that_dies_in_the_middle_shows_as_refusals_from_then_on() {
    let app = app(&[]).await;
    let engine = load(&[&target(app.address), "--rate=200", "--duration=10s"]);
    until("answers", || engine.counts()["web"].total.ok >= 50).await;
    engine.mark("killed").unwrap();
    drop(app);
    until("failures of both kinds and some refusals", || {
        let counts = &engine.counts()["web"];
        let refused = engine.report().targets["web"].causes.get(&Cause::ConnectRefused).copied();
        counts.fresh.failed >= 10 && counts.kept.failed >= 10 && refused >= Some(20)
    })
    .await;
    let report = engine.stop().await;

    let web = &report.targets["web"];
    assert_books_balance(&web.counts);
    assert_eq!(report.ended_by, Some(EndedBy::Request));
    let kept = web.counts.kept;
    assert!(kept.retried + kept.renewed >= 1, "kept connections were closed: {kept:?}");
    let refused = web.causes.get(&Cause::ConnectRefused);
    assert!(refused.is_some_and(|count| *count >= 1), "{:?}", report.failures);
    let known = [Cause::ConnectRefused, Cause::Reset, Cause::ClosedBeforeAnswer];
    assert!(web.causes.keys().all(|cause| known.contains(cause)), "{:?}", report.failures);
    assert_eq!(web.causes.values().sum::<u64>(), web.counts.total.failed);
    assert_eq!(report.failures.len() as u64, web.counts.total.failed);
    assert!(report.failures.iter().all(|failure| failure.phase.as_deref() == Some("killed")));
    let since = report.since("killed", "web").unwrap();
    assert_eq!(since.total.failed, web.counts.total.failed);
    assert!(since.total.sent < web.counts.total.sent);
}

#[tokio::test]
async fn a_kept_connection_closed_before_any_byte_costs_a_second_try_and_no_failure() {
    let (address, _server) = raw(|mut stream| async move {
        if request(&mut stream).await {
            stream.write_all(WHOLE).await.unwrap();
            request(&mut stream).await;
        }
    })
    .await;
    let flags = [&target(address), "--rate=50", "--duration=500ms", "--fresh=0", "--kept=1"];
    let report = load(&flags).finished().await;

    let counts = &report.targets["web"].counts;
    assert_books_balance(counts);
    assert_eq!((counts.total.sent, counts.total.failed, counts.fresh.sent), (25, 0, 0), "{report:?}");
    assert!(counts.kept.retried >= 5, "{:?}", counts.kept);
}

#[tokio::test]
async fn an_answer_that_had_begun_is_never_asked_for_again() {
    let (address, _server) = raw(|mut stream| async move {
        if request(&mut stream).await {
            stream.write_all(WHOLE).await.unwrap();
        }
        if request(&mut stream).await {
            stream.write_all(b"HTTP/1.1 20").await.unwrap();
        }
    })
    .await;
    let flags = [&target(address), "--rate=20", "--duration=500ms", "--fresh=0", "--kept=1"];
    let report = load(&flags).finished().await;

    let web = &report.targets["web"];
    assert_books_balance(&web.counts);
    assert_eq!(web.counts.kept.retried, 0);
    assert!(web.counts.kept.failed >= 1);
    assert_eq!(web.causes.keys().collect::<Vec<_>>(), [&Cause::ClosedBeforeAnswer]);
}

#[tokio::test]
async fn causes_are_told_apart() {
    let (closes, _a) = raw(|mut stream| async move {
        request(&mut stream).await;
    })
    .await;
    let (halves, _b) = raw(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").await.unwrap();
    })
    .await;
    let (hangs, _c) = raw(|mut stream| async move {
        request(&mut stream).await;
        std::future::pending().await
    })
    .await;
    let (garbage, _d) = raw(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"-ERR this is no HTTP\r\n").await.unwrap();
    })
    .await;
    let url = |name: &str, at: std::net::SocketAddr| format!("--target={name}=http://{at}/");
    let flags = [
        &url("closes", closes),
        &url("halves", halves),
        &url("hangs", hangs),
        &url("garbage", garbage),
        "--target=nowhere=http://no-such-host.invalid/",
        "--rate=10",
        "--duration=300ms",
        "--fresh=1",
        "--timeout=1s",
    ];
    let report = load(&flags).finished().await;
    for (name, cause) in [
        ("closes", Cause::ClosedBeforeAnswer),
        ("halves", Cause::BadBody),
        ("hangs", Cause::Timeout),
        ("garbage", Cause::BadBody),
        ("nowhere", Cause::Dns),
    ] {
        let target = &report.targets[name];
        assert_books_balance(&target.counts);
        assert_eq!(target.causes.iter().collect::<Vec<_>>(), [(&cause, &3)], "{name}");
    }
}
