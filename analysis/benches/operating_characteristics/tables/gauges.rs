//! Gauges of pods.

use std::collections::BTreeMap;

use analysis::gauge::{Betting, Pods, Tolerance, Worse};
use analysis::kayenta::{Class, judge};
use analysis::release::{Entry, GaugePolicy, Metric, Observed, Plan, PodValues, Policy};
use analysis::{Alpha, eproc::Onset};

use super::figure;
use super::grid::minute;
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::peers::{WARM_UP, default_judge};
use crate::rollout::Schedule;
use crate::tally::Tally;

/// Runs of the goals.
const TRIALS: usize = 2_000;
const PODS: (usize, usize) = (3, 9);
/// Deviations of the logarithm of a pod's value from look to look, and of its lasting difference to the others where there is
/// one: gauges are above 0, and what disturbs them multiplies.
const NOISE: f64 = 0.1;
const LASTING: f64 = 0.05;

/// Values of the canary's pods and of the stable version's.
type Values = (Vec<f64>, Vec<f64>);

/// How gauges behave.
#[derive(Clone, Copy)]
struct Behaviour {
    shift: f64,
    /// Correlation of a pod's value with the one before.
    memory: f64,
    lasting: f64,
}

impl Behaviour {
    /// From the name of the case.
    fn of(case: &str) -> Self {
        let number = |text: &str| text.parse::<f64>().expect("a number in the name of the case");
        let shift = case.strip_prefix('+').and_then(|text| text.split('%').next()).map_or(0.0, number) / 100.0;
        let memory = case.split("AR ").nth(1).map_or(0.0, number);
        Self { shift, memory, lasting: if case.contains("pod effect") { LASTING } else { 0.0 } }
    }

    fn looks(self, draw: &mut Draw, looks: usize) -> Vec<Values> {
        let pods = PODS.0 + PODS.1;
        let lasting: Vec<f64> = (0..pods).map(|_| (self.lasting * draw.normal()).exp()).collect();
        let mut noise: Vec<f64> = (0..pods).map(|_| draw.normal()).collect();
        let fresh = (1.0 - self.memory * self.memory).sqrt();
        let look = |_| {
            noise.iter_mut().for_each(|noise| *noise = self.memory * *noise + fresh * draw.normal());
            let value = |pod: usize| 100.0 * lasting[pod] * (NOISE * noise[pod]).exp();
            let canary = (0..PODS.0).map(|pod| value(pod) * (1.0 + self.shift)).collect();
            (canary, (PODS.0..pods).map(value).collect())
        };
        (0..looks).map(look).collect()
    }
}

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Gauges: 60 looks of 15 s, 3 and 9 pods, noise 10 %, alpha 1 %; goals in the second line");
    println!(
        "{:<34} {:>4} | {:>15} {:>15} {:>15} {:>15}",
        "case", "tol", "ranks 15 s", "ranks 1 min", "betting", "Kayenta 15 s"
    );
    let often = Schedule { steps: vec![(0.25, 60)], seconds: 15.0 };
    let seldom = Schedule { steps: vec![(0.25, 15)], seconds: 60.0 };
    for row in &goals.gauge {
        let label = format!("gauges, {}, tolerance {}", row.case, row.tol);
        let behaviour = Behaviour::of(&row.case);
        let tolerance = Tolerance::relative(row.tol, Worse::Higher).expect("a tolerance");
        let plans = [&often, &seldom].map(|schedule| plan(schedule, tolerance));
        let run = |number: u64| {
            let looks = behaviour.looks(&mut Draw::new(setup.seed, &label, number), often.len());
            let minutes: Vec<Values> = looks.chunks(4).map(mean_of_each_pod).collect();
            let ranks = |plan: &Plan, schedule: &Schedule, values: &[Values]| {
                minute(schedule, ours::first_rollback(plan, &journal(schedule, values)))
            };
            [
                ranks(&plans[0], &often, &looks),
                ranks(&plans[1], &seldom, &minutes),
                minute(&often, betting(&looks, tolerance)),
                minute(&often, kayenta(&looks, row.tol)),
            ]
        };
        let all = runs(setup.threads, &label, setup.runs, run);
        let got = [0, 1, 2, 3].map(|rule| Tally::of(all.iter().map(|run| run[rule])));
        let figures = [row.rank15, row.rank60, row.ours, row.kayenta_each];
        let held = if row.case.starts_with('+') && row.tol < behaviour.shift { Held::Many } else { Held::Few };
        for ((got, goal), who) in got.iter().zip(figures).zip(["ranks", "ranks of minutes", "betting"]) {
            checks.goal(&format!("{label}, {who}"), held, got, goal, TRIALS);
        }
        checks.same(&format!("{label}, Kayenta"), &got[3], figures[3], TRIALS);
        let [often, seldom, betting, kayenta] = got;
        println!("{:<34} {:>4} | {often:>15} {seldom:>15} {betting:>15} {kayenta:>15}", row.case, row.tol);
        let [often, seldom, betting, kayenta] = figures.map(figure);
        println!("{:<39} | {often:>15} {seldom:>15} {betting:>15} {kayenta:>15}", "");
    }
}

fn plan(schedule: &Schedule, tolerance: Tolerance) -> Plan {
    let policy = Policy::Gauge(GaugePolicy::new(tolerance));
    ours::plan_of(schedule, vec![Metric { name: ours::ERRORS.into(), critical: true, weight: 1.0, policy }], |_| ())
}

fn journal(schedule: &Schedule, values: &[Values]) -> Vec<Entry> {
    ours::observed_journal(schedule, values, |look, (canary, baseline)| {
        let window = ours::window(look, schedule.seconds);
        let pods = PodValues { window, canary: canary.clone(), baseline: baseline.clone() };
        BTreeMap::from([(ours::ERRORS.into(), Observed::Pods(pods))])
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean_of_each_pod(looks: &[Values]) -> Values {
    let pod =
        |arm: fn(&Values) -> &Vec<f64>, pod: usize| mean(&looks.iter().map(|look| arm(look)[pod]).collect::<Vec<_>>());
    let canary = (0..PODS.0).map(|number| pod(|look| &look.0, number)).collect();
    (canary, (0..PODS.1).map(|number| pod(|look| &look.1, number)).collect())
}

fn betting(looks: &[Values], tolerance: Tolerance) -> Option<usize> {
    let mut betting = Betting::new(tolerance, Alpha::HUNDREDTH, Onset::default());
    let pods = |values: &[f64]| Pods::new(values.to_vec()).expect("finite values");
    looks.iter().position(|(canary, baseline)| betting.look(15.0, &pods(canary), &pods(baseline)).rejected)
}

/// On the means of both arms at all looks so far, judged at every look from the fifth on.
fn kayenta(looks: &[Values], tolerance: f64) -> Option<usize> {
    let canary: Vec<f64> = looks.iter().map(|look| mean(&look.0)).collect();
    let baseline: Vec<f64> = looks.iter().map(|look| mean(&look.1)).collect();
    let settings = default_judge(1.0 + tolerance);
    (WARM_UP..=looks.len())
        .find(|seen| judge(&canary[..*seen], &baseline[..*seen], &settings).class == Class::High)
        .map(|seen| seen - 1)
}
