//! Requests of both versions in one window, counted from raw samples.
//!
//! A look asks for the samples since the last one and some before, so that every series has a value to count from, and keeps
//! nothing: what was counted is in the journal. Both versions are counted over the same time.

use std::collections::{BTreeMap, BTreeSet};

use analysis::{
    Arm, Counted, Counts, Past, Reason, Sample,
    histogram::{Bounds, HistogramBatch, HistogramIngest, Place},
    ingest::{
        ArmScrape, BadSample, CountIngest, NoData, Observation, RawSample, Role, Series, Target, UnixMillis, Window,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::analysis::Metric;
use futures::future::join;
use prometheus_http_query::response::RangeVector;

use super::{
    Counting, Lack, Request, ask, misconfigured, provider,
    queries::{self, Counter},
    source::Endpoint,
};

/// What tells the revisions apart.
const REVISION: &str = "sluice_dev_revision";
/// Labels that tell targets apart, together with the revision.
const TARGET: [&str; 3] = ["job", "instance", "pod"];
/// Labels of pods that we change while they run.
const OURS: &str = "sluice_dev_";

/// One look at what is counted.
pub(super) struct Look<'a> {
    endpoint: &'a Endpoint,
    request: &'a Request,
    counting: &'a Counting,
    pub(super) window: Window,
    at: DateTime<Utc>,
    range: TimeDelta,
    targets: BTreeMap<String, Scraped>,
}

/// What is known of a target by itself.
struct Scraped {
    /// When it was first scraped well within the range.
    first: UnixMillis,
    /// The names of its labels. All its series have them, and their values change when a pod is labelled anew, which makes
    /// another series of the same counter.
    labels: BTreeSet<String>,
}

impl<'a> Look<'a> {
    /// Begins a look at a window: asks when which pod was scraped. `before` is how far samples reach back beyond the window.
    ///
    /// # Errors
    /// The window is empty, or the server cannot be asked.
    pub(super) async fn begin(
        endpoint: &'a Endpoint,
        request: &'a Request,
        counting: &'a Counting,
        until: DateTime<Utc>,
        before: TimeDelta,
    ) -> Result<Look<'a>, Lack> {
        let window = Window { after: counting.after, until: until.into() };
        let length = i64::try_from(window.until.since(window.after)).unwrap_or(0);
        if length == 0 {
            return Err(Lack { reason: Reason::NoData, detail: "nothing has been scraped yet in this step".into() });
        }
        let range = TimeDelta::milliseconds(length) + before;
        let ups = ask::samples(endpoint, &queries::scrapes(request, range), until).await?;
        let mut targets = BTreeMap::new();
        for up in ups {
            let first = up.samples().iter().filter(|s| s.value() == 1.0).map(|s| millis(s.timestamp())).min();
            let Some(first) = first else { continue };
            let known = targets.entry(target(&up)).or_insert_with(|| Scraped { first, labels: BTreeSet::new() });
            known.first = known.first.min(first);
            known.labels.extend(up.metric().keys().cloned());
        }
        Ok(Look { endpoint, request, counting, window, at: until, range, targets })
    }

    /// Requests, and those answered with 5xx.
    pub(super) async fn errors(&self) -> Result<Sample, Lack> {
        let series = ask::samples(self.endpoint, &queries::requests(self.request, self.range), self.at).await?;
        let (canary, stable) = self.sides(&series, counters)?;
        let mut ingest = CountIngest::new(self.window.after).primed(&canary, &stable);
        match ingest.take(self.window.until, &canary, &stable) {
            Observation::Batch { batch, .. } => Ok(Sample::counts(Counted::exactly(batch.counts))),
            Observation::NoData(why) => Err(nothing(&why)),
            Observation::Dropped(why) => Err(provider(why.to_string())),
        }
    }

    /// Requests, and those that took longer.
    pub(super) async fn slower_than(&self, seconds: f64) -> Result<Sample, Lack> {
        let Some(bounds) = self.bounds(seconds).await? else {
            return Err(nothing(&NoData::Canary));
        };
        let wanted: Vec<&str> = bounds.written.iter().map(|(_, text)| text.as_str()).collect();
        let query = queries::buckets(self.request, &wanted, self.range);
        let series = ask::samples(self.endpoint, &query, self.at).await?;
        let (canary, stable) = self.sides(&series, |series| histograms(&bounds.bounds, series))?;
        let mut ingest = HistogramIngest::new(self.window.after, bounds.bounds.clone()).primed(&canary, &stable);
        let taken = ingest.take(self.window.until, &canary, &stable).map_err(|wrong| provider(wrong.to_string()))?;
        match taken {
            Observation::Batch { batch, .. } => Ok(Sample::counts(over(&batch, seconds))),
            Observation::NoData(why) => Err(nothing(&why)),
            Observation::Dropped(why) => Err(provider(why.to_string())),
        }
    }

    /// What the service's requests were before counting began, all versions together; none where that is asked of nobody, cannot
    /// be had, or is less than a day.
    pub(super) async fn past(&self, metric: &Metric) -> Option<Past> {
        if self.counting.past_hours == 0 {
            return None;
        }
        let (all, errors) = match metric.objective.max_duration {
            None => join(self.by_hour(Counter::Requests), self.by_hour(Counter::Errors)).await,
            Some(bound) => {
                let around = self.bounds(bound.0.as_secs_f64()).await.ok()??;
                let (high, infinite) = around.ends()?;
                let (all, within) =
                    join(self.by_hour(Counter::Within(infinite)), self.by_hour(Counter::Within(high))).await;
                let within = within?;
                let over = all.as_ref()?.iter().map(|(at, all)| (*at, all - within.get(at).copied().unwrap_or(0.0)));
                let over = over.collect();
                (all, Some(over))
            }
        };
        let errors = errors?;
        let count = |value: f64| value.round().max(0.0) as u64;
        let arm = |(at, all): (&UnixMillis, &f64)| Arm::clamped(count(*all), count(*errors.get(at).unwrap_or(&0.0))).0;
        Past::of(&all?.iter().map(arm).collect::<Vec<_>>())
    }

    /// By the end of each hour.
    async fn by_hour(&self, counter: Counter<'_>) -> Option<BTreeMap<UnixMillis, f64>> {
        let query = queries::by_hour(self.request, counter, self.counting.past_hours);
        let at = DateTime::from_timestamp_millis(self.window.after.0)?;
        let series = ask::samples(self.endpoint, &query, at).await.ok()?;
        let [series] = series.as_slice() else { return None };
        Some(series.samples().iter().map(|s| (millis(s.timestamp()), s.value())).collect())
    }

    /// The bounds of the buckets around a bound of latency, and how they and the count of all are written; `None` without any.
    async fn bounds(&self, seconds: f64) -> Result<Option<Around>, Lack> {
        let series = ask::series(self.endpoint, &queries::bounds(self.request), self.at).await?;
        let written: Vec<(f64, String)> = series
            .iter()
            .filter_map(|s| s.metric().get("le"))
            .filter_map(|le| Some((le.parse().ok()?, le.clone())))
            .collect();
        let mut finite: Vec<f64> = written.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        finite.sort_by(f64::total_cmp);
        finite.dedup();
        let Ok(all) = Bounds::try_from(finite) else { return Ok(None) };
        let kept = match all.place(seconds) {
            Place::Bound(at) => vec![all.get()[at]],
            Place::Between(low, high) => low.into_iter().chain([high]).map(|at| all.get()[at]).collect(),
            Place::Above(last) => {
                let last = all.get()[last];
                return Err(misconfigured(format!(
                    "no bucket of http_request_duration_seconds ends at {seconds} s or later, so no request can be seen to take longer: give at most {last} s, or add a bucket"
                )));
            }
        };
        let needed = |bound: &f64| bound.is_infinite() || kept.contains(bound);
        let written = written.into_iter().filter(|(bound, _)| needed(bound)).collect();
        let bounds = Bounds::try_from(kept).map_err(|wrong| provider(wrong.to_string()))?;
        Ok(Some(Around { bounds, written }))
    }

    /// What was scraped of both versions, target by target.
    fn sides(
        &self,
        series: &[RangeVector],
        read: impl Fn(&[(String, &RangeVector)]) -> Result<Vec<Series>, BadSample>,
    ) -> Result<(ArmScrape, ArmScrape), Lack> {
        let side = |revision: Option<&str>, traffic: bool| -> Result<ArmScrape, Lack> {
            let mut targets: BTreeMap<String, Vec<(String, &RangeVector)>> = BTreeMap::new();
            for of in series.iter().filter(|of| of.metric().get(REVISION).map(String::as_str) == revision) {
                let id = target(of);
                let key = key(of, self.targets.get(&id));
                targets.entry(id).or_default().push((key, of));
            }
            let targets = targets.into_iter().map(|(id, series)| {
                let read = Target::new(id.clone(), None, read(&series)?)?;
                Ok(match self.targets.get(&id) {
                    Some(known) => read.scraped(known.first),
                    None => read,
                })
            });
            let targets = targets.collect::<Result<_, BadSample>>();
            Ok(ArmScrape { targets: targets.map_err(|wrong| misconfigured(wrong.to_string()))?, traffic })
        };
        let stable = self.counting.stable.as_deref();
        let none = ArmScrape { targets: Vec::new(), traffic: false };
        let stable = if stable.is_some() { side(stable, self.counting.both)? } else { none };
        Ok((side(Some(&self.request.revision), true)?, stable))
    }
}

/// The bounds around a bound of latency, and how the server writes them.
struct Around {
    bounds: Bounds,
    written: Vec<(f64, String)>,
}

impl Around {
    /// The bound above which requests are surely slower, and that of all requests, as they are written.
    fn ends(&self) -> Option<(&str, &str)> {
        let high = self.bounds.get().last()?;
        let text = |wanted: f64| self.written.iter().find(|(bound, _)| *bound == wanted).map(|(_, text)| text.as_str());
        Some((text(*high)?, text(f64::INFINITY)?))
    }
}

/// One series per counter, also where its pod was labelled anew in the meantime.
fn counters(series: &[(String, &RangeVector)]) -> Result<Vec<Series>, BadSample> {
    let mut found: BTreeMap<&String, (Role, BTreeMap<UnixMillis, f64>)> = BTreeMap::new();
    for (key, of) in series {
        let failed = of.metric().get("status").is_some_and(|status| status.len() == 3 && status.starts_with('5'));
        let role = if failed { Role::Both } else { Role::Requests };
        let (_, samples) = found.entry(key).or_insert_with(|| (role, BTreeMap::new()));
        samples.extend(of.samples().iter().map(|s| (millis(s.timestamp()), s.value())));
    }
    let read = |(key, (role, samples)): (&String, (Role, BTreeMap<UnixMillis, f64>))| {
        let samples = samples.into_iter().map(|(at, value)| RawSample::new(at, value)).collect::<Result<_, _>>()?;
        Series::new(key.clone(), role, samples)
    };
    found.into_iter().map(read).collect()
}

/// One series of samples per histogram. A scrape that lacks a bucket is left out: the next one makes up for it.
fn histograms(bounds: &Bounds, series: &[(String, &RangeVector)]) -> Result<Vec<Series>, BadSample> {
    /// By time: bounds and counts.
    type Scrapes = BTreeMap<UnixMillis, Vec<(f64, f64)>>;
    let mut found: BTreeMap<&String, Scrapes> = BTreeMap::new();
    for (key, of) in series {
        let Some(le) = of.metric().get("le").and_then(|le| le.parse().ok()) else { continue };
        let scrapes = found.entry(key).or_default();
        for sample in of.samples() {
            scrapes.entry(millis(sample.timestamp())).or_default().push((le, sample.value()));
        }
    }
    let read = |(key, scrapes): (&String, Scrapes)| {
        let samples = scrapes.iter().filter_map(|(at, scraped)| bounds.sample(*at, scraped).ok()).collect();
        Series::new(key.clone(), Role::Requests, samples)
    };
    found.into_iter().map(read).collect()
}

/// Requests over a bound of latency: those that were surely slower to blame the candidate by, those that may have been to prove
/// it good by.
fn over(batch: &HistogramBatch, seconds: f64) -> Counted {
    let (canary, stable) = (batch.canary.bracket(seconds), batch.baseline.bracket(seconds));
    let counts = |canary: Arm| Counts::new(canary, stable.to_blame());
    let (at_least, at_most) = (counts(canary.to_blame()), counts(canary.to_accept()));
    Counted { counts: at_least, at_most: (at_most != at_least).then_some(at_most) }
}

fn nothing(why: &NoData) -> Lack {
    let who = match why {
        NoData::Canary => "the candidate",
        NoData::Baseline => "the stable version",
    };
    let detail = format!(
        "no new requests of {who} were scraped: nobody asks it, or Prometheus does not scrape its pods with the labels namespace, sluice_dev_policy and sluice_dev_revision"
    );
    Lack { reason: Reason::NoData, detail }
}

fn millis(seconds: f64) -> UnixMillis {
    UnixMillis((seconds * 1000.0).round() as i64)
}

/// A revision's target, of which all series of one scrape have one time.
fn target(of: &RangeVector) -> String {
    let label = |name: &str| of.metric().get(name).map_or("", String::as_str);
    [REVISION].into_iter().chain(TARGET).map(label).collect::<Vec<_>>().join("\n")
}

/// What tells a counter, or a histogram, from the others of its target: its own labels.
fn key(of: &RangeVector, target: Option<&Scraped>) -> String {
    let own = |name: &str| {
        let of_target = name.starts_with(OURS) || TARGET.contains(&name);
        !of_target && name != "le" && target.is_none_or(|target| !target.labels.contains(name))
    };
    let labels: BTreeMap<_, _> = of.metric().iter().filter(|(name, _)| own(name)).collect();
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
