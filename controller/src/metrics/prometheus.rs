//! Measures with Prometheus.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use analysis::{Batch, Sample};
use chrono::TimeDelta;
use crds::{
    analysis::{Metric, TemplateRef},
    metric::MetricTemplate,
};
use futures::{
    FutureExt,
    future::{BoxFuture, join, join_all},
};
use kube::{Api, Client};
use tokio::time::{Instant, timeout, timeout_at};

use crate::outbound::{Egress, secret};

use super::{
    Lack, Measure, Request, Usual, ask::ask, counts::Look, misconfigured, provider, queries, source, source::Endpoint,
    source::Source, template, unknown,
};

/// How long the API server may take to say where the metrics are.
const FIND: Duration = Duration::from_secs(5);
/// What a look may take beyond its queries.
const SPARE: Duration = Duration::from_secs(1);
/// How many scrapes before its window a look reads, to find the values to count from.
const BEFORE: u32 = 5;
/// What a survey may take.
const SURVEY: Duration = Duration::from_secs(60);
/// How long what a source says of its scrapes counts: every pass over a release asks for it.
const FRESH: Duration = Duration::from_secs(30);
/// How often a source is taken to scrape that could never be read.
const SCRAPE: Duration = Duration::from_secs(15);

/// Asks the server that a MetricSource names.
///
/// A look ends after the time to find the source, 5 s at most, and the source's timeout plus a second, whatever happens. Secrets are
/// read anew and a client is made anew at every look: nothing is kept that could be out of date or grow.
pub struct PrometheusMeasure {
    client: Client,
    controller_namespace: String,
    egress: Egress,
    /// By namespace and name of a source: when it was read, and how often it scrapes.
    scrapes: Mutex<BTreeMap<(String, String), (Instant, Duration)>>,
}

impl PrometheusMeasure {
    /// Reads sources of the policies' namespaces and of the controller's.
    pub fn new(client: Client, controller_namespace: impl Into<String>) -> Self {
        Self {
            client,
            controller_namespace: controller_namespace.into(),
            egress: Egress::default(),
            scrapes: Mutex::default(),
        }
    }

    /// Also asks servers at 127.0.0.0/8 and ::1, such as a forwarded port; refused otherwise.
    #[must_use]
    pub fn allow_loopback(mut self) -> Self {
        self.egress.loopback = true;
        self
    }

    async fn look(&self, request: &Request) -> Batch {
        self.batch(request).await.unwrap_or_else(|lack| {
            let lacks = request.analysis.metrics.iter().map(|metric| (metric.name.clone(), unknown(&lack)));
            Batch { at: request.at, window: None, step: 0, past: None, samples: lacks.collect() }
        })
    }

    async fn batch(&self, request: &Request) -> Result<Batch, Lack> {
        if request.window <= TimeDelta::zero() {
            return Err(misconfigured(format!("a window of {} holds no requests", queries::window(request.window))));
        }
        let source = self.find(&request.namespace, &request.analysis.source).await?;
        let end = Instant::now() + source.timeout() + SPARE;
        let late = || provider(format!("no number within {:?}", source.timeout() + SPARE));
        let endpoint = timeout_at(end, source.open(&self.client, self.egress)).await.map_err(|_| late())??;
        let counts = match &request.counting {
            Some(counting) if request.analysis.metrics.iter().any(counted) => {
                let until = request.at - TimeDelta::from_std(source.delay()).unwrap_or_default();
                let before = TimeDelta::from_std(source.scrape_interval() * BEFORE).unwrap_or_default();
                let begun = Look::begin(&endpoint, request, counting, until, before);
                Some(timeout_at(end, begun).await.unwrap_or_else(|_| Err(late())))
            }
            _ => None,
        };
        let window = counts.as_ref().and_then(|look| Some(look.as_ref().ok()?.window));
        let samples = request.analysis.metrics.iter().map(async |metric| {
            let asked = async {
                match &counts {
                    Some(Ok(look)) if counted(metric) => count(look, metric).await,
                    Some(Err(lack)) if counted(metric) => Err(lack.clone()),
                    _ => Ok(self.sample(&endpoint, request, metric).await),
                }
            };
            let sample = timeout_at(end, asked).await.unwrap_or_else(|_| Err(late()));
            (metric.name.clone(), sample.unwrap_or_else(|lack| unknown(&lack)))
        });
        let past = async {
            let Some(Ok(look)) = &counts else { return None };
            let metrics = request.analysis.metrics.iter().filter(|metric| counted(metric));
            let all = metrics.map(async |metric| {
                let past = timeout_at(end, look.past(metric)).await.ok().flatten()?;
                Some((metric.name.clone(), past))
            });
            let all: BTreeMap<_, _> = join_all(all).await.into_iter().flatten().collect();
            (!all.is_empty()).then_some(all)
        };
        let (samples, past) = join(join_all(samples), past).await;
        Ok(Batch { at: request.at, window, step: 0, past, samples: samples.into_iter().collect() })
    }

    async fn survey(&self, request: &Request) -> Result<Usual, Lack> {
        let source = self.find(&request.namespace, &request.analysis.source).await?;
        let endpoint = source.open(&self.client, self.egress).await?;
        let (rate, share) = (queries::request_rate(request), queries::error_share(request));
        let (requests, errors) = join(ask(&endpoint, &rate, request.at), ask(&endpoint, &share, request.at)).await;
        Ok(Usual { requests_per_second: requests.value, errors: errors.value })
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Source, Lack> {
        let found = source::find(&self.client, namespace, &self.controller_namespace, name);
        timeout(FIND, found).await.unwrap_or_else(|_| {
            Err(provider(format!("cannot read MetricSource {name}: the API server did not answer within {FIND:?}")))
        })
    }

    /// As it was read last, within [`FRESH`]; an older answer still counts more than none.
    async fn scrapes(&self, namespace: &str, name: &str) -> Duration {
        let key = (namespace.to_owned(), name.to_owned());
        let known = || self.scrapes.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known().get(&key).copied();
        if let Some((_, interval)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return interval;
        }
        match self.find(namespace, name).await {
            Ok(source) => {
                known().insert(key, (Instant::now(), source.scrape_interval()));
                source.scrape_interval()
            }
            Err(_) => last.map_or(SCRAPE, |(_, interval)| interval),
        }
    }

    async fn sample(&self, endpoint: &Endpoint, request: &Request, metric: &Metric) -> Sample {
        match self.query(request, metric).await {
            Ok(query) => ask(endpoint, &query, request.at).await,
            Err(lack) => unknown(&lack),
        }
    }

    async fn query(&self, request: &Request, metric: &Metric) -> Result<String, Lack> {
        match &metric.template {
            Some(template) => self.filled(request, template).await,
            None => queries::built_in(&metric.name, request).ok_or_else(|| {
                misconfigured(format!(
                    "{} is no built-in metric: give it a template, or name success-rate or latency-p99",
                    metric.name
                ))
            }),
        }
    }

    async fn filled(&self, request: &Request, TemplateRef { name, variables }: &TemplateRef) -> Result<String, Lack> {
        let namespace = &request.namespace;
        let templates = Api::<MetricTemplate>::namespaced(self.client.clone(), namespace);
        match templates.get_opt(name).await {
            Ok(Some(found)) => template::render(name, &found.spec, variables, request).map_err(misconfigured),
            Ok(None) => Err(misconfigured(format!(
                "MetricTemplate {namespace}/{name} is missing: create it, or name one that is there"
            ))),
            Err(error) => {
                Err(provider(format!("cannot read MetricTemplate {namespace}/{name}: {}", secret::kind(&error))))
            }
        }
    }
}

/// Whether a metric is counted where counting is asked for: those that are built in.
fn counted(metric: &Metric) -> bool {
    metric.template.is_none()
}

async fn count(look: &Look<'_>, metric: &Metric) -> Result<Sample, Lack> {
    match metric.objective.max_duration {
        Some(bound) => look.slower_than(bound.0.as_secs_f64()).await,
        None => look.errors().await,
    }
}

impl Measure for PrometheusMeasure {
    fn measure<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Batch> {
        self.look(request).boxed()
    }

    fn usual<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Usual> {
        async { timeout(SURVEY, self.survey(request)).await.ok().and_then(Result::ok).unwrap_or_default() }.boxed()
    }

    fn scrape_interval<'a>(&'a self, namespace: &'a str, source: &'a str) -> BoxFuture<'a, Duration> {
        self.scrapes(namespace, source).boxed()
    }
}
