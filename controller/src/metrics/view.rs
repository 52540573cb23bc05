//! Who counts the requests of a version, and what their series are called: the application itself, or proxies in front of it.
//!
//! An application is known by the labels of its pods. A proxy knows no revisions: it tells two versions apart by the Service that
//! the route chose, and which Service leads to which version depends on where the release is ([`Services`]).

mod table;

use std::collections::HashMap;

use crds::analysis::MeasuredBy;

use super::{
    Request,
    queries::{escaped, literal},
};

/// The Services that lead to the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// To the revision that is measured.
    pub measured: String,
    /// To the stable revision; none where it has no traffic of its own.
    pub stable: Option<String>,
}

impl Services {
    /// In a step of a route the candidate has its own Service beside the one that callers use, which leads to the stable revision.
    pub fn in_a_step(policy: &str, candidate: &str, callers: &str) -> Self {
        Self { measured: format!("{policy}-{candidate}"), stable: Some(callers.to_owned()) }
    }

    /// A revision that has all of the traffic is behind the Service that callers use.
    pub fn alone(callers: &str) -> Self {
        Self { measured: callers.to_owned(), stable: None }
    }
}

/// Whose requests are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Whose {
    /// Those of the revision that is measured.
    Measured,
    /// Those of that one and of the stable one.
    Both,
    /// Those of all versions that there were.
    All,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Version {
    /// The one that is measured.
    Measured,
    /// The stable one.
    Stable,
}

/// How requests are counted by one kind of witness.
#[derive(Debug)]
pub struct View {
    /// The counter of requests; several where kinds of routes have one each.
    requests: &'static [&'static str],
    /// The buckets of their durations.
    buckets: &'static [&'static str],
    /// So many units of a bucket's bound are a second.
    pub per_second: f64,
    /// Which of the series are those of callers, each request counted once.
    callers: &'static str,
    /// What makes a request a failed one; any of these does.
    failures: &'static [Failure],
    known_by: KnownBy,
}

/// By which labels the versions are told apart.
#[derive(Debug)]
enum KnownBy {
    /// Those of the application's pods.
    Revision,
    /// One with the namespace of a Service, and one with its name.
    Service { namespace: &'static str, name: &'static str },
    /// One with a name that Traefik makes of namespace, Service and port; from 3.7.6 on, of the route as well.
    Traefik,
}

/// A failed request.
#[derive(Debug)]
struct Failure {
    label: &'static str,
    when: When,
}

#[derive(Debug)]
enum When {
    /// It is a status of HTTP from 500 to 599.
    ServerError,
    /// It is one of these.
    OneOf(&'static [&'static str]),
    /// There is one.
    Given,
}

/// What tells the application's revisions apart.
pub const REVISION: &str = "sluice_dev_revision";

impl View {
    /// What a policy asks for.
    pub fn of(request: &Request) -> &'static Self {
        match request.analysis.measured_by {
            MeasuredBy::Application => &table::APPLICATION,
            MeasuredBy::Istio => &table::ISTIO,
            MeasuredBy::EnvoyGateway => &table::ENVOY_GATEWAY,
            MeasuredBy::Linkerd => &table::LINKERD,
            MeasuredBy::Traefik => &table::TRAEFIK,
        }
    }

    /// Whether the series are those of the versions' own pods, so that these can be asked when they were scraped.
    pub fn is_of_pods(&self) -> bool {
        matches!(self.known_by, KnownBy::Revision)
    }

    /// Requests of callers, with further matchers.
    pub fn requests(&self, whose: Whose, request: &Request, more: &str) -> String {
        series(self.requests, &[&self.versions(whose, request), self.callers, more])
    }

    /// Those that failed, each in one of these series.
    pub fn failed(&self, whose: Whose, request: &Request) -> Vec<String> {
        let failed = |(at, failure): (usize, &Failure)| {
            let not_yet = self.failures[..at].iter().map(|earlier| earlier.matcher(false));
            let matchers: Vec<_> = not_yet.chain([failure.matcher(true)]).collect();
            self.requests(whose, request, &matchers.join(","))
        };
        self.failures.iter().enumerate().map(failed).collect()
    }

    /// The buckets of callers' requests, with further matchers.
    pub fn buckets(&self, whose: Whose, request: &Request, more: &str) -> String {
        series(self.buckets, &[&self.versions(whose, request), self.callers, more])
    }

    /// All buckets that there are.
    pub fn bounds(&self, request: &Request) -> String {
        let callers = if self.is_of_pods() { "" } else { self.callers };
        series(self.buckets, &[&self.versions(Whose::Both, request), callers])
    }

    /// The histogram's name, for people.
    pub fn histogram(&self) -> &'static str {
        self.buckets[0].trim_end_matches("_bucket")
    }

    /// What must be scraped for a version to be seen, for people.
    pub fn needs(&self, version: Version, request: &Request) -> String {
        let Services { measured, stable } = &request.services;
        let service = if version == Version::Measured { Some(measured) } else { stable.as_ref() };
        match (&self.known_by, service) {
            (KnownBy::Service { .. } | KnownBy::Traefik, Some(service)) => format!(
                "Prometheus does not scrape the proxies: there is nothing new in {} about Service {service}",
                self.requests[0]
            ),
            _ => "Prometheus does not scrape its pods with the labels namespace, sluice_dev_policy and sluice_dev_revision"
                .into(),
        }
    }

    /// The matchers that choose versions.
    pub fn versions(&self, whose: Whose, request: &Request) -> String {
        let namespace = escaped(&request.namespace);
        match self.known_by {
            KnownBy::Revision => {
                let policy = escaped(&request.policy);
                let of_policy = format!(r#"namespace="{namespace}",sluice_dev_policy="{policy}""#);
                let revision = escaped(&request.revision);
                match whose {
                    Whose::Measured => format!(r#"{of_policy},{REVISION}="{revision}""#),
                    Whose::Both => {
                        let stable = request.stable().map(|stable| format!("|{}", escaped(stable)));
                        format!(r#"{of_policy},{REVISION}=~"{revision}{}""#, stable.unwrap_or_default())
                    }
                    Whose::All => of_policy,
                }
            }
            KnownBy::Service { namespace: label, name } => {
                let Services { measured, stable } = &request.services;
                let one = whose == Whose::Measured || (whose == Whose::Both && stable.is_none());
                let is = if one { "=" } else { "=~" };
                let services = if one { escaped(measured) } else { services(whose, request) };
                format!(r#"{label}="{namespace}",{name}{is}"{services}""#)
            }
            KnownBy::Traefik => {
                let (namespace, services) = (literal(&request.namespace), services(whose, request));
                format!(r#"service=~"(.+-svc-)?{namespace}-({services})-(http-)?[0-9]+@kubernetesgateway""#)
            }
        }
    }

    /// Which version a series is of.
    pub fn version(&self, labels: &HashMap<String, String>, request: &Request) -> Option<Version> {
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let is = |measured: bool, stable: bool| {
            let stable = stable.then_some(Version::Stable);
            if measured { Some(Version::Measured) } else { stable }
        };
        let Services { measured, stable } = &request.services;
        match self.known_by {
            KnownBy::Revision => {
                let revision = label(REVISION);
                is(revision == request.revision, request.stable() == Some(revision))
            }
            KnownBy::Service { name, .. } => is(label(name) == measured, stable.as_deref() == Some(label(name))),
            KnownBy::Traefik => {
                let leads_to = |service: &str| is_traefiks(label("service"), &request.namespace, service);
                is(leads_to(measured), stable.as_deref().is_some_and(leads_to))
            }
        }
    }

    /// Whether the stable version is counted too.
    pub fn counts_stable(&self, request: &Request) -> bool {
        if self.is_of_pods() { request.stable().is_some() } else { request.services.stable.is_some() }
    }

    /// Whether the requests of a series failed.
    pub fn is_failed(&self, labels: &HashMap<String, String>) -> bool {
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        self.failures.iter().any(|failure| failure.when.is(label(failure.label)))
    }
}

impl Failure {
    /// The matcher of what failed, or of what did not.
    fn matcher(&self, failed: bool) -> String {
        let label = self.label;
        let is = if failed { "=~" } else { "!~" };
        match self.when {
            When::ServerError => format!(r#"{label}{is}"5..""#),
            When::OneOf(values) => format!(r#"{label}{is}"{}""#, values.join("|")),
            When::Given if failed => format!(r#"{label}!="""#),
            When::Given => format!(r#"{label}="""#),
        }
    }
}

impl When {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::ServerError => value.len() == 3 && value.starts_with('5'),
            Self::OneOf(values) => values.contains(&value),
            Self::Given => !value.is_empty(),
        }
    }
}

/// The names of Services as a regular expression.
fn services(whose: Whose, request: &Request) -> String {
    let Services { measured, stable } = &request.services;
    match whose {
        Whose::Measured => literal(measured),
        Whose::Both => [measured].into_iter().chain(stable).map(|s| literal(s)).collect::<Vec<_>>().join("|"),
        Whose::All => format!("{}|{}-[0-9a-f]{{8}}", literal(&request.service), literal(&request.policy)),
    }
}

fn series(names: &[&str], matchers: &[&str]) -> String {
    let several = format!(r#"__name__=~"{}""#, names.join("|"));
    let (name, several) = if let [one] = names { (*one, "") } else { ("", several.as_str()) };
    let matchers: Vec<_> = [&[several], matchers].concat().into_iter().filter(|m| !m.is_empty()).collect();
    format!("{name}{{{}}}", matchers.join(","))
}

/// Whether Traefik gives this name to a Service.
fn is_traefiks(name: &str, namespace: &str, service: &str) -> bool {
    let Some(name) = name.strip_suffix("@kubernetesgateway") else { return false };
    let before = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(before) = before.strip_suffix('-').filter(|_| before.len() < name.len()) else { return false };
    let end = format!("{namespace}-{service}");
    [Some(before), before.strip_suffix("-http")].into_iter().flatten().any(|name| {
        let route = name.strip_suffix(end.as_str());
        route.is_some_and(|route| route.is_empty() || (route.len() > 5 && route.ends_with("-svc-")))
    })
}
