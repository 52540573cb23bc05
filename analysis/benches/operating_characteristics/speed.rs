//! How fast the crate is as a program.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use analysis::history::History;
use analysis::ingest::CountBatch;
use analysis::release::{Entry, ErrorPolicy, Metric, Observed, Plan, Policy, Replay, decide};
use analysis::{Counts, Rate};

use crate::draw::Draw;
use crate::goals::Checks;
use crate::ours;
use crate::rollout::{Schedule, Service};

/// Of one look.
const METRICS: usize = 20;
const LOOK: Duration = Duration::from_millis(5);
/// Of one journal.
const LOOKS: usize = 10_000;
const JOURNAL: Duration = Duration::from_secs(1);

/// Measures, prints, and compares with the goals.
pub fn print(seed: u64, checks: &mut Checks) {
    let mut draw = Draw::new(seed, "speed", 0);
    let service = Service::new(100.0, 0.005, 0.005);
    let look = one_look(&service, &mut draw);
    tell(checks, "one look of 20 metrics in the middle of a ramp, with its decision", look, LOOK);
    let (replayed, decided) = long_journal(&service, &mut draw);
    tell(checks, "a journal of 10,000 looks, replayed and decided once", replayed + decided, JOURNAL);
    println!("  of which replaying {} ms, deciding {} ms", replayed.as_millis(), decided.as_millis());
}

fn tell(checks: &mut Checks, what: &str, took: Duration, goal: Duration) {
    println!("{what}: {:.2} ms (goal below {} ms)", took.as_secs_f64() * 1e3, goal.as_millis());
    checks.compared += 1;
    if took >= goal {
        checks.missed.push(format!("{what}: {took:.1?}, the goal is {goal:?}"));
    }
}

fn policy(service: &Service, draw: &mut Draw) -> ErrorPolicy {
    let history = History::of(&service.week(draw, 0.0)).expect("a week of requests");
    ErrorPolicy { history: Some(history), objective: Rate::new(0.01).ok(), ..ErrorPolicy::default() }
}

fn name(metric: usize) -> String {
    format!("errors-{metric:02}")
}

fn metrics(so_many: usize, service: &Service, draw: &mut Draw) -> Vec<Metric> {
    let mut metric = |metric: usize| Metric {
        name: name(metric),
        critical: true,
        weight: 1.0,
        policy: Policy::Errors(Box::new(policy(service, draw))),
    };
    (0..so_many).map(&mut metric).collect()
}

fn journal(schedule: &Schedule, metrics: usize, service: &Service, draw: &mut Draw) -> Vec<Entry> {
    let windows: Vec<Vec<Counts>> = schedule
        .looks()
        .map(|(_, weight)| (0..metrics).map(|_| service.window(draw, 0.0, 0.0, schedule.seconds, weight)).collect())
        .collect();
    ours::observed_journal(schedule, &windows, |look, counts| {
        let window = ours::window(look, schedule.seconds);
        let observed = |counts: &Counts| Observed::Counts(CountBatch { window, counts: *counts });
        counts.iter().enumerate().map(|(metric, counts)| (name(metric), observed(counts))).collect::<BTreeMap<_, _>>()
    })
}

/// The median over the looks of the third step.
fn one_look(service: &Service, draw: &mut Draw) -> Duration {
    let schedule = Schedule::ramp(60.0);
    let plan = ours::plan_of(&schedule, metrics(METRICS, service, draw), |_| ());
    let journal = journal(&schedule, METRICS, service, draw);
    let mut replay = Replay::new(&plan);
    let timed = |entry: &Entry| {
        let began = Instant::now();
        replay.look(entry);
        std::hint::black_box(replay.decided());
        began.elapsed()
    };
    let mut took: Vec<Duration> = journal.iter().map(timed).skip(10).take(5).collect();
    took.sort();
    took[2]
}

/// Of one metric, with a look every 15 s: to replay it, and to decide at its end.
fn long_journal(service: &Service, draw: &mut Draw) -> (Duration, Duration) {
    let schedule = Schedule { steps: vec![(0.25, LOOKS)], seconds: 15.0 };
    let plan: Plan = ours::plan_of(&schedule, metrics(1, service, draw), |_| ());
    let journal = journal(&schedule, 1, service, draw);
    let began = Instant::now();
    let mut replay = Replay::new(&plan);
    journal.iter().for_each(|entry| replay.look(entry));
    let replayed = began.elapsed();
    let began = Instant::now();
    let decided = replay.decided();
    let deciding = began.elapsed();
    assert_eq!(decided, decide(&plan, &journal), "replaying is the same as deciding at once");
    (replayed, deciding)
}
