//! Healthy canaries in services that are not simple, and what of the power is kept.

use analysis::history::History;
use analysis::phi::{Dispersion, dispersion};
use analysis::{Alpha, Kappa, Phi, Ratio};

use super::figure;
use super::grid::{minute, policy};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held, Robust};
use crate::rollout::{Nasty, Schedule, Service};
use crate::tally::Tally;
use crate::{ours, peers};

/// Runs of the goals.
const TRIALS: usize = 2_000;
const BASE: f64 = 0.005;
/// From which the design effect is measured: half a day of minutes of so many pods.
const MINUTES: usize = 720;
const PODS: usize = 6;

/// What differs from row to row.
#[derive(Clone, Copy)]
struct Case {
    nasty: Nasty,
    canary: f64,
    ratio: Ratio,
    kappa: Kappa,
    measured: bool,
}

/// From its name; rows that go on with the row before begin with a blank.
fn case(name: &str, before: Option<Case>) -> Case {
    let healthy = |nasty| Case { nasty, canary: BASE, ratio: Ratio::STRICT, kappa: Kappa::default(), measured: false };
    let has = |text: &str| name.contains(text);
    match before.filter(|_| name.starts_with(' ')) {
        Some(before) if has("without the cap") => Case { kappa: Kappa::NONE, ..before },
        Some(before) if has("x5") => Case { canary: 5.0 * BASE, measured: true, ..before },
        Some(before) if has("phi auto") => Case { measured: true, ..before },
        Some(before) if has("ratio 1.1") => Case { ratio: Ratio::TENTH_MORE, ..before },
        _ if has("outage") => healthy(Nasty::Outage(0.1)),
        _ if has("diurnal") => healthy(Nasty::Diurnal),
        _ if has("glitch") => healthy(Nasty::Glitch(0.5)),
        _ if has("cluster 3") => healthy(Nasty::Clusters(3.0)),
        _ if has("cluster 5") => healthy(Nasty::Clusters(5.0)),
        _ if has("frailty") => healthy(Nasty::Frailty(0.5)),
        _ if has("10% worse") => Case { canary: 1.1 * BASE, ..healthy(Nasty::Nothing) },
        _ => panic!("no such case: {name}"),
    }
}

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Robustness: rolled back · minutes");
    println!("{:<68} | {:>14} {:>15} | {:>14} {:>14}", "case", "ours", "(goal)", "Argo", "Kayenta 1");
    let (mut before, mut rps) = (None, 10.0);
    for row in &goals.robust {
        rps = row.case.split("rps ").nth(1).map_or(rps, |text| text.parse().expect("requests per second"));
        let case = case(&row.case, before);
        print_row(setup, row, case, rps, checks);
        before = Some(case);
    }
    for rps in [10.0, 100.0] {
        print_wandering(setup, rps, checks);
    }
}

/// Rates that go up and down together, the more alike the nearer in time, have no goal: they are held to the promise.
fn print_wandering(setup: &Setup, rps: f64, checks: &mut Checks) {
    let nasty = Nasty::Wander(0.9, 0.5);
    let case = Case { nasty, canary: BASE, ratio: Ratio::STRICT, kappa: Kappa::default(), measured: false };
    let name = format!("NULL both rates wander, log sd 0.5, correlation 0.9 a minute, rps {rps}");
    let (rules, _) = simulated(setup, &format!("robustness, wandering, {rps} rps"), case, rps);
    checks.at_most(&format!("robustness, {name}"), &rules[0], Alpha::HUNDREDTH.get());
    let [got, argo, kayenta] = rules;
    println!("{name:<68} | {got:>14} {:>15} | {argo:>14} {kayenta:>14}", "");
}

/// Ours, Argo's rule and Kayenta's; and the design effects that were measured.
fn simulated(setup: &Setup, label: &str, case: Case, rps: f64) -> ([Tally; 3], Vec<f64>) {
    let schedule = Schedule::ramp(60.0);
    let service = Service { nasty: case.nasty, ..Service::new(rps, BASE, case.canary) };
    let run = |number: u64| {
        let mut draw = Draw::new(setup.seed, label, number);
        let begins = service.begins(&mut draw);
        let windows = service.rollout(&mut draw, begins, &schedule);
        let history = History::of(&service.week(&mut draw, begins)).expect("a week of requests");
        let phi = if case.measured { measured(&service, &mut draw) } else { Phi::INDEPENDENT };
        let mut policy = policy(case.ratio, Some(history), &schedule, &service);
        (policy.kappa, policy.phi) = (case.kappa, phi);
        let plan = ours::plan(&schedule, policy, |_| ());
        let looks = [
            ours::first_rollback(&plan, &ours::journal(&schedule, &windows)),
            peers::argo(&windows),
            peers::kayenta(&windows, 1),
        ];
        (looks.map(|look| minute(&schedule, look)), phi)
    };
    let all = runs(setup.threads, label, setup.runs, run);
    let mut phis: Vec<f64> = all.iter().map(|run| run.1.get()).collect();
    phis.sort_by(f64::total_cmp);
    ([0, 1, 2].map(|rule| Tally::of(all.iter().map(|run| run.0[rule]))), phis)
}

fn print_row(setup: &Setup, row: &Robust, case: Case, rps: f64, checks: &mut Checks) {
    let name = row.case.trim();
    let label = format!("robustness, {name}, {rps} rps, {:?}", case.canary);
    let ([got, argo, kayenta], phis) = simulated(setup, &label, case, rps);
    let held = if case.canary >= 2.0 * BASE { Held::Many } else { Held::Few };
    checks.goal(&label, held, &got, row.ours, TRIALS);
    checks.same(&format!("{label}, Argo"), &argo, row.argo, TRIALS);
    checks.same(&format!("{label}, Kayenta"), &kayenta, row.kayenta1, TRIALS);
    let name = if case.measured { format!("   {name} (here {:.2})", phis[phis.len() / 2]) } else { row.case.clone() };
    println!("{name:<68} | {got:>14} {:>15} | {argo:>14} {kayenta:>14}", figure(row.ours));
}

fn measured(service: &Service, draw: &mut Draw) -> Phi {
    match dispersion(&service.pods(draw, MINUTES, PODS), Phi::INDEPENDENT) {
        Dispersion::Measured(phi) | Dispersion::Assumed { phi, .. } | Dispersion::Unusable(phi) => phi,
    }
}
