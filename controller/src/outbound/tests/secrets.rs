//! What is sent of Secrets, and what is said of those that are wrong.

use super::*;

#[tokio::test]
async fn what_secrets_hold_is_sent_and_wins_over_what_is_in_the_open() {
    let (url, asked) = receiver().await;
    let fields = json!({
        "urlFrom": {"name": "hook", "key": "url"},
        "headers": {"X-Team": "shop", "X-Api-Key": "open"},
        "headersFrom": {"name": "keys"},
        "bearerToken": {"name": "hook", "key": "token"},
    });
    let hook = json!({"url": format!("{url}/good\n"), "token": "t0ken\n"});
    post(fields, &[("hook", hook), ("keys", json!({"X-Api-Key": "hidden\n"}))]).await.unwrap();
    let (headers, _) = asked.lock().unwrap()[0].clone();
    assert_eq!(headers["x-team"], "shop");
    assert_eq!(headers.get_all("x-api-key").iter().collect::<Vec<_>>(), ["hidden"]);
    assert_eq!(headers["authorization"], "Bearer t0ken");
}

#[tokio::test]
async fn what_cannot_be_asked_says_what_to_do_and_no_secret() {
    use Kind::{Misconfigured, Unreachable};
    let with = |key: &str, value: Value| {
        let mut fields = json!({"url": "https://127.0.0.1:1", "timeout": "1s"});
        fields[key] = value;
        fields
    };
    let (of, own) = (json!({"name": "hook", "key": "k"}), json!({"name": "hook"}));
    let holds = |text: &str| vec![("hook", json!({"k": text}))];
    let pair = vec![("hook", json!({"tls.crt": CANARY, "tls.key": CANARY}))];
    for (fields, secrets, kind, words) in [
        (json!({}), vec![], Misconfigured, "gate load of RolloutPolicy shop/front has no address: give it exactly one"),
        (
            with("url", json!("ftp://a")),
            vec![],
            Misconfigured,
            "url of gate load of RolloutPolicy shop/front is no http",
        ),
        (
            json!({"urlFrom": of}),
            vec![],
            Misconfigured,
            "Secret shop/hook, which gate load of RolloutPolicy shop/front names, is missing: create it with k",
        ),
        (
            json!({"urlFrom": of}),
            holds("pl4nted-c4nary"),
            Misconfigured,
            "key k of Secret shop/hook, the address of gate",
        ),
        (
            json!({"urlFrom": of}),
            holds("http://127.0.0.1:1/pl4nted-c4nary"),
            Unreachable,
            "cannot connect to http://127.0.0.1:1 (gate",
        ),
        (json!({"urlFrom": of}), holds("http://169.254.169.254/pl4nted-c4nary"), Misconfigured, "metadata service"),
        (json!({"urlFrom": of}), vec![("hook", json!({}))], Misconfigured, "has no key k: add it"),
        (json!({"urlFrom": of}), vec![("hook", json!(403))], Misconfigured, "may not be read: allow the controller"),
        (
            json!({"urlFrom": of}),
            vec![("hook", json!(500))],
            Unreachable,
            "cannot read Secret shop/hook: the API server answered 500",
        ),
        (with("headers", json!({"a b": "c"})), vec![], Misconfigured, "the header a b of gate load"),
        (with("headers", json!({"X-Key": "a\nb"})), vec![], Misconfigured, "the header X-Key of gate load"),
        (
            with("headers", json!({"Content-Length": "1"})),
            vec![],
            Misconfigured,
            "is the controller's to set: remove it",
        ),
        (
            with("headers", json!({"sluice-signature": "v1="})),
            vec![],
            Misconfigured,
            "is the controller's to set: remove it",
        ),
        (
            with("headersFrom", own.clone()),
            vec![("hook", json!({"X-Key": "pl4nted-c4nary\u{1}"}))],
            Misconfigured,
            "the header X-Key",
        ),
        (with("bearerToken", of.clone()), holds("pl4nted-c4nary\u{1}"), Misconfigured, "characters that no header"),
        (
            with("ca", of.clone()),
            holds(CANARY),
            Misconfigured,
            "the ca of gate load of RolloutPolicy shop/front, holds no certificates",
        ),
        (
            with("clientCertificate", own),
            pair,
            Misconfigured,
            "are no certificate and its private key: write both as PEM",
        ),
        (
            with("signature", of),
            holds("\n"),
            Misconfigured,
            "the signature of gate load of RolloutPolicy shop/front, is empty",
        ),
    ] {
        says(&post(fields, &secrets).await.unwrap_err(), kind, words);
    }
}
