//! What a test is told: where the revisions are and which they are.

use crds::suite::SuiteEnv;
use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVar, EnvVarSource};

use super::{JobInput, Target};

/// Prefix of the names that are ours.
const OURS: &str = "SLUICE_";

/// By which programs learn of the trace that they are a part of,
/// <https://opentelemetry.io/docs/specs/otel/context/env-carriers/>.
const TRACEPARENT: &str = "TRACEPARENT";

/// The whole environment, ours first: Kubernetes replaces `$(NAME)` in a value only by variables that stand before it.
pub(super) fn environment(input: &JobInput<'_>) -> Vec<EnvVar> {
    let ours = Told {
        candidate: input.candidate,
        stable: input.stable,
        revision: input.revision,
        digest: input.digest,
        step: input.key.step,
        release: input.release,
    };
    let trace = input.traceparent.map(|parent| variable(TRACEPARENT.into(), parent));
    let ours = ours.variables().into_iter().chain(trace);
    let theirs = input.suite.env.iter().flatten().filter(|env| !env.name.starts_with(OURS));
    ours.map(|(name, value)| EnvVar { name, value: Some(value), value_from: None }).chain(theirs.map(given)).collect()
}

/// What a test is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The revision that is tested.
    pub candidate: Target<'a>,
    /// The revision that serves, where there is one.
    pub stable: Option<Target<'a>>,
    /// Short id of the candidate.
    pub revision: &'a str,
    /// Full digest of the candidate.
    pub digest: &'a str,
    /// The step, counted from 1, where there is one.
    pub step: Option<u32>,
    /// The release.
    pub release: &'a str,
}

impl Told<'_> {
    /// Names and values.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut all = target("CANDIDATE", &self.candidate);
        if let Some(stable) = &self.stable {
            all.extend(target("STABLE", stable));
        }
        all.extend([
            variable("SLUICE_REVISION".into(), self.revision),
            variable("SLUICE_DIGEST".into(), self.digest),
            variable("SLUICE_STEP".into(), &self.step.map(|step| step.to_string()).unwrap_or_default()),
            variable("SLUICE_RELEASE".into(), self.release),
        ]);
        all
    }
}

fn target(whose: &str, target: &Target<'_>) -> Vec<(String, String)> {
    let mut all = vec![variable(format!("SLUICE_{whose}_HOST"), target.host)];
    for (name, number, _) in target.ports {
        let name = match name.as_str() {
            "" => format!("SLUICE_{whose}_PORT"),
            name => format!("SLUICE_{whose}_PORT_{}", name.to_ascii_uppercase().replace('-', "_")),
        };
        all.push(variable(name, &number.to_string()));
    }
    if let Some(url) = url(target) {
        all.push(variable(format!("SLUICE_{whose}_URL"), &url));
    }
    all
}

/// Where HTTP is spoken: the first port that says so, HTTPS only after HTTP; else port 80, port 8080 or the first.
fn url(target: &Target<'_>) -> Option<String> {
    let ports = target.ports;
    let secure = |name: &str| name.starts_with("https");
    let http = ports.iter().find(|(name, _, http)| *http || (name.starts_with("http") && !secure(name)));
    let https = || ports.iter().find(|(name, ..)| secure(name));
    let number = |wanted| ports.iter().find(move |(_, number, _)| *number == wanted);
    let found = http.or_else(https).or_else(|| number(80)).or_else(|| number(8080)).or(ports.first());
    found.map(|(name, number, http)| {
        let scheme = if secure(name) && !http { "https" } else { "http" };
        format!("{scheme}://{}:{number}", target.host)
    })
}

fn variable(name: String, value: &str) -> (String, String) {
    (name, value.to_owned())
}

fn given(env: &SuiteEnv) -> EnvVar {
    let from = env.config_map.as_ref().map(|from| EnvVarSource {
        config_map_key_ref: Some(ConfigMapKeySelector {
            name: from.name.clone(),
            key: from.key.clone(),
            optional: None,
        }),
        ..Default::default()
    });
    EnvVar { name: env.name.clone(), value: env.value.clone(), value_from: from }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(ports: &[(&str, i32, bool)]) -> Option<String> {
        let ports: Vec<_> = ports.iter().map(|(name, number, http)| ((*name).to_owned(), *number, *http)).collect();
        url(&Target { host: "h", ports: &ports })
    }

    #[test]
    fn the_url_is_that_of_the_first_http_port() {
        for (ports, expected) in [
            (&[("grpc", 9999, false), ("http", 9898, false)][..], "http://h:9898"),
            (&[("https", 443, false), ("http-api", 81, false)], "http://h:81"),
            (&[("https", 443, false), ("grpc", 9999, false)], "https://h:443"),
            (&[("grpc", 9999, false), ("web", 3000, true)], "http://h:3000"),
            (&[("grpc", 9999, false), ("web", 80, false)], "http://h:80"),
            (&[("grpc", 9999, false), ("web", 8080, false)], "http://h:8080"),
            (&[("", 3000, false)], "http://h:3000"),
        ] {
            assert_eq!(url_of(ports).as_deref(), Some(expected), "{ports:?}");
        }
        assert_eq!(url_of(&[]), None);
    }

    #[test]
    fn a_port_without_a_name_has_a_variable_without_one() {
        let ports = [(String::new(), 3000, false)];
        let all = target("CANDIDATE", &Target { host: "h", ports: &ports });
        assert!(all.contains(&variable("SLUICE_CANDIDATE_PORT".into(), "3000")));
    }
}
