//! The committed figures, and what of them is missed.
//!
//! A goal is itself the result of a simulation, with `trials` runs. What is allowed is so many standard errors of the
//! difference of the two results that, where nothing is worse than its goal, all of some 500 are met in 95 of 100 runs of this
//! program: of shares by the pooled share, with one hit and one miss added so that it is never 0; of mean minutes by the
//! deviation that is measured here, over the hits of both, and never less than 0.05 minutes.

use serde::Deserialize;

use crate::tally::Tally;

/// Standard errors: the normal quantile at 0.05 / 500. With three, every second run would miss a goal by chance.
const ALLOWED: f64 = 3.72;
/// Minutes.
const LEAST_MINUTES: f64 = 0.05;
/// With fewer hits than this a mean says nothing.
const FEW_HITS: f64 = 10.0;

/// A share and the mean minute, where there was one.
pub type Figure = (f64, Option<f64>);

/// The figures of every table.
#[derive(Deserialize)]
pub struct Goals {
    pub main: Vec<Cell>,
    pub every15s: Vec<Looks>,
    pub robust: Vec<Robust>,
    pub late: Vec<Late>,
    pub gauge: Vec<Gauge>,
    pub accept: Vec<Accept>,
    pub adaptive: Vec<Adaptive>,
    pub planner: Vec<Planner>,
    pub latency: Vec<Latency>,
    pub ratio_1_1: Vec<Cell>,
}

/// A row of the main table.
#[derive(Deserialize, Clone)]
pub struct Cell {
    pub rps: f64,
    pub base: f64,
    pub effect: String,
    pub canary: f64,
    pub trials: usize,
    pub ours: Figure,
    pub ours_nohist: Figure,
    pub flagger: Figure,
    pub argo: Figure,
    pub kayenta5: Figure,
    pub kayenta1: Figure,
}

/// A row with looks every 15 s.
#[derive(Deserialize)]
pub struct Looks {
    pub rps: f64,
    pub base: f64,
    pub effect: String,
    pub trials: usize,
    pub ours15: Figure,
}

/// A row of a null that is not simple.
#[derive(Deserialize)]
pub struct Robust {
    pub case: String,
    pub ours: Figure,
    pub argo: Figure,
    pub kayenta1: Figure,
}

/// A row of a regression that begins late: share, minutes from the onset, share rolled back before.
#[derive(Deserialize)]
pub struct Late {
    pub case: String,
    pub rps: f64,
    pub base: f64,
    pub canary: f64,
    pub ours: (f64, Option<f64>, f64),
    #[serde(rename = "X only")]
    pub x_only: (f64, Option<f64>, f64),
    #[serde(rename = "E only")]
    pub e_only: (f64, Option<f64>, f64),
    pub argo: (f64, Option<f64>, f64),
}

/// A row of gauges; `ours` are bets.
#[derive(Deserialize)]
pub struct Gauge {
    pub case: String,
    pub tol: f64,
    pub ours: Figure,
    pub rank15: Figure,
    pub rank60: Figure,
    pub kayenta_each: Figure,
}

/// A row of acceptance.
#[derive(Deserialize)]
pub struct Accept {
    pub rps: f64,
    pub base: f64,
    pub canary: f64,
    pub intolerable: bool,
    pub accept: Figure,
}

/// A row of steps that end early.
#[derive(Deserialize)]
pub struct Adaptive {
    pub rps: f64,
    pub base: f64,
    pub mode: String,
    pub reject: f64,
    pub mean_ticks: f64,
}

/// A row of the planner.
#[derive(Deserialize)]
pub struct Planner {
    pub rps: f64,
    pub base: f64,
    pub effect: String,
    pub plan: Figure,
    pub sim: Figure,
}

/// A row of latency.
#[derive(Deserialize)]
pub struct Latency {
    pub rps: f64,
    pub case: String,
    pub ours: Figure,
}

/// The committed goals.
pub fn goals() -> Goals {
    serde_json::from_str(include_str!("../../goals.json")).expect("goals.json as it was committed")
}

/// What was compared, and what was missed.
#[derive(Default)]
pub struct Checks {
    pub compared: usize,
    /// Goals of ours, which must be met.
    pub missed: Vec<String>,
    /// Figures that others, or tables that are no goals, have here and there; they differ and fail nothing.
    pub differ: Vec<String>,
}

/// What a figure is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Few rollbacks of a healthy canary.
    Few,
    /// Many rollbacks of a bad one, and soon.
    Many,
}

impl Checks {
    /// A goal of ours.
    pub fn goal(&mut self, row: &str, held: Held, got: &Tally, goal: Figure, trials: usize) {
        self.compared += 1;
        let allowed = ALLOWED * share_error(got, goal.0, trials);
        let share = got.share();
        match held {
            Held::Few if share > goal.0 + allowed => self.missed.push(missed(row, got, goal, allowed)),
            Held::Many if share < goal.0 - allowed => self.missed.push(missed(row, got, goal, allowed)),
            _ => {}
        }
        if let (Held::Many, Some(minutes), Some(error)) = (held, goal.1, minutes_error(got, goal.0, trials)) {
            let allowed = (ALLOWED * error).max(LEAST_MINUTES);
            if got.mean > minutes + allowed {
                self.missed.push(format!(
                    "{row}: {:.2} minutes, the goal is {minutes:.2} and {allowed:.2} more is chance",
                    got.mean
                ));
            }
        }
    }

    /// A mean over all runs that should not be longer.
    pub fn not_longer(&mut self, row: &str, got: &Tally, goal: f64, trials: usize) {
        self.compared += 1;
        let error = got.deviation * (1.0 / got.hits.max(1) as f64 + 1.0 / trials as f64).sqrt();
        let allowed = (ALLOWED * error).max(LEAST_MINUTES);
        if got.mean > goal + allowed {
            self.missed.push(format!("{row}: {:.2} minutes, the goal is {goal:.2} ± {allowed:.2}", got.mean));
        }
    }

    /// A probability that is promised, and may be exceeded by chance only.
    pub fn at_most(&mut self, row: &str, got: &Tally, most: f64) {
        self.compared += 1;
        let allowed = ALLOWED * (most * (1.0 - most) / got.runs as f64).sqrt();
        if got.share() > most + allowed {
            self.missed.push(format!("{row}: {got}, promised are {:.1} %", 100.0 * most));
        }
    }

    /// A figure that should be the same and fails nothing.
    pub fn same(&mut self, row: &str, got: &Tally, goal: Figure, trials: usize) {
        if got.runs == 0 {
            return;
        }
        let allowed = ALLOWED * share_error(got, goal.0, trials);
        if (got.share() - goal.0).abs() > allowed {
            return self.differ.push(missed(row, got, goal, allowed));
        }
        if let (Some(minutes), Some(error)) = (goal.1, minutes_error(got, goal.0, trials)) {
            let allowed = (ALLOWED * error).max(LEAST_MINUTES);
            if (got.mean - minutes).abs() > allowed {
                self.differ.push(format!("{row}: {:.2} minutes here, {minutes:.2} ± {allowed:.2} there", got.mean));
            }
        }
    }
}

fn missed(row: &str, got: &Tally, goal: Figure, allowed: f64) -> String {
    let percent = |share: f64| 100.0 * share;
    format!("{row}: {:.2} %, against {:.2} % ± {:.2}", percent(got.share()), percent(goal.0), percent(allowed))
}

fn share_error(got: &Tally, goal: f64, trials: usize) -> f64 {
    let (here, there) = (got.runs as f64, trials as f64);
    let pooled = (got.hits as f64 + goal * there + 1.0) / (here + there + 2.0);
    (pooled * (1.0 - pooled) * (1.0 / here + 1.0 / there)).sqrt()
}

fn minutes_error(got: &Tally, goal: f64, trials: usize) -> Option<f64> {
    let (here, there) = (got.hits as f64, goal * trials as f64);
    (here >= FEW_HITS && there >= FEW_HITS).then(|| got.deviation * (1.0 / here + 1.0 / there).sqrt())
}
