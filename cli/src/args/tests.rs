use clap::error::ErrorKind;

use super::*;

fn parsed(line: &str) -> Result<Arguments, clap::Error> {
    parse(line.split(' ').map(OsString::from).collect()).map(|(arguments, _)| arguments)
}

fn wrong(line: &str) -> (ErrorKind, String) {
    let error = parsed(line).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_definition_has_no_contradiction() {
    command("sluice").debug_assert();
}

#[test]
fn the_help_names_the_program_as_it_was_called() {
    for (called, named) in [("/usr/bin/kubectl-sluice", "kubectl sluice"), ("sluice", "sluice"), ("./other", "sluice")]
    {
        assert_eq!(program(Some(&called.into())), named);
        let (kind, help) = wrong(&format!("{called} get --help"));
        assert_eq!(kind, ErrorKind::DisplayHelp);
        assert!(help.contains(&format!("Usage: {named} get")), "{help}");
    }
}

#[test]
fn flags_of_the_cluster_stand_before_or_after_the_command() {
    for line in [
        "sluice -n shop --as ann --as-group a --as-group b get x",
        "sluice get x -n shop --as ann --as-group a --as-group b",
    ] {
        let connection = parsed(line).unwrap().connection;
        assert_eq!(connection.namespace.as_deref(), Some("shop"));
        assert_eq!((connection.impersonate.as_deref(), connection.groups.len()), (Some("ann"), 2));
    }
    assert_eq!(wrong("sluice get --as-group a").0, ErrorKind::MissingRequiredArgument);
}

#[test]
fn what_contradicts_itself_is_refused() {
    for line in [
        "sluice get x -A",
        "sluice get -A -n shop",
        "sluice wait x --for-image a --for-digest 3f9c01d2",
        "sluice status x --watch -o json",
        "sluice plan x -f y",
    ] {
        assert_eq!(wrong(line).0, ErrorKind::ArgumentConflict, "{line}");
    }
    for line in ["sluice plan", "sluice approve x", "sluice lint", "sluice wait"] {
        assert_eq!(wrong(line).0, ErrorKind::MissingRequiredArgument, "{line}");
    }
}

#[test]
fn times_are_written_as_everywhere_else() {
    let Command::Wait(wait) = parsed("sluice wait x --timeout 1h30m").unwrap().command else { panic!() };
    assert_eq!(wait.timeout, Duration::from_secs(5400));
    assert!(wrong("sluice wait x --timeout 90").1.contains("must be a duration"));
}

#[test]
fn a_digest_of_an_image_is_told_from_that_of_a_revision() {
    let full = format!("sha256:{}", "3f9c01d2".repeat(8));
    for good in [full.as_str(), "3f9c01d2"] {
        parsed(&format!("sluice wait x --for-digest {good}")).unwrap();
    }
    for bad in ["latest", "3f9c01d", "3F9C01D2", "shop@sha256:1"] {
        let (kind, words) = wrong(&format!("sluice wait x --for-digest {bad}"));
        assert!(kind == ErrorKind::ValueValidation && words.contains("--for-image"), "{words}");
    }
}
