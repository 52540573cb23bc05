//! How a command ends, and what is said when it does not end well.

use std::{fmt, io, process::ExitCode};

use kube::core::Status;

/// How a command ends. The numbers are an interface: scripts compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked for; for `wait`, the version is delivered and serves.
    Done = 0,
    /// Something failed: no connection, no right, no such object.
    Error = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The version was taken back, ended by a person or rejected.
    Bad = 3,
    /// There was no evidence in time, or the version is held: a person must decide.
    Person = 4,
    /// What was waited for did not come in time.
    Timeout = 5,
    /// Another version was wished for.
    Superseded = 6,
}

impl Exit {
    /// Every way to end, for the documentation.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Done, "done; `wait`: the version is delivered and serves"),
        (
            Self::Error,
            "something failed: no connection, no right, no such object, a decision without effect, a file that `lint` finds fault with",
        ),
        (Self::Usage, "the command line cannot be understood, or asks for something that Sluice does not do"),
        (Self::Bad, "`wait`: the version was taken back, aborted or rejected"),
        (Self::Person, "`wait`: the release is Inconclusive or Held, so a person must decide"),
        (Self::Timeout, "the time given by --timeout is over"),
        (Self::Superseded, "`wait`: another version was wished for meanwhile"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended otherwise than asked for, in words for the one who gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The code it ends with.
    pub exit: Exit,
    /// What was attempted, with what, and what to do; empty where nobody listens any more.
    pub message: String,
}

impl Failure {
    /// Something failed.
    pub fn error(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into() }
    }

    /// The command line asks for something that there is not.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Writing failed. Whoever closes the pipe has seen enough: that is no error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, message: String::new() };
        }
        Self::error(format!("writing the output: {error}"))
    }
}

/// What the API server, or the way to it, says against an attempt, such as `reading RolloutPolicy shop`.
pub fn refused(attempt: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => answered(attempt, status),
        kube::Error::SerdeError(wrong) => Failure::error(format!(
            "{attempt}: the answer cannot be understood: {wrong}; take the version of this program that Sluice has in the cluster"
        )),
        other => Failure::error(format!(
            "{attempt}: the API server cannot be reached: {}; look at --kubeconfig and --context, and whether `kubectl version` answers",
            causes(other)
        )),
    }
}

fn answered(attempt: &str, status: &Status) -> Failure {
    let said = status.message.trim();
    let advice = match status.code {
        404 if missing_kind(status) => {
            "this cluster does not know Sluice's resources: install Sluice (docs/installation.md), or choose another cluster with --context"
        }
        401 => "log in again, or choose other credentials with --context",
        // The admission policy names the Role itself.
        403 if said.contains("ask for a Role") => "",
        403 => {
            "ask for a Role with this right; the ClusterRoles sluice-view, sluice-edit and sluice-operate have those that Sluice knows"
        }
        _ => "",
    };
    let end = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    Failure::error(format!("{attempt}: {said}{end}"))
}

/// A path that the API server does not know, and not just an object.
pub fn missing_kind(status: &Status) -> bool {
    status.code == 404
        && (status.message.contains("could not find the requested resource")
            || status.message.contains("page not found"))
}

/// An error and what it comes from, without saying anything twice.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status { code, message: message.into(), ..Status::default() }))
    }

    #[test]
    fn a_cluster_without_sluice_is_told_from_an_object_that_is_missing() {
        let none = refused("listing RolloutPolicies", &status(404, "the server could not find the requested resource"));
        assert!(none.message.contains("install Sluice"), "{none}");
        let one = refused("reading Release a", &status(404, "releases.sluice.dev \"a\" not found"));
        assert!(!one.message.contains("install Sluice"), "{one}");
    }

    #[test]
    fn a_right_that_lacks_is_named_with_the_roles_that_have_it() {
        let said = "rolloutpolicies.sluice.dev is forbidden: User \"ann\" cannot list resource \"rolloutpolicies\"";
        let failure = refused("listing RolloutPolicies in namespace shop", &status(403, said));
        assert!(failure.message.contains(said) && failure.message.contains("sluice-view"), "{failure}");
        let policy = "you may not Abort release a: ask for a Role with the verb abort";
        assert!(!refused("deciding", &status(403, policy)).message.contains("sluice-view"));
    }

    #[test]
    fn an_answer_of_another_version_is_no_lack_of_a_connection() {
        let wrong = serde_json::from_str::<crds::journal::Phase>("\"Resting\"").unwrap_err();
        let said = refused("reading Release a", &kube::Error::SerdeError(wrong)).message;
        assert!(said.contains("Resting") && said.contains("version") && !said.contains("reached"), "{said}");
    }

    #[test]
    fn a_pipe_that_is_closed_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Done, ""));
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Error);
    }

    #[test]
    fn the_codes_are_documented_in_their_order() {
        for (n, (exit, _)) in Exit::ALL.iter().enumerate() {
            assert_eq!(*exit as usize, n);
        }
    }
}
