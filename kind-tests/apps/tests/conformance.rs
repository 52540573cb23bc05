//! The conformance program against the test application and a Redis server.
#![allow(clippy::unwrap_used)]

mod common;

use common::{app, program, redis};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sluice-conformance");

struct Told {
    code: i32,
    out: String,
    err: String,
}

async fn run(args: &[&str]) -> Told {
    let output = program(PROGRAM, args.iter().map(|arg| (*arg).to_owned()).collect()).await;
    Told {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn all_checks_pass_against_a_good_candidate() {
    let app = app(&[]).await;
    let base = format!("--base=http://127.0.0.1:{}", app.address.port());
    let told = run(&[
        "run",
        &base,
        "ready: GET /readyz -> 200",
        "version: GET /version -> 200 json:/version=${EXPECTED_VERSION}",
        "echo: POST /echo {\"a\": [1, 2]} -> 2xx json:/a/1=2 not-contains:\"call failed\"",
        "conformance: GET /conformance -> 200 contains:ok",
    ])
    .await;
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let want = "TAP version 13\n1..4\nok 1 - ready\nok 2 - version\nok 3 - echo\nok 4 - conformance\n";
    assert_eq!(told.out, want);
}

#[tokio::test]
async fn a_failed_check_says_what_was_expected_and_what_came() {
    let app = app(&["--fail-conformance"]).await;
    let base = format!("--base=http://127.0.0.1:{}", app.address.port());
    let checks = ["version: GET /version -> 200 json:/version=9", "conformance: GET /conformance -> 200"];
    let told = run(&["run", &base, "ready: GET /readyz -> 200", checks[0], checks[1]]).await;
    assert_eq!(told.code, 1);
    for line in [
        "ok 1 - ready",
        "not ok 2 - version",
        "    - expected: \"9 at /version\"",
        "      got: \"6.9.1\"",
        "not ok 3 - conformance",
    ] {
        assert!(told.out.lines().any(|l| l == line), "{line} is missing in\n{}", told.out);
    }
    let told = run(&["run", &base, "--junit", "--suite=web", checks[1]]).await;
    assert_eq!(told.code, 1);
    assert!(told.out.contains("<testsuite name=\"web\" tests=\"1\" failures=\"1\""), "{}", told.out);
}

#[tokio::test]
async fn a_candidate_that_cannot_be_reached_fails_every_check() {
    let args = ["run", "--base=http://127.0.0.1:1", "--wait=300ms", "a: GET / -> 200", "b: GET / -> 200"];
    let told = run(&args).await;
    assert_eq!(told.code, 1);
    assert_eq!(told.out.matches("not ok").count(), 2, "{}", told.out);
    assert!(told.out.contains("refused"), "{}", told.out);
}

#[tokio::test]
async fn a_wrong_command_line_is_neither_a_pass_nor_a_failure() {
    for args in [
        &["run", "--base=http://127.0.0.1:1"][..],
        &["run", "--base=http://127.0.0.1:1", "GET / -> 200"],
        &["run", "--base=http://127.0.0.1:1", "a: GET / -> 200 contains:${UNSET}"],
        &["run", "a: GET / -> 200"],
        &["redis"],
    ] {
        let told = run(args).await;
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{args:?}");
        assert!(told.err.contains("error:"), "{args:?}: {}", told.err);
    }
}

#[tokio::test]
async fn a_redis_server_is_checked_by_using_it() {
    let (address, _server) = redis("7.2.4", "run-1").await;
    let addr = format!("--addr={address}");
    let told = run(&["redis", &addr, "--expect-version=7.2.4", "--rebuild"]).await;
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.starts_with("TAP version 13\n1..8\nok 1 - answers PING\n"), "{}", told.out);

    let told = run(&["redis", &addr, "--expect-version=8.0.0"]).await;
    assert_eq!(told.code, 1);
    assert!(told.out.contains("not ok 4 - has the expected version"), "{}", told.out);
    assert!(told.out.contains("got: \"7.2.4\""), "{}", told.out);
}

#[tokio::test]
async fn a_redis_server_that_is_away_fails_every_check() {
    let told = run(&["redis", "--addr=127.0.0.1:1", "--wait=200ms", "--rebuild"]).await;
    assert_eq!(told.code, 1);
    assert_eq!(told.out.matches("not ok").count(), 7, "{}", told.out);
}
