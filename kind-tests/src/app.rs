//! An application and its policy, written as a sentence.

mod front;
pub mod manifests;
mod policy;

use serde_json::{Value, json};

pub use front::Front;

/// A Deployment, its Service, its RolloutPolicy and its ConformanceSuite, all of one name.
///
/// Everything is quick unless told otherwise: a change counts after 1 s, endpoints are taken to have reached every node
/// after 2 s, pods drain for 2 s, the old version is kept for 3 s.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) name: String,
    kind: Kind,
    version: String,
    image: Option<String>,
    replicas: i32,
    arguments: Vec<String>,
    message: Option<String>,
    min_ready: u32,
    /// Names of further keys of the pod template's labels.
    labels: Vec<(String, String)>,
    checks: Vec<String>,
    suite_image: String,
    test_takes: Option<u32>,
    front: Option<Front>,
    /// Whether the policy holds the route itself.
    holds: bool,
    /// Whether its pods ask to be scraped.
    scraped: bool,
    /// The policy's spec.
    policy: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Exits at once on SIGTERM, as a program without any handling does; badness by flags.
    Testapp,
    /// Serves on for 3 s after SIGTERM.
    Podinfo,
}

impl App {
    /// Our test application, versions 1.0.0 to 1.3.0. It exits at once on SIGTERM.
    pub fn testapp(name: &str) -> Self {
        Self::new(name, Kind::Testapp, "1.0.0")
    }

    /// podinfo, versions 6.9.0 and 6.9.1. It serves on for 3 s after SIGTERM.
    pub fn podinfo(name: &str) -> Self {
        Self::new(name, Kind::Podinfo, "6.9.0")
    }

    fn new(name: &str, kind: Kind, version: &str) -> Self {
        let checks = match kind {
            // None of these is a live request by the application's own count.
            Kind::Testapp => ["ready: GET /readyz -> 200", "conformance: GET /conformance -> 200"],
            Kind::Podinfo => ["ready: GET /readyz -> 200", "healthy: GET /healthz -> 200"],
        };
        Self {
            name: name.into(),
            kind,
            version: version.into(),
            image: None,
            replicas: 4,
            arguments: Vec::new(),
            message: None,
            min_ready: 0,
            labels: Vec::new(),
            checks: checks.map(str::to_owned).into(),
            suite_image: "ghcr.io/sluice-dev/conformance:1.0.0".into(),
            test_takes: None,
            front: None,
            holds: false,
            scraped: true,
            policy: policy::quick(name),
        }
    }

    /// The version, which is the image's tag.
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// The tag that tells this version's image from others'.
    pub fn tag(&self) -> &str {
        self.image.as_deref().and_then(|i| i.rsplit(':').next()).unwrap_or(&self.version)
    }

    /// Pods in the Deployment's manifest.
    pub fn replicas(mut self, replicas: i32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Seconds for which a pod must have been ready before it counts.
    pub fn min_ready(mut self, seconds: u32) -> Self {
        self.min_ready = seconds;
        self
    }

    /// The number of pods in the Deployment's manifest.
    pub fn capacity(&self) -> usize {
        usize::try_from(self.replicas).unwrap_or_default()
    }

    /// Another image than the version's.
    pub fn image(mut self, image: &str) -> Self {
        self.image = Some(image.into());
        self
    }

    /// A label of the pod template.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// A message that the application takes from a ConfigMap `<name>-config`.
    pub fn message(mut self, message: &str) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Answers live requests with errors: this fraction of them, evenly spread.
    pub fn errors(self, fraction: f64) -> Self {
        self.argument(format!("--error-rate={fraction}"))
    }

    /// Answers live requests with errors that come by chance, each by itself: this fraction of them on average.
    pub fn noisy(self, fraction: f64) -> Self {
        self.errors(fraction).argument("--random-errors".into())
    }

    /// Answers every live request late.
    pub fn latency_ms(self, milliseconds: u32) -> Self {
        self.argument(format!("--latency-ms={milliseconds}"))
    }

    /// Fails the conformance test.
    pub fn failing_conformance(self) -> Self {
        self.argument("--fail-conformance".into())
    }

    /// Never becomes ready.
    pub fn never_ready(self) -> Self {
        self.argument("--never-ready".into())
    }

    /// Serves on for this long after SIGTERM, instead of exiting at once.
    pub fn drains(self, time: &str) -> Self {
        self.argument(format!("--drain={time}"))
    }

    /// Becomes ready this long after it began.
    pub fn ready_after(self, time: &str) -> Self {
        self.argument(format!("--ready-after={time}"))
    }

    /// Ends with an error this long after it began.
    pub fn crashing_after(self, time: &str) -> Self {
        self.argument(format!("--crash-after={time}"))
    }

    fn argument(mut self, argument: String) -> Self {
        assert_eq!(self.kind, Kind::Testapp, "podinfo has no {argument}");
        self.arguments.push(argument);
        self
    }

    /// What the conformance test checks, in place of readiness and `/conformance`.
    pub fn checks<const N: usize>(mut self, checks: [&str; N]) -> Self {
        self.checks = checks.map(str::to_owned).into();
        self
    }

    /// A conformance test that takes this long and passes.
    pub fn test_takes(mut self, seconds: u32) -> Self {
        self.test_takes = Some(seconds);
        self
    }

    /// Another image for the conformance test.
    pub fn suite_image(mut self, image: &str) -> Self {
        self.suite_image = image.into();
        self
    }

    /// Any field of the policy's spec, by its JSON pointer.
    pub fn policy(mut self, pointer: &str, value: Value) -> Self {
        set(&mut self.policy, pointer, value);
        self
    }
}

/// Puts a value where a JSON pointer says, making the objects above it. `null` takes what is there away.
///
/// # Panics
///
/// When a part of the pointer leads through something that is neither an object nor a list.
#[allow(clippy::expect_used)]
pub fn set(document: &mut Value, pointer: &str, value: Value) {
    let (above, last) = pointer.rsplit_once('/').expect("a JSON pointer begins with a slash");
    let mut at = document;
    for part in above.split('/').skip(1) {
        at = match at {
            Value::Array(list) => {
                list.get_mut(part.parse::<usize>().expect("an index")).expect("an element of that index")
            }
            other => {
                if !other.is_object() {
                    *other = json!({});
                }
                other.as_object_mut().expect("an object").entry(part.replace("~1", "/")).or_insert(json!({}))
            }
        };
    }
    match at {
        Value::Array(list) => list[last.parse::<usize>().expect("an index")] = value,
        Value::Object(map) if value.is_null() => drop(map.remove(last)),
        Value::Object(map) => drop(map.insert(last.replace("~1", "/"), value)),
        other => panic!("{pointer} leads into {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_makes_replaces_and_removes() {
        let mut document = json!({ "a": [{ "b": 1, "c": 2 }] });
        set(&mut document, "/a/0/b", json!(3));
        set(&mut document, "/a/0/c", Value::Null);
        set(&mut document, "/d/e", json!("new"));
        assert_eq!(document, json!({ "a": [{ "b": 3 }], "d": { "e": "new" } }));
    }
}
