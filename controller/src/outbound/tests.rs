//! Requests to a real server on this machine.

mod certificates;
mod paper;
mod proxies;
mod secrets;
mod trust;

use std::time::{Duration, Instant};

use chrono::DateTime;
use crds::endpoint::Endpoint;
use serde_json::{Value, json};

use super::*;
use paper::{CANARY, cluster, receiver};

const WHOSE: &str = "gate load of RolloutPolicy shop/front";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const HERE: Egress = Egress { loopback: true };

fn endpoint(fields: Value) -> Endpoint {
    serde_json::from_value(fields).unwrap()
}

/// Opens and posts an empty object, with Secrets by name.
async fn post(fields: Value, secrets: &[(&'static str, Value)]) -> Result<Answer, Problem> {
    post_through(&Proxies::default(), HERE, fields, secrets).await
}

/// The same by proxies.
async fn post_through(
    proxies: &Proxies,
    egress: Egress,
    fields: Value,
    secrets: &[(&'static str, Value)],
) -> Result<Answer, Problem> {
    let letter = Letter {
        namespace: "shop".into(),
        endpoint: endpoint(fields),
        whose: WHOSE.into(),
        content_type: "application/json",
        body: b"{}".to_vec(),
        at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        traceparent: Some(TRACE.into()),
    };
    open(&cluster(secrets), "shop", &letter.endpoint, WHOSE, egress, proxies).await?.post(letter).await
}

/// What a problem says; never a value of a Secret.
fn says(problem: &Problem, kind: Kind, words: &str) {
    assert_eq!(problem.kind, kind, "{problem}");
    assert!(problem.message.contains(words), "{problem}");
    assert!(!problem.message.contains(CANARY), "{problem}");
}

#[tokio::test]
async fn the_receiver_learns_of_the_trace_that_it_is_a_part_of_unless_the_user_names_another() {
    let (url, asked) = receiver().await;
    let theirs = TRACE.replace('b', "c");
    post(json!({"url": format!("{url}/good")}), &[]).await.unwrap();
    post(json!({"url": format!("{url}/good"), "headers": {"Traceparent": theirs}}), &[]).await.unwrap();
    let asked = asked.lock().unwrap();
    let heard: Vec<Vec<_>> = asked.iter().map(|(headers, _)| headers.get_all("traceparent").iter().collect()).collect();
    assert_eq!(heard, [vec![TRACE], vec![theirs.as_str()]]);
}

#[tokio::test]
async fn an_answer_is_told_as_it_was_given() {
    let (url, _) = receiver().await;
    let answer = |path: &str| post(json!({"url": format!("{url}/{path}")}), &[]);
    let good = answer("good").await.unwrap();
    assert_eq!((good.status, good.is_success(), good.first_line().as_deref()), (200, true, Some("fine")));
    let broken = answer("broken").await.unwrap();
    assert_eq!((broken.status, broken.is_success()), (500, false));
    assert_eq!(answer("garbage").await.unwrap().first_line().unwrap(), "\u{fffd}\u{fffd}");
    let busy = answer("busy").await.unwrap();
    assert_eq!((busy.status, busy.retry_after), (429, Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_never_followed() {
    let (url, asked) = receiver().await;
    for path in ["to-metadata", "to-itself"] {
        assert_eq!(post(json!({"url": format!("{url}/{path}")}), &[]).await.unwrap().status, 307);
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_long_body_is_read_up_to_its_bound() {
    let (url, _) = receiver().await;
    let huge = post(json!({"url": format!("{url}/huge")}), &[]).await.unwrap();
    assert_eq!((huge.body.len(), huge.truncated), (64 * 1024, true));
    let full = post(json!({"url": format!("{url}/full")}), &[]).await.unwrap();
    assert_eq!((full.body.len(), full.truncated), (64 * 1024, false));
    let endless = post(json!({"url": format!("{url}/endless")}), &[]).await.unwrap();
    assert_eq!((endless.body.len(), endless.truncated), (64 * 1024, true));
}

#[tokio::test]
async fn a_slow_answer_ends_at_the_deadline_also_when_only_its_body_is_slow() {
    let (url, _) = receiver().await;
    for path in ["slow", "drip"] {
        let begun = Instant::now();
        let problem = post(json!({"url": format!("{url}/{path}"), "timeout": "200ms"}), &[]).await.unwrap_err();
        says(&problem, Kind::Unreachable, &format!("{url} ({WHOSE}) did not answer within 200ms"));
        assert!(begun.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(format!("220 {CANARY} ESMTP\r\n").as_bytes()).await;
        }
    });
    says(&post(json!({"url": url}), &[]).await.unwrap_err(), Kind::Unreachable, "no whole answer came from http://127");
    let gone = json!({"url": "http://127.0.0.1:1"});
    says(&post(gone, &[]).await.unwrap_err(), Kind::Unreachable, "cannot connect to http://127.0.0.1:1 (gate load");
}

#[tokio::test]
async fn addresses_of_the_host_itself_and_of_metadata_services_are_refused_by_address_and_by_name() {
    let refused =
        async |url: &str| post_through(&Proxies::default(), Egress::default(), json!({"url": url}), &[]).await;
    let (url, asked) = receiver().await;
    let by_name = url.replace("127.0.0.1", "localhost");
    for url in
        [url.as_str(), by_name.as_str(), "http://169.254.169.254/latest/meta-data", "http://[::1]:80", "http://0x7f.1"]
    {
        says(&refused(url).await.unwrap_err(), Kind::Misconfigured, "where no request is sent");
    }
    assert!(asked.lock().unwrap().is_empty());
    says(&refused("http://nobody.invalid").await.unwrap_err(), Kind::Unreachable, "nobody.invalid has no address");
}

#[tokio::test]
async fn a_signed_request_is_verified_by_whoever_has_the_key() {
    use hmac::Mac as _;
    let (url, asked) = receiver().await;
    let fields = json!({"url": format!("{url}/good"), "signature": {"name": "hook", "key": "k"}});
    post(fields, &[("hook", json!({"k": "pl4nted-c4nary-key\n"}))]).await.unwrap();
    let (headers, body) = asked.lock().unwrap()[0].clone();
    assert_eq!((headers["sluice-timestamp"].as_bytes(), body.as_slice()), (&b"1700000000"[..], &b"{}"[..]));
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"pl4nted-c4nary-key").unwrap();
    mac.update(headers["sluice-timestamp"].as_bytes());
    mac.update(b".");
    mac.update(&body);
    let hex = headers["sluice-signature"].to_str().unwrap().strip_prefix("v1=").unwrap();
    let sent: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    mac.verify_slice(&sent).unwrap();
}

#[tokio::test]
async fn an_unsigned_request_says_nothing_of_signatures() {
    let (url, asked) = receiver().await;
    post(json!({"url": format!("{url}/good")}), &[]).await.unwrap();
    let (headers, _) = asked.lock().unwrap()[0].clone();
    assert!(!headers.contains_key("sluice-signature") && !headers.contains_key("sluice-timestamp"));
    assert_eq!(
        (&headers["content-type"], &headers["user-agent"]),
        (&"application/json".parse().unwrap(), &"sluice/0.1.0".parse().unwrap())
    );
}
