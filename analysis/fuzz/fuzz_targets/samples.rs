//! Any samples: counts of whole requests, no more errors than requests, and the same ones in whatever order series come.
#![no_main]

use analysis::ingest::{ArmScrape, CountIngest, Observation, RawSample, Role, Series, Target, UnixMillis};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    since: i64,
    looks: Vec<(i64, Scrape, Scrape)>,
}

#[derive(Arbitrary, Debug)]
struct Scrape {
    traffic: bool,
    targets: Vec<Scraped>,
}

#[derive(Arbitrary, Debug)]
struct Scraped {
    started: Option<i64>,
    scraped: Option<i64>,
    series: Vec<Samples>,
}

#[derive(Arbitrary, Debug)]
struct Samples {
    key: u8,
    role: u8,
    samples: Vec<(i64, f64)>,
}

impl Scrape {
    /// What is accepted of it, its series and targets in the order given or the other way round.
    fn arm(&self, reversed: bool) -> ArmScrape {
        let targets = self.targets.iter().take(4).enumerate();
        let mut targets: Vec<_> = targets.filter_map(|(number, target)| target.accepted(number, reversed)).collect();
        if reversed {
            targets.reverse();
        }
        ArmScrape { targets, traffic: self.traffic }
    }
}

impl Scraped {
    fn accepted(&self, number: usize, reversed: bool) -> Option<Target> {
        let series = self.series.iter().take(4).map(|Samples { key, role, samples }| {
            let role = [Role::Requests, Role::Errors, Role::Both][usize::from(*role % 3)];
            let samples = samples.iter().filter_map(|(at, value)| RawSample::new(UnixMillis(*at), *value).ok());
            Series::new(key.to_string(), role, samples.collect())
        });
        let mut series: Vec<_> = series.collect::<Result<_, _>>().ok()?;
        if reversed {
            series.reverse();
        }
        let target = Target::new(number.to_string(), self.started.map(UnixMillis), series).ok()?;
        Some(self.scraped.map(UnixMillis).into_iter().fold(target, Target::scraped))
    }
}

fuzz_target!(|input: Input| {
    let mut ingests = [CountIngest::new(UnixMillis(input.since)), CountIngest::new(UnixMillis(input.since))];
    for (at, canary, stable) in input.looks.iter().take(8) {
        let [one, other] = [false, true].map(|reversed| {
            let ingest = &mut ingests[usize::from(reversed)];
            ingest.take(UnixMillis(*at), &canary.arm(reversed), &stable.arm(reversed))
        });
        assert_eq!(one, other);
        if let Observation::Batch { batch, .. } = one {
            let counts = batch.counts;
            assert!(counts.canary.errors() <= counts.canary.requests());
            assert!(counts.baseline.errors() <= counts.baseline.requests());
        }
    }
});
