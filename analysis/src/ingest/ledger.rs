//! What was last seen of every series, and by how much it has grown since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CounterValue, Cumulative, Role, Series, Target, UnixMillis};

/// The last samples of all series of one arm, since counting began.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Ledger<V = Vec<CounterValue>> {
    since: UnixMillis,
    targets: BTreeMap<String, Known<V>>,
}

/// What is known of a target.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Known<V> {
    /// The earliest scrape with success that was seen.
    scraped: Option<UnixMillis>,
    last: BTreeMap<String, Last<V>>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Last<V> {
    at: UnixMillis,
    held: V,
}

/// By how much a series has grown.
#[derive(Clone, Debug, PartialEq)]
pub struct Increment<G = Vec<f64>> {
    /// What the series adds to.
    pub role: Role,
    /// As many as a sample has; finite, not below 0.
    pub by: G,
}

impl<V: Cumulative> Ledger<V> {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis) -> Self {
        Self { since, targets: BTreeMap::new() }
    }

    /// Takes the samples up to and including a time; those it has seen already add nothing. Gives one increment for each
    /// series that has a new sample, in the order of the targets and keys.
    ///
    /// A counter that has become smaller was reset, and all it holds has happened since. Of a series that is new the
    /// first value counts if the series is known to be younger than the count: its target started after counting began,
    /// or was scraped before without it. Error series are born with their first error, which `increase()` never counts
    /// (prometheus/prometheus#1673, #3886). Without such knowledge the first value is the point to count from.
    pub fn take(&mut self, targets: &[Target<V>], until: UnixMillis) -> Vec<Increment<V::Growth>> {
        let mut increments = Vec::new();
        let mut sorted: Vec<_> = targets.iter().collect();
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        for target in sorted {
            let known = self.targets.entry(target.id.clone()).or_insert(Known { scraped: None, last: BTreeMap::new() });
            known.scraped = [known.scraped, earliest_scrape(target, until)].into_iter().flatten().min();
            let started_later = target.started.is_some_and(|started| started > self.since);
            for series in &target.series {
                let scraped = known.scraped;
                let born = |first: UnixMillis| started_later || scraped.is_some_and(|scrape| scrape < first);
                increments.extend(advance(&mut known.last, series, self.since, until, born));
            }
        }
        increments
    }

    /// Drops what is known of targets that are gone for good, so that the state stays small. A target whose id could come
    /// back must stay: all it holds would be counted anew.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.targets.retain(|id, _| keep(id));
    }
}

fn earliest_scrape<V>(target: &Target<V>, until: UnixMillis) -> Option<UnixMillis> {
    let of_series = target.series.iter().filter_map(|series| series.samples.first()).map(|sample| sample.at);
    of_series.chain(target.scraped).filter(|at| *at <= until).min()
}

/// Moves one series on to its last sample within the time; none when no sample is new.
fn advance<V: Cumulative>(
    all: &mut BTreeMap<String, Last<V>>,
    series: &Series<V>,
    since: UnixMillis,
    until: UnixMillis,
    born: impl Fn(UnixMillis) -> bool,
) -> Option<Increment<V::Growth>> {
    let mut last = all.get(&series.key).cloned();
    let mut by = None;
    for sample in series.samples.iter().filter(|sample| sample.at <= until) {
        if last.as_ref().is_some_and(|last| sample.at <= last.at) {
            continue;
        }
        let growth = match &last {
            _ if sample.at <= since => sample.held.nothing(),
            None if !born(sample.at) => sample.held.nothing(),
            last => sample.held.growth(last.as_ref().map(|last| &last.held)),
        };
        by = Some(match by {
            Some(by) => V::join(by, growth),
            None => growth,
        });
        last = Some(Last { at: sample.at, held: sample.held.clone() });
    }
    let by = by?;
    all.extend(last.map(|last| (series.key.clone(), last)));
    Some(Increment { role: series.role, by })
}
