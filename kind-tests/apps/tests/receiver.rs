//! The receiver, by its port.
#![allow(clippy::unwrap_used)]

mod common;

use apps::receiver::{Message, Options, start};
use common::{ask, get};
use hyper::Method;

#[tokio::test]
async fn what_was_posted_is_handed_back_in_its_order_by_path() {
    let running = start(Options { port: 0 }).await.unwrap();
    for (path, body) in [("/hook/a", "1"), ("/hook/b", "2"), ("/hook/a", "3")] {
        assert_eq!(ask(Method::POST, running.address, path, body).await.status, 200);
    }
    let taken = get(running.address, "/taken/hook/a").await;
    let taken: Vec<Message> = serde_json::from_value(taken).unwrap();
    let short: Vec<_> = taken.iter().map(|m| (m.number, m.body.as_str())).collect();
    assert_eq!(short, [(1, "1"), (3, "3")]);
}

#[tokio::test]
async fn every_kind_of_receiver_answers_as_it_does() {
    let running = start(Options { port: 0 }).await.unwrap();
    for (path, status, body) in [
        ("/hook/a", 200, "ok"),
        ("/bot/a", 200, r#"{"channel":"C1","ok":true,"ts":"2.000100"}"#),
        ("/workflow/a", 202, ""),
        ("/quiet/a", 204, ""),
        ("/half/a", 500, "every second one fails"),
        ("/half/a", 200, "ok"),
        ("/nobody/a", 404, "post to /hook, /bot, /workflow, /quiet, /half or /hangs, then /NAME"),
    ] {
        let reply = ask(Method::POST, running.address, path, "{}").await;
        assert_eq!((reply.status.as_u16(), &*String::from_utf8_lossy(&reply.body)), (status, body), "{path}");
    }
    let taken = get(running.address, "/taken/half/a").await;
    assert_eq!(taken.as_array().unwrap().len(), 1);
}
