//! Requests through a real proxy, which alone knows where receivers are.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::certificates::{Authority, secure_receiver};
use super::*;

/// What it was asked, head by head.
type Heads = Arc<Mutex<Vec<String>>>;

/// A name that nobody but the proxy can look up.
const NAME: &str = "hooks.example.invalid";

/// A proxy that finds every name on this machine, or answers all with one line. Its port, and what it was asked.
async fn proxy(answer: Option<&'static str>) -> (u16, Heads) {
    let heads = Heads::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = heads.clone();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(serve(caller, answer, asked.clone()));
        }
    });
    (port, heads)
}

async fn serve(mut caller: TcpStream, answer: Option<&'static str>, asked: Heads) -> std::io::Result<()> {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        read.push(caller.read_u8().await?);
    }
    let head = String::from_utf8(read).unwrap();
    asked.lock().unwrap().push(head.clone());
    if let Some(answer) = answer {
        caller.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        return caller.shutdown().await;
    }
    let (method, rest) = head.split_once(' ').unwrap();
    let target = rest.split(' ').next().unwrap();
    let origin = target.trim_start_matches("http://").split('/').next().unwrap();
    let port: u16 = origin.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut receiver = TcpStream::connect(("127.0.0.1", port)).await?;
    if method == "CONNECT" {
        caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        receiver.write_all(head.as_bytes()).await?;
    }
    tokio::io::copy_bidirectional(&mut caller, &mut receiver).await.map(|_| ())
}

/// Both kinds of receivers are asked by the same proxy.
fn by(proxy: &str, no_proxy: &str) -> Proxies {
    let address = Some(format!("http://{proxy}"));
    let no_proxy = Some(no_proxy.to_owned());
    let arguments = ProxyArguments { https_proxy: address.clone(), http_proxy: address, no_proxy };
    Proxies::parse(&arguments, None).unwrap()
}

fn first_lines(heads: &Heads) -> Vec<String> {
    heads.lock().unwrap().iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
}

/// The same receiver by the name that only the proxy knows.
fn named(url: &str) -> (String, String) {
    let port = url.rsplit_once(':').unwrap().1;
    (url.replace("127.0.0.1", NAME), format!("{NAME}:{port}"))
}

#[tokio::test]
async fn an_https_receiver_is_asked_through_a_tunnel_into_which_the_proxy_does_not_see() {
    let authority = Authority::new();
    let (url, host) = named(&secure_receiver(&authority.certify(NAME, 4000), None).await);
    let (port, heads) = proxy(None).await;
    let fields = json!({
        "url": format!("{url}/good"), "timeout": "5s", "ca": {"name": "hook", "key": "ca.crt"},
        "headers": {"x-own": CANARY},
    });
    let secrets = [("hook", json!({"ca.crt": authority.pem()}))];
    let proxies = by(&format!("127.0.0.1:{port}"), "");
    let answer = post_through(&proxies, Egress::default(), fields.clone(), &secrets).await.unwrap();
    assert_eq!((answer.status, answer.first_line().as_deref()), (200, Some("fine")));
    assert_eq!(first_lines(&heads), [format!("CONNECT {host} HTTP/1.1")]);
    assert!(!heads.lock().unwrap()[0].contains(CANARY));
    // What comes out of a tunnel is the receiver's own word.
    let no = json!({"url": format!("{url}/nothing"), "ca": fields["ca"]});
    assert_eq!(post_through(&proxies, Egress::default(), no, &secrets).await.unwrap().status, 404);
    // Nobody else knows the name.
    let problem = post(fields, &secrets).await.unwrap_err();
    says(&problem, Kind::Unreachable, "has no address");
}

#[tokio::test]
async fn the_proxy_does_not_make_another_certificate_good() {
    let (known, other) = (Authority::new(), Authority::new());
    let (url, _) = named(&secure_receiver(&other.certify(NAME, 4000), None).await);
    let (port, _) = proxy(None).await;
    let fields = json!({"url": url, "timeout": "5s", "ca": {"name": "hook", "key": "ca.crt"}});
    let secrets = [("hook", json!({"ca.crt": known.pem()}))];
    let proxies = by(&format!("127.0.0.1:{port}"), "");
    let problem = post_through(&proxies, Egress::default(), fields, &secrets).await.unwrap_err();
    let way = format!("through the proxy http://127.0.0.1:{port} by TLS: its certificate is of nobody known");
    says(&problem, Kind::Unreachable, &way);
}

#[tokio::test]
async fn an_http_receiver_is_asked_by_its_whole_address() {
    let (url, asked) = receiver().await;
    let (url, _) = named(&url);
    let (port, heads) = proxy(None).await;
    let proxies = by(&format!("127.0.0.1:{port}"), "");
    let fields = json!({"url": format!("{url}/good")});
    let answer = post_through(&proxies, Egress::default(), fields, &[]).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(first_lines(&heads), [format!("POST {url}/good HTTP/1.1")]);
    assert_eq!(asked.lock().unwrap()[0].1, b"{}");
}

#[tokio::test]
async fn a_proxy_beside_the_controller_may_be_named_and_is_given_its_password() {
    let (url, _) = receiver().await;
    let (url, _) = named(&url);
    let (port, heads) = proxy(None).await;
    let proxies = by(&format!("sluice:pl4nted@localhost:{port}"), "");
    post_through(&proxies, Egress::default(), json!({"url": format!("{url}/good")}), &[]).await.unwrap();
    let basic = "proxy-authorization: basic c2x1awnlonbsng50zwq=";
    assert!(heads.lock().unwrap()[0].to_lowercase().contains(basic), "{heads:?}");
}

#[tokio::test]
async fn what_is_excepted_is_asked_without_the_proxy() {
    let (url, asked) = receiver().await;
    let (port, heads) = proxy(None).await;
    let proxies = by(&format!("127.0.0.1:{port}"), "127.0.0.0/8");
    post_through(&proxies, HERE, json!({"url": format!("{url}/good")}), &[]).await.unwrap();
    assert_eq!((asked.lock().unwrap().len(), first_lines(&heads)), (1, vec![]));
    // Its address is checked as ever.
    let problem = post_through(&proxies, Egress::default(), json!({"url": url}), &[]).await.unwrap_err();
    says(&problem, Kind::Misconfigured, "where no request is sent");
}

#[tokio::test]
async fn no_proxy_is_asked_for_the_host_itself_or_a_metadata_service() {
    let (port, heads) = proxy(Some("200 OK")).await;
    let proxies = by(&format!("127.0.0.1:{port}"), "");
    for scheme in ["http", "https"] {
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "[::1]",
            "169.254.169.254",
            "2852039166",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[fd00:ec2::254]",
            "168.63.129.16",
            "0.0.0.0",
            "localhost",
            "a.localhost.",
            "metadata.google.internal",
            "METADATA.google.internal.",
            "metadata.goog",
            "instance-data.ec2.internal",
        ] {
            let fields = json!({"url": format!("{scheme}://{host}/latest")});
            let problem = post_through(&proxies, Egress::default(), fields, &[]).await.unwrap_err();
            says(&problem, Kind::Misconfigured, "where no request is sent");
        }
    }
    assert_eq!(first_lines(&heads), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_opens_no_way_is_told_as_such_and_is_no_verdict() {
    let refusals = [
        ("403 Forbidden", "the proxy refuses, or cannot reach it"),
        ("502 Bad Gateway", "the proxy refuses, or cannot reach it"),
        ("407 Proxy Authentication Required", "the proxy wants a name and a password"),
    ];
    for (answer, words) in refusals {
        let (port, _) = proxy(Some(answer)).await;
        let proxies = by(&format!("sluice:{CANARY}@127.0.0.1:{port}"), "");
        let fields = json!({"url": format!("https://{NAME}/x")});
        let problem = post_through(&proxies, HERE, fields, &[]).await.unwrap_err();
        let way = format!("cannot ask https://{NAME} ({WHOSE}) through the proxy http://127.0.0.1:{port}: {words}");
        says(&problem, Kind::Unreachable, &way);
    }
}

#[tokio::test]
async fn what_may_be_a_proxys_own_refusal_is_no_verdict() {
    let answered = async |answer| {
        let (port, _) = proxy(Some(answer)).await;
        let proxies = by(&format!("127.0.0.1:{port}"), "");
        post_through(&proxies, HERE, json!({"url": format!("http://{NAME}/x")}), &[]).await
    };
    for answer in ["400 Bad Request", "403 Forbidden", "407 Proxy Authentication Required", "429 Too Many Requests"] {
        says(&answered(answer).await.unwrap_err(), Kind::Unreachable, "which may be the proxy's own word");
    }
    for (answer, status) in [("200 OK", 200), ("307 Temporary Redirect", 307), ("503 Service Unavailable", 503)] {
        assert_eq!(answered(answer).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_proxy_that_is_away_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let problem =
        post_through(&by(&free.to_string(), ""), HERE, json!({"url": format!("https://{NAME}/x")}), &[]).await;
    let words = format!("cannot connect to https://{NAME} ({WHOSE}) through the proxy http://{free}: ");
    says(&problem.unwrap_err(), Kind::Unreachable, &words);
}
