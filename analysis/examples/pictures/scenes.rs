//! The pictures of the docs.

use crate::chart::{Axis, Chart, Panel};
use crate::rollout::Service;
use crate::rules::{Rule, Setup, percent, tallies};
use crate::tally::Tally;

/// A picture and its file.
pub struct Scene {
    pub file: &'static str,
    pub chart: Chart,
}

/// Requests per second.
const TRAFFIC: [f64; 9] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0];
/// How often the stable version fails before it is replaced by a worse one.
const USUAL: f64 = 0.001;

fn shares() -> Axis {
    Axis::linear(&[0.0, 20.0, 40.0, 60.0, 80.0, 100.0])
}

fn notes(setup: &Setup) -> Vec<String> {
    let runs = setup.runs.to_string();
    let (thousands, rest) = runs.split_at(runs.len().saturating_sub(3));
    let comma = if thousands.is_empty() { "" } else { "," };
    vec![
        format!(
            "Simulated, {thousands}{comma}{rest} releases a point: 5, 10, 25 and 50 % of the traffic for 5 minutes each, a look a minute."
        ),
        "Sluice: objective min 99, marginPercent 10, falseRollback 0.01. Flagger: min 99, threshold 5. \
         Argo Rollouts: at least 0.99, failureLimit 3."
            .into(),
    ]
}

/// How often a version is rolled back that is as good as the one beside it and keeps the objective.
pub fn false_rollbacks(setup: &Setup) -> Scene {
    let panels = [1.0, 10.0, 100.0].map(|rps| {
        let mut curves = <[Vec<(f64, f64)>; 3]>::default();
        for tenths in (1..=10).map(f64::from) {
            let base = tenths / 1_000.0;
            let label = format!("false rollbacks, {rps} rps, {} %", percent(base));
            let got = tallies(setup, &label, &Service::new(rps, base, base));
            for (curve, tally) in curves.iter_mut().zip(got) {
                curve.push((tenths / 10.0, 100.0 * tally.share()));
            }
        }
        let worst = curves[0].iter().map(|(_, share)| *share).fold(0.0, f64::max);
        Panel {
            title: format!("{rps} request{} a second", if rps == 1.0 { "" } else { "s" }),
            y_label: "% of releases rolled back".into(),
            x: Axis::linear(&[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            y: shares(),
            curves,
            remark: Some((Some(Rule::Sluice), format!("Sluice: {} % at most", percent(worst / 100.0)))),
        }
    });
    let chart = Chart {
        title: "False rollbacks of a healthy version".into(),
        description:
            "Share of releases that are rolled back although the new version fails as seldom as the old one and \
                      keeps the objective of 99 %, over the error rate of both, at 1, 10 and 100 requests a second."
                .into(),
        x_label: "error rate of both versions, % of requests (the objective allows 1 %)".into(),
        panels: panels.into(),
        notes: notes(setup),
    };
    Scene { file: "false-rollbacks.svg", chart }
}

/// How often and how soon a worse version is taken back.
pub fn detection(setup: &Setup) -> Scene {
    let share = |tally: &Tally| Some(100.0 * tally.share());
    let minutes = |tally: &Tally| (tally.hits > 0).then_some(tally.mean);
    let taken_back = "% of releases taken back";
    let panels = vec![
        panel(setup, 0.005, taken_back, shares(), share),
        panel(setup, 0.011, taken_back, shares(), share),
        panel(setup, 0.051, "minutes until taken back", Axis::linear(&[0.0, 5.0, 10.0, 15.0, 20.0]), minutes),
    ];
    let chart = Chart {
        title: "Regressions that are taken back".into(),
        description:
            "Share of releases that are taken back when the error rate goes from 0.1 % to 0.5 % and to 1.1 %, and \
                      minutes until it happens when it goes to 5.1 %, over the requests a second."
                .into(),
        x_label: "requests a second to both versions".into(),
        panels,
        notes: notes(setup),
    };
    Scene { file: "detection.svg", chart }
}

fn panel(setup: &Setup, rate: f64, y_label: &str, y: Axis, shown: impl Fn(&Tally) -> Option<f64>) -> Panel {
    let mut curves = <[Vec<(f64, f64)>; 3]>::default();
    let mut least = 100.0_f64;
    for rps in TRAFFIC {
        let label = format!("detection, {rps} rps, {} %", percent(rate));
        let got = tallies(setup, &label, &Service::new(rps, USUAL, rate));
        for (curve, tally) in curves.iter_mut().zip(got) {
            curve.extend(shown(&tally).map(|y| (rps, y)));
            least = least.min(100.0 * tally.share());
        }
    }
    let remark = y_label.starts_with("minutes").then(|| (None, format!("{} % or more are taken back", least.floor())));
    let title = format!("{} % becomes {} %", percent(USUAL), percent(rate));
    let x = Axis::logarithmic(&[1.0, 3.0, 10.0, 30.0, 100.0]);
    Panel { title, y_label: y_label.into(), x, y, curves, remark }
}
