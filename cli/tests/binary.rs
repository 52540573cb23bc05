//! The binary itself: help, codes and streams.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sluice"));
    command.env("KUBECONFIG", "/nonexistent/kubeconfig").env_remove("KUBERNETES_SERVICE_HOST");
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program().args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_help_is_an_answer_and_names_the_plugin() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("Usage: kubectl sluice [OPTIONS] <COMMAND>"), "{out}");
    for hidden in ["markdown", "  man "] {
        assert!(!out.contains(hidden), "{hidden}");
    }
    let (code, out, _) = run(&["wait", "--help"]);
    assert!(code == Some(0) && out.contains("--for-image <IMAGE>") && out.contains("[default: 30m]"), "{out}");
}

#[test]
fn a_link_gives_the_binary_another_name() {
    let folder = std::env::temp_dir().join(format!("sluice-binary-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join("sluice");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-sluice"), &link).unwrap();
    let out = Command::new(&link).arg("--help").output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().contains("Usage: sluice [OPTIONS] <COMMAND>"));
}

#[test]
fn a_command_line_that_cannot_be_understood_ends_with_2() {
    for arguments in [
        &["gett"][..],
        &[],
        &["wait"],
        &["get", "-o", "xml"],
        &["pause", "x", "--timeout", "soon"],
        &["wait", "x", "--for-digest", "latest"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
    }
}

#[test]
fn a_kubeconfig_that_is_missing_is_named_with_what_to_do() {
    let (code, out, err) = run(&["get"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("error: reading the kubeconfig: ") && err.contains("--kubeconfig"), "{err}");
}

#[test]
fn data_goes_to_standard_output_without_colours() {
    let (code, out, err) = run(&["version"]);
    assert_eq!((code, out, err), (Some(0), format!("kubectl sluice {}\n", env!("CARGO_PKG_VERSION")), String::new()));
    let (code, out, _) = run(&["completion", "bash"]);
    assert!(code == Some(0) && out.contains("kubectl-sluice"), "{out}");
    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/../kind-tests/tests/crds/good/policy-minimal.yaml");
    let (code, out, err) = run(&["plan", "-f", good]);
    assert!(code == Some(0) && out.contains("Promoting") && !out.contains('\u{1b}'), "{out}{err}");
}

#[test]
fn faults_end_with_1_and_none_with_0() {
    let lint = |text: &str| {
        let mut child = program()
            .args(["lint", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    };
    let (code, out, err) =
        lint("apiVersion: sluice.dev/v1alpha1\nkind: RolloutPolicy\nmetadata: {name: a}\nspec: {wrkload: {}}\n");
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("-:1: RolloutPolicy a: spec.wrkload: there is no such field (did you mean workload?)"),
        "{out}"
    );
    let (code, out, err) = lint("apiVersion: v1\nkind: Service\n");
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
}

#[test]
fn nobody_who_reads_on_is_no_error() {
    let mut child =
        program().args(["completion", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), String::from_utf8(stderr).unwrap()), (Some(0), String::new()));
}

/// Answers one request with this, and returns its head.
fn answering(status: &'static str, body: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let head: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let length = body.len();
        let head_of_answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head_of_answer}{body}").as_bytes()).unwrap();
        head.join("\n").to_lowercase()
    });
    (port, served)
}

fn asking(port: u16, arguments: &[&str]) -> (Option<i32>, String) {
    let path = std::env::temp_dir().join(format!("sluice-asking-{}-{port}", std::process::id()));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {{name: a, context: {{cluster: c, user: u, namespace: shop}}}}\nclusters:\n- {{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}\nusers:\n- {{name: u, user: {{}}}}\n"
    );
    std::fs::write(&path, text).unwrap();
    let Output { status, stderr, .. } = program().env("KUBECONFIG", &path).args(arguments).output().unwrap();
    std::fs::remove_file(path).unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn one_asks_as_somebody_else_where_that_is_wanted_and_hears_which_right_lacks() {
    let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"rolloutpolicies.sluice.dev is forbidden: User \"ann\" cannot list resource","reason":"Forbidden","code":403}"#;
    let (port, served) = answering("403 Forbidden", body);
    let (code, said) = asking(port, &["get", "--as", "ann", "--as-group", "one", "--as-group", "two"]);
    let head = served.join().unwrap();
    for line in [
        "get /apis/sluice.dev/v1alpha1/namespaces/shop/rolloutpolicies",
        "impersonate-user: ann",
        "impersonate-group: one",
        "impersonate-group: two",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot list resource") && said.contains("sluice-view"), "{said}");
}

#[test]
fn a_cluster_without_sluice_is_told() {
    let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","code":404}"#;
    for body in [body, "404 page not found\n"] {
        let (port, served) = answering("404 Not Found", body);
        let (code, said) = asking(port, &["get"]);
        served.join().unwrap();
        assert!(code == Some(1) && said.contains("install Sluice"), "{said}");
    }
}

#[test]
fn a_cluster_that_cannot_be_reached_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, said) = asking(port, &["get"]);
    assert!(code == Some(1) && said.contains("cannot be reached") && said.contains("--context"), "{said}");
}
