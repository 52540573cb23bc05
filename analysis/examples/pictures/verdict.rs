//! What is said of one release.

use analysis::release::decide;

use crate::draw::Draw;
use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::rules::{Setup, plan};

/// Prints the report of a release that is taken back, and of one that is not.
pub fn print(setup: &Setup) {
    let schedule = Schedule::ramp(60.0);
    let plan = plan(&schedule);
    for rate in [0.02, 0.005] {
        let service = Service::new(50.0, 0.005, rate);
        let windows = service.rollout(&mut Draw::new(setup.seed, "verdict", 0), 0.0, &schedule);
        let journal = ours::journal(&schedule, &windows);
        let looks = ours::first_rollback(&plan, &journal).map_or(journal.len(), |look| look + 1);
        let decided = decide(&plan, &journal[..looks]);
        println!("after {looks} looks: {:?}", decided.decision);
        for metric in &decided.metrics {
            println!("{}: {}", metric.name, metric.message);
            println!("candidate {:?}, stable {:?}", metric.counts.canary, metric.counts.baseline);
            for (of, interval) in
                [("candidate", metric.canary_rate), ("stable", metric.baseline_rate), ("ratio", metric.ratio)]
            {
                let Some(interval) = interval else { continue };
                let unit = if of == "ratio" { 1.0 } else { 100.0 };
                println!("95 % of {of}: {:.2} to {:.2}", unit * interval.low, unit * interval.high);
            }
            println!("p {:.2e}, alpha {}, spent {:.5}", metric.p, metric.alpha.get(), metric.used);
            for test in &metric.tests {
                println!(
                    "  {:?}: sum and bound {:?}, p {:.2e}, alpha {:.4}",
                    test.test,
                    test.sum,
                    test.p,
                    test.alpha.get()
                );
            }
        }
    }
}
