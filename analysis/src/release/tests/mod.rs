//! Releases from the first look to the decision.

use super::*;
use crate::history::History;
use crate::ingest::Window;
use crate::{Alpha, Arm, Counts, Rate, Ratio};

mod decisions;
mod journals;
mod sights;

const MINUTE: i64 = 60_000;

/// A plan that reads as a sentence.
struct Given(Settings);

fn ramp() -> Given {
    let steps = [0.05, 0.1, 0.25, 0.5].map(|weight| Step { weight, seconds: 300.0 }).to_vec();
    Given(Settings { steps, ..Settings::default() }).metric("errors", |_| ())
}

impl Given {
    fn metric(mut self, name: &str, change: impl FnOnce(&mut ErrorPolicy)) -> Self {
        let tolerance = Tolerance::new(Ratio::STRICT, 0.0, None).unwrap();
        let mut policy = ErrorPolicy { tolerance, objective: Some(Rate::new(0.01).unwrap()), ..ErrorPolicy::default() };
        change(&mut policy);
        self.0.metrics.retain(|metric| metric.name != name);
        self.0.metrics.push(Metric {
            name: name.into(),
            critical: true,
            weight: 1.0,
            policy: Policy::Errors(Box::new(policy)),
        });
        self
    }

    fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.0);
        self
    }

    fn plan(self) -> Plan {
        Plan::new(self.0).unwrap()
    }
}

fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
    Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
}

/// A look every minute; steps of five minutes.
struct Journal(Vec<Entry>);

impl Journal {
    fn new() -> Self {
        Self(vec![])
    }

    fn minute(mut self, observed: &[(&str, Counts)]) -> Self {
        let until = (self.0.len() as i64 + 1) * MINUTE;
        let step = ((self.0.len()) / 5).min(3);
        let window = Window { after: UnixMillis(until - MINUTE), until: UnixMillis(until) };
        let batch = |(name, counts): &(&str, Counts)| {
            ((*name).to_owned(), Observed::Counts(CountBatch { window, counts: *counts }))
        };
        self.0.push(Entry {
            at: UnixMillis(until),
            step,
            step_since: UnixMillis(step as i64 * 5 * MINUTE),
            observed: observed.iter().map(batch).collect(),
            signals: Signals::default(),
        });
        self
    }

    fn minutes(self, so_many: usize, counts: Counts) -> Self {
        (0..so_many).fold(self, |journal, _| journal.minute(&[("errors", counts)]))
    }

    /// Every step with its weight of so many requests a minute, at these rates.
    fn ramp(requests: u64, canary: f64, baseline: f64) -> Self {
        (0..20).fold(Self::new(), |journal, minute| {
            let n_c = (requests as f64 * [0.05, 0.1, 0.25, 0.5][minute / 5]) as u64;
            let errors = |n: u64, p: f64| {
                ((n as f64 * p * (minute + 1) as f64) as u64) - ((n as f64 * p * minute as f64) as u64)
            };
            let n_b = requests - n_c;
            journal.minute(&[("errors", counts(n_c, errors(n_c, canary), n_b, errors(n_b, baseline)))])
        })
    }

    fn last(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.0.last_mut().unwrap());
        self
    }

    fn on(&self, given: Given) -> Decided {
        decide(&given.plan(), &self.0)
    }

    fn decisions(&self, given: Given) -> Vec<Decision> {
        let plan = given.plan();
        (1..=self.0.len()).map(|n| decide(&plan, &self.0[..n]).decision).collect()
    }
}
