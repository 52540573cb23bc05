//! False rollbacks where what the promise takes for granted does not hold.

use crate::rollout::{Nasty, Service};
use crate::rules::{Rule, Setup, tallies};

/// How often both versions fail.
const USUAL: f64 = 0.005;

/// Prints how often a version is rolled back that is as good as the one beside it.
pub fn print(setup: &Setup) {
    let cases = [
        ("independent requests", Nasty::Nothing),
        ("both versions fail 10 % for two minutes", Nasty::Outage(0.1)),
        ("the candidate alone fails 50 % for one minute", Nasty::Glitch(0.5)),
        ("errors come in clusters of 3 on average", Nasty::Clusters(3.0)),
        ("errors come in clusters of 5 on average", Nasty::Clusters(5.0)),
        ("the candidate's rate varies from minute to minute", Nasty::Frailty(0.5)),
        ("the rate of both goes up and down together", Nasty::Wander(0.9, 0.5)),
    ];
    println!("Healthy versions that fail 0.5 %: share rolled back · mean minutes to it");
    println!(
        "{:>4} {:<50} {:>15} {:>15} {:>15}",
        "rps",
        "",
        Rule::ALL[0].name(),
        Rule::ALL[1].name(),
        Rule::ALL[2].name()
    );
    for rps in [10.0, 100.0] {
        for (name, nasty) in cases {
            let service = Service { nasty, ..Service::new(rps, USUAL, USUAL) };
            let [ours, flagger, argo] = tallies(setup, &format!("limits, {rps} rps, {name}"), &service);
            println!("{rps:>4} {name:<50} {ours:>15} {flagger:>15} {argo:>15}");
        }
    }
}
