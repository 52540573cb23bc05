//! Requests of both versions in one window, counted from raw samples.
//!
//! A look asks for the samples since the last one and some before, so that every series has a value to count from, and keeps
//! nothing: what was counted is in the journal. Both versions are counted over the same time.

use std::collections::BTreeMap;

use analysis::{
    Arm, Counted, Counts, Past, Reason, Sample,
    histogram::{Bounds, HistogramBatch, HistogramIngest, Place},
    ingest::{ArmScrape, CountIngest, NoData, Observation, UnixMillis, Window},
};
use chrono::{DateTime, TimeDelta, Utc};
use crds::analysis::Metric;
use futures::future::join;
use prometheus_http_query::response::RangeVector;

use super::{
    Counting, Lack, Request, ask, misconfigured, provider,
    queries::{self, Counter},
    scraped::{Read, Targets, counters, histograms, millis},
    source::Endpoint,
    view::{Version, View},
};

/// One look at what is counted.
pub(super) struct Look<'a> {
    endpoint: &'a Endpoint,
    request: &'a Request,
    counting: &'a Counting,
    view: &'static View,
    pub(super) window: Window,
    at: DateTime<Utc>,
    range: TimeDelta,
    targets: Targets,
}

impl<'a> Look<'a> {
    /// Begins a look at a window: asks when which pod, or proxy, was scraped. `before` is how far samples reach back beyond the window.
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
        let view = View::of(request);
        let targets = if view.is_of_pods() {
            Targets::of(&ask::samples(endpoint, &queries::scrapes(request, range), until).await?)
        } else {
            let query = queries::first_scrapes(request, range, before, until);
            Targets::since(&ask::series(endpoint, &query, until).await?)
        };
        Ok(Look { endpoint, request, counting, view, window, at: until, range, targets })
    }

    /// Requests, and those that failed.
    pub(super) async fn errors(&self) -> Result<Sample, Lack> {
        let series = ask::samples(self.endpoint, &queries::requests(self.request, self.range), self.at).await?;
        let (canary, stable) = self.sides(&series, &|series| counters(self.view, series))?;
        let mut ingest = CountIngest::new(self.window.after).primed(&canary, &stable);
        match ingest.take(self.window.until, &canary, &stable) {
            Observation::Batch { batch, .. } => Ok(Sample::counts(Counted::exactly(batch.counts))),
            Observation::NoData(why) => Err(self.nothing(&why)),
            Observation::Dropped(why) => Err(provider(why.to_string())),
        }
    }

    /// Requests, and those that took longer.
    pub(super) async fn slower_than(&self, seconds: f64) -> Result<Sample, Lack> {
        let Some(bounds) = self.bounds(seconds).await? else {
            return Err(self.nothing(&NoData::Canary));
        };
        let wanted: Vec<&str> = bounds.written.iter().map(|(_, text)| text.as_str()).collect();
        let query = queries::buckets(self.request, &wanted, self.range);
        let series = ask::samples(self.endpoint, &query, self.at).await?;
        let (canary, stable) =
            self.sides(&series, &|series| histograms(self.view.per_second, &bounds.bounds, series))?;
        let mut ingest = HistogramIngest::new(self.window.after, bounds.bounds.clone()).primed(&canary, &stable);
        let taken = ingest.take(self.window.until, &canary, &stable).map_err(|wrong| provider(wrong.to_string()))?;
        match taken {
            Observation::Batch { batch, .. } => Ok(Sample::counts(over(&batch, seconds))),
            Observation::NoData(why) => Err(self.nothing(&why)),
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
            .filter_map(|le| Some((le.parse::<f64>().ok()? / self.view.per_second, le.clone())))
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
                    "no bucket of {} ends at {seconds} s or later, so no request can be seen to take longer: give at most {last} s, or add a bucket",
                    self.view.histogram()
                )));
            }
        };
        let needed = |bound: &f64| bound.is_infinite() || kept.contains(bound);
        let written = written.into_iter().filter(|(bound, _)| needed(bound)).collect();
        let bounds = Bounds::try_from(kept).map_err(|wrong| provider(wrong.to_string()))?;
        Ok(Some(Around { bounds, written }))
    }

    /// What was scraped of both versions, target by target.
    fn sides(&self, series: &[RangeVector], read: &Read<'_>) -> Result<(ArmScrape, ArmScrape), Lack> {
        let first = self.targets.with(series);
        let side = |version: Version, traffic: bool| -> Result<ArmScrape, Lack> {
            let of_version = |of: &&RangeVector| self.view.version(of.metric(), self.request) == Some(version);
            let series: Vec<_> = series.iter().filter(of_version).collect();
            let targets = self.targets.read(&series, &first, read);
            Ok(ArmScrape { targets: targets.map_err(|wrong| misconfigured(wrong.to_string()))?, traffic })
        };
        let none = ArmScrape { targets: Vec::new(), traffic: false };
        let counts_stable = self.view.counts_stable(self.request);
        let stable = if counts_stable { side(Version::Stable, self.counting.both)? } else { none };
        Ok((side(Version::Measured, true)?, stable))
    }

    fn nothing(&self, why: &NoData) -> Lack {
        let (who, version) = match why {
            NoData::Canary => ("the candidate", Version::Measured),
            NoData::Baseline => ("the stable version", Version::Stable),
        };
        let needs = self.view.needs(version, self.request);
        let detail = format!("no new requests of {who} were scraped: nobody asks it, or {needs}");
        Lack { reason: Reason::NoData, detail }
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

/// Requests over a bound of latency: those that were surely slower to blame the candidate by, those that may have been to prove
/// it good by.
fn over(batch: &HistogramBatch, seconds: f64) -> Counted {
    let (canary, stable) = (batch.canary.bracket(seconds), batch.baseline.bracket(seconds));
    let counts = |canary: Arm| Counts::new(canary, stable.to_blame());
    let (at_least, at_most) = (counts(canary.to_blame()), counts(canary.to_accept()));
    Counted { counts: at_least, at_most: (at_most != at_least).then_some(at_most) }
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "proxies_tests.rs"]
mod proxies_tests;
