//! What Prometheus has scraped, as targets with their counters: which samples are of one counter, and since when a target is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use analysis::{
    histogram::Bounds,
    ingest::{BadSample, RawSample, Role, Series, Target, UnixMillis},
};
use prometheus_http_query::response::{InstantVector, RangeVector};

use super::view::{REVISION, View};

/// Labels that tell targets apart, for an application together with the revision.
const TARGET: [&str; 3] = ["job", "instance", "pod"];
/// Labels of pods that we change while they run.
const OURS: &str = "sluice_dev_";

/// What is known of targets by themselves.
#[derive(Default)]
pub(super) struct Targets {
    first: BTreeMap<String, UnixMillis>,
    /// The names of labels that all series of a target have. Their values change when a pod is labelled anew, which makes another
    /// series of the same counter.
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Reads the series of one target.
pub(super) type Read<'a> = dyn Fn(&[(String, &RangeVector)]) -> Result<Vec<Series>, BadSample> + 'a;

impl Targets {
    /// From samples of `up`: who was first scraped well when.
    pub(super) fn of(ups: &[RangeVector]) -> Self {
        let mut targets = Self::default();
        for up in ups {
            let first = up.samples().iter().filter(|s| s.value() == 1.0).map(|s| millis(s.timestamp())).min();
            if let Some(first) = first {
                targets.add(target(up.metric()), first, up.metric().keys());
            }
        }
        targets
    }

    /// From the times of first scrapes, in seconds since 1970.
    pub(super) fn since(firsts: &[InstantVector]) -> Self {
        let mut targets = Self::default();
        for first in firsts {
            targets.add(target(first.metric()), millis(first.sample().value()), first.metric().keys());
        }
        targets
    }

    /// The same with what samples themselves tell: a proxy that has counted one version was scraped then, whether or not it knew the
    /// other one.
    pub(super) fn with(&self, series: &[RangeVector]) -> BTreeMap<String, UnixMillis> {
        let mut first = self.first.clone();
        for of in series {
            let earliest = of.samples().iter().map(|s| millis(s.timestamp())).min();
            if let Some(earliest) = earliest {
                let known = first.entry(target(of.metric())).or_insert(earliest);
                *known = earliest.min(*known);
            }
        }
        first
    }

    fn add<'a>(&mut self, id: String, first: UnixMillis, labels: impl Iterator<Item = &'a String>) {
        let known = self.first.entry(id.clone()).or_insert(first);
        *known = first.min(*known);
        self.labels.entry(id).or_default().extend(labels.cloned());
    }

    /// What tells a counter, or a histogram, from the others of its target: its own labels.
    fn key(&self, of: &RangeVector) -> String {
        let known = self.labels.get(&target(of.metric()));
        let of_target = |name: &str| match known {
            Some(labels) => labels.contains(name),
            // One that was scraped for the first time has the labels that the others have.
            None => self.labels.values().any(|labels| labels.contains(name)),
        };
        let of_pod = |name: &str| name.starts_with(OURS) || TARGET.contains(&name);
        let own = |name: &str| name != "le" && !of_pod(name) && !of_target(name);
        let labels: BTreeMap<_, _> = of.metric().iter().filter(|(name, _)| own(name)).collect();
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
    }

    /// Series by target.
    pub(super) fn read(
        &self,
        series: &[&RangeVector],
        first: &BTreeMap<String, UnixMillis>,
        read: &Read<'_>,
    ) -> Result<Vec<Target>, BadSample> {
        let mut targets: BTreeMap<String, Vec<(String, &RangeVector)>> = BTreeMap::new();
        for of in series {
            targets.entry(target(of.metric())).or_default().push((self.key(of), of));
        }
        let targets = targets.into_iter().map(|(id, series)| {
            let read = Target::new(id.clone(), None, read(&series)?)?;
            Ok(match first.get(&id) {
                Some(first) => read.scraped(*first),
                None => read,
            })
        });
        targets.collect()
    }
}

/// One series per counter, also where its pod was labelled anew in the meantime.
pub(super) fn counters(view: &View, series: &[(String, &RangeVector)]) -> Result<Vec<Series>, BadSample> {
    let mut found: BTreeMap<&String, (Role, BTreeMap<UnixMillis, f64>)> = BTreeMap::new();
    for (key, of) in series {
        let role = if view.is_failed(of.metric()) { Role::Both } else { Role::Requests };
        let (_, samples) = found.entry(key).or_insert_with(|| (role, BTreeMap::new()));
        samples.extend(of.samples().iter().map(|s| (millis(s.timestamp()), s.value())));
    }
    let read = |(key, (role, samples)): (&String, (Role, BTreeMap<UnixMillis, f64>))| {
        let samples = samples.into_iter().map(|(at, value)| RawSample::new(at, value)).collect::<Result<_, _>>()?;
        Series::new(key.clone(), role, samples)
    };
    found.into_iter().map(read).collect()
}

/// One series of samples per histogram, whose bounds are `per_second` times as large as ours. A scrape that lacks a bucket is left
/// out: the next one makes up for it.
pub(super) fn histograms(
    per_second: f64,
    bounds: &Bounds,
    series: &[(String, &RangeVector)],
) -> Result<Vec<Series>, BadSample> {
    /// By time: bounds and counts.
    type Scrapes = BTreeMap<UnixMillis, Vec<(f64, f64)>>;
    let mut found: BTreeMap<&String, Scrapes> = BTreeMap::new();
    for (key, of) in series {
        let Some(le) = of.metric().get("le").and_then(|le| le.parse::<f64>().ok()) else { continue };
        let scrapes = found.entry(key).or_default();
        for sample in of.samples() {
            scrapes.entry(millis(sample.timestamp())).or_default().push((le / per_second, sample.value()));
        }
    }
    let read = |(key, scrapes): (&String, Scrapes)| {
        let samples = scrapes.iter().filter_map(|(at, scraped)| bounds.sample(*at, scraped).ok()).collect();
        Series::new(key.clone(), Role::Requests, samples)
    };
    found.into_iter().map(read).collect()
}

pub(super) fn millis(seconds: f64) -> UnixMillis {
    UnixMillis((seconds * 1000.0).round() as i64)
}

/// A target, of which all series of one scrape have one time: a revision's, or a proxy.
fn target(labels: &HashMap<String, String>) -> String {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    [REVISION].into_iter().chain(TARGET).map(label).collect::<Vec<_>>().join("\n")
}
