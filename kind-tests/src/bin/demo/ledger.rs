//! What is left at the end: the figures, and whether what was promised was kept.

use apps::report::{Counts, Identity, Report};

use kind_tests::words::thousands;

use crate::{counters::Counters, identity::Identities, screen::Screen, shop::FRONTEND};

/// All that the figures come from.
pub struct Ledger {
    /// What the load counted from its start to its end.
    pub report: Report,
    /// Who answered.
    pub identities: Identities,
    /// The version that failed its test.
    pub refused: Refused,
    /// The version that failed under live traffic.
    pub taken_back: TakenBack,
}

/// A version that failed its conformance test.
pub struct Refused {
    /// Short id of its revision.
    pub revision: String,
    /// What its own pods counted.
    pub counters: Counters,
}

/// A version that failed under live traffic.
pub struct TakenBack {
    /// Short id of its revision.
    pub revision: String,
    /// When nobody new was sent to it any more, in milliseconds of Unix time.
    pub weight_zero_ms: u64,
    /// What was counted by the time the release had ended.
    pub by_then: Counts,
}

/// A figure, and why it breaks a promise, where it does.
struct Figure {
    what: String,
    value: String,
    /// `None` where nothing was promised.
    kept: Option<bool>,
}

impl Ledger {
    /// Prints the figures and returns the promises that did not hold.
    pub fn close(&self, screen: &mut Screen, seconds: u64) -> Vec<String> {
        let figures = self.figures(seconds);
        let width = figures.iter().map(|f| f.what.len()).max().unwrap_or_default();
        for figure in &figures {
            let mark = match figure.kept {
                Some(true) => screen.paint("32", "  as promised"),
                Some(false) => screen.paint("31", "  NOT as promised"),
                None => String::new(),
            };
            screen.say(&format!("  {:<width$}  {:>11}{mark}", figure.what, figure.value));
        }
        let broken = figures.iter().filter(|f| f.kept == Some(false));
        let mut broken: Vec<_> = broken.map(|f| format!("{}: {}", f.what, f.value)).collect();
        if !broken.is_empty() {
            broken.extend(self.first_failures());
        }
        broken
    }

    fn figures(&self, seconds: u64) -> Vec<Figure> {
        let bad = self.of(&self.taken_back.revision);
        let answers: u64 = bad.iter().map(|i| i.answers().all()).sum();
        let errors: u64 = bad.iter().map(|i| i.answers().errors).sum();
        let totals: Vec<_> = self.report.targets.values().map(|t| t.counts.total).collect();
        let (sent, tried_twice) = (totals.iter().map(|t| t.sent).sum(), totals.iter().map(|t| t.retried).sum());
        let failed = totals.iter().map(|t| t.failed + t.errors).sum::<u64>().saturating_sub(errors);
        let by_refused: u64 = self.of(&self.refused.revision).iter().map(|i| i.answers().all()).sum();
        let counters = &self.refused.counters;
        let later = answers.saturating_sub(self.answers_then());
        let first_bad = bad.iter().filter_map(|i| i.first_error_ms).min();
        let seconds_to_zero = first_bad.map(|first| (self.taken_back.weight_zero_ms as f64 - first as f64) / 1000.0);
        vec![
            told(format!("requests sent to {} services", totals.len()), thousands(sent)),
            promised("failed because of a switch", failed),
            told("  tried once more, since a kept connection ended", thousands(tried_twice)),
            promised("served by the version that failed conformance", by_refused),
            Figure {
                kept: Some(counters.live() == 0 && counters.pods() > 0),
                ..told(format!("  as its own pods ({}) have counted", counters.pods()), thousands(counters.live()))
            },
            told("served by the bad version before it was taken back", thousands(answers - later)),
            told("  of them errors", thousands(errors)),
            told(
                "seconds from its first bad answer to weight 0",
                seconds_to_zero.map_or_else(|| "-".into(), |s| format!("{s:.1}")),
            ),
            promised("served by the bad version after it was taken back", later),
            told("total time", format!("{} min {:02} s", seconds / 60, seconds % 60)),
        ]
    }

    fn answers_then(&self) -> u64 {
        let of = |i: &&Identity| self.is_of(i, &self.taken_back.revision);
        self.taken_back.by_then.identities.iter().filter(of).map(|i| i.answers().all()).sum()
    }

    /// Who of a revision of the frontend answered.
    fn of(&self, revision: &str) -> Vec<&Identity> {
        let all = self.report.targets.get(FRONTEND).map(|t| &t.counts.identities);
        all.into_iter().flatten().filter(|i| self.is_of(i, revision)).collect()
    }

    fn is_of(&self, identity: &Identity, revision: &str) -> bool {
        self.identities.revision(FRONTEND, identity).as_deref() == Some(revision)
    }

    /// The first requests that broke the first promise.
    fn first_failures(&self) -> Vec<String> {
        let since = |at: u64| at.saturating_sub(self.report.started_ms) as f64 / 1000.0;
        let failures = self.report.failures.iter().map(|f| {
            format!("after {:.1} s of load, {}: no answer, {:?}: {}", since(f.at_ms), f.target, f.cause, f.detail)
        });
        let bad: Vec<_> = self.of(&self.taken_back.revision).iter().map(|i| &i.hostname).collect();
        let errors = self.report.error_answers.iter().filter(|e| !bad.contains(&&e.hostname)).map(|e| {
            format!(
                "after {:.1} s of load, {}: {} from {} {}",
                since(e.at_ms),
                e.target,
                e.status,
                e.hostname,
                e.version
            )
        });
        failures.chain(errors).take(10).collect()
    }
}

fn told(what: impl Into<String>, value: impl Into<String>) -> Figure {
    Figure { what: what.into(), value: value.into(), kept: None }
}

/// None at all is promised.
fn promised(what: &str, number: u64) -> Figure {
    Figure { kept: Some(number == 0), ..told(what, thousands(number)) }
}
