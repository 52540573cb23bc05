//! Any journal under any policy: a verdict that can be stored, and is the same when the journal is read again.
#![no_main]

mod plan;

use std::collections::BTreeMap;

use analysis::{
    Batch, Counted, Look, MetricJudgement, Past, Reason, Sample, Verdict,
    ingest::{UnixMillis, Window},
    judge,
};
use arbitrary::Arbitrary;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    stated: plan::Stated,
    past: Option<(u32, u64, u64, plan::Number)>,
    looks: Vec<Seen>,
}

#[derive(Arbitrary, Debug)]
struct Seen {
    second: u16,
    window: Option<(i64, i64)>,
    step: u8,
    samples: [Option<Brought>; 3],
}

#[derive(Arbitrary, Debug)]
enum Brought {
    Counts([u16; 4]),
    Bracketed([u16; 8]),
    Number(plan::Number),
    Nothing(String),
}

impl Brought {
    fn sample(&self) -> Option<Sample> {
        let counted = |numbers: &[u16]| Counted::try_from(numbers.iter().map(|n| u64::from(*n)).collect::<Vec<_>>());
        match self {
            Self::Counts(numbers) => counted(numbers).ok().map(Sample::counts),
            Self::Bracketed(numbers) => counted(numbers).ok().map(Sample::counts),
            Self::Number(number) => Some(Sample::value(number.0)),
            // It is quoted, so it must not look like a number of ours.
            Self::Nothing(words) => Some(Sample::unknown(Reason::NoData, words.replace('N', ""))),
        }
    }
}

impl Seen {
    fn batch(&self, past: Option<BTreeMap<String, Past>>) -> Batch {
        let samples = self.samples.iter().zip(plan::NAMES);
        let samples = samples.filter_map(|(brought, name)| Some((name.to_owned(), brought.as_ref()?.sample()?)));
        Batch {
            at: DateTime::from_timestamp(1_700_000_000 + i64::from(self.second), 0).expect("a time"),
            window: self.window.map(|(after, until)| Window { after: UnixMillis(after), until: UnixMillis(until) }),
            step: u32::from(self.step % 10),
            past,
            samples: samples.collect(),
        }
    }
}

fuzz_target!(|input: Input| {
    let Some(plan) = input.stated.accepted() else { return };
    let past = input.past.map(|(hours, requests, errors, factor)| {
        BTreeMap::from([(plan::NAMES[0].to_owned(), Past { hours, requests, errors, factor: factor.0 })])
    });
    let journal: Vec<Batch> = input.looks.iter().take(16).map(|seen| seen.batch(past.clone())).collect();
    let look = Look { at: DateTime::from_timestamp(1_700_100_000, 0).expect("a time") };
    let judged = judge(&plan, &journal, look);
    // What is not finite would become null, which cannot be read again.
    let text = serde_json::to_string(&judged.metrics).expect("it is written");
    let again: Vec<MetricJudgement> = serde_json::from_str(&text).expect("it is read again");
    assert_eq!(again, judged.metrics);
    assert_eq!(judge(&plan, &journal, look), judged);
    assert!(judged.verdict != Verdict::Pass || judged.steady);
    for metric in &judged.metrics {
        // "the query answered NaN" is no number of ours.
        let odd = metric.message.replace("answered NaN", "").contains("NaN");
        assert!(!odd && metric.message.chars().count() <= 1024, "{}", metric.message);
    }
});
