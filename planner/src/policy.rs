//! The policy a release works under: values that cannot be wrong.

use analysis::Objective;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{journal::GateRecord, picks::Picks, window::Window};

/// A place of a release at which gates are asked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Before anything of the candidate exists.
    Start,
    /// The candidate runs and has no live traffic.
    Traffic,
    /// While a step is held.
    Step,
    /// Before all traffic goes over.
    Promotion,
}

/// A policy, parsed from the custom resource at the border.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
    /// Steps, blue/green.
    pub strategy: Strategy,
    /// In the order of the policy.
    pub gates: Vec<Gate>,
    /// What is measured; `None` measures nothing.
    pub analysis: Option<Analysis>,
    /// Whether the first version passes the gates before it serves.
    pub gate_first: bool,
    /// Take the candidate back when a release ends without evidence (else hold).
    pub rollback_inconclusive: bool,
    /// Keep a failed candidate's pods until a person decides (else end them).
    pub hold_failed: bool,
    /// How long pods of a version that failed before it served are kept.
    pub keep_failed: TimeDelta,
    /// How long the old revision keeps full capacity after promotion.
    pub warm: TimeDelta,
    /// How long pods may take to become ready.
    pub progress: TimeDelta,
    /// How long a change of endpoints takes to reach every node.
    pub propagation: TimeDelta,
    /// How long a pod that served is kept after its share went to zero.
    pub drain: TimeDelta,
    /// What makes a share of the traffic.
    pub shares: Shares,
    /// Finished releases that are kept; at least 1.
    pub history: usize,
    /// Policies that must be settled first.
    pub depends_on: Vec<String>,
    /// Read live, not from the frozen copy: hold everything but the way back.
    pub suspend: bool,
    /// Read live: pods for all of the traffic; `None` until it was filled in.
    pub replicas: Option<u32>,
}

/// How the candidate gets traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// At least one step, weights rising.
    Canary(Vec<Step>),
    /// All at once; watched this long.
    BlueGreen {
        /// How long the new version is watched after the switch.
        bake: TimeDelta,
        /// Before that, what the candidate gets while stable still serves: copies of requests.
        before: Option<Step>,
    },
}

/// A share of the traffic, held for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Percent; at most 50 where shares are numbers of pods, and [`Weight::NONE`] only where something is picked out.
    pub weight: Weight,
    /// What it gets besides; nothing where shares are numbers of pods.
    pub picks: Picks,
    /// How much of the traffic is expected to match, in percent: what is picked out does not tell. 0 where nothing has to match.
    pub expected: u32,
    /// How long it is held once in force.
    pub bake: TimeDelta,
    /// Wait for a person after the bake.
    pub pause: bool,
}

/// What makes a share of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// A number of pods that answer behind the plain Service: weights up to 50, since the stable revision keeps its own.
    Pods {
        /// The largest error of a share, in percentage points.
        max_error: Option<u32>,
    },
    /// Weights of routes, exact to the percent. Between releases routes send everything to the Service that callers use.
    Routes,
}

/// A share of the traffic that a step may ask for: 1 to 99 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u8);

impl Weight {
    /// No part of all requests.
    pub const NONE: Self = Self(0);

    /// `None` outside 1 to 99: all of it is what promotion is for.
    pub fn new(percent: i32) -> Option<Self> {
        u8::try_from(percent).ok().filter(|p| (1..=99).contains(p)).map(Self)
    }

    /// In percent.
    pub fn percent(self) -> u32 {
        self.0.into()
    }
}

/// Something that must pass at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Unique.
    pub name: String,
    /// Where it is asked.
    pub at: Place,
    /// With `Place::Step`: only in these steps, counted from 1.
    pub steps: Option<Vec<u32>>,
    /// How long the verdict may take; a window is waited for as long as it takes.
    pub timeout: TimeDelta,
    /// Also when going back to a revision that has passed.
    pub always: bool,
    /// Who gives the verdict.
    pub asks: Asks,
}

/// Who gives a gate's verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// A conformance test.
    Test {
        /// Failed runs that fail it; at least 1.
        attempts: u32,
    },
    /// People.
    People(Approval),
    /// The calendar.
    Window(Box<Window>),
}

/// Who must agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// How many different people; at least 1.
    pub needed: usize,
    /// These count, by name; with no `groups` either everybody does.
    pub users: Vec<String>,
    /// Members of these count.
    pub groups: Vec<String>,
    /// Whoever changed the workload does not count.
    pub not_author: bool,
    /// Too few in time are a reject (else no verdict).
    pub late_is_reject: bool,
}

impl Gate {
    /// Who must agree, where people are asked.
    pub fn approval(&self) -> Option<&Approval> {
        match &self.asks {
            Asks::People(approval) => Some(approval),
            Asks::Test { .. } | Asks::Window(_) => None,
        }
    }

    /// When it is open, where the calendar is asked.
    pub fn window(&self) -> Option<&Window> {
        match &self.asks {
            Asks::Window(window) => Some(window),
            Asks::Test { .. } | Asks::People(_) => None,
        }
    }

    /// Whether it is asked in this step, as far as that depends on the step.
    pub fn covers(&self, step: Option<u32>) -> bool {
        self.steps.as_ref().is_none_or(|steps| step.is_some_and(|k| steps.contains(&k)))
    }
}

/// What is measured while the candidate has traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Metrics and the rule.
    pub plan: analysis::Plan,
    /// How often is looked.
    pub interval: TimeDelta,
    /// How far back a look reaches; the first look is this long after the split was in force.
    pub window: TimeDelta,
    /// How long a metric may have no number, or a step that has baked no verdict.
    pub hold_unknown: TimeDelta,
    /// What then: take the candidate back (else Inconclusive).
    pub rollback_unknown: bool,
    /// The proxies that carry the routes out count the requests, and not the application.
    pub by_proxies: bool,
}

impl Analysis {
    /// One metric with its bound, for tests and rehearsals.
    pub fn single(name: &str, objective: Objective, interval: TimeDelta) -> Self {
        Self {
            plan: analysis::Plan {
                metrics: vec![analysis::Metric { name: name.into(), objective }],
                failures: 2,
                sequential: None,
            },
            interval,
            window: interval,
            hold_unknown: TimeDelta::minutes(10),
            rollback_unknown: false,
            by_proxies: false,
        }
    }
}

impl Step {
    /// How much of the traffic the candidate answers, copies included, in percent, as far as anybody knows before.
    pub fn traffic(&self) -> u32 {
        if self.picks.sticky.is_some() {
            // Whoever comes again and again stays in the end.
            return 100;
        }
        let copies = self.picks.mirror.as_ref().map_or(0, |m| m.percent);
        (self.weight.percent() + self.expected + copies).min(100)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.weight.percent(), self.picks.is_none()) {
            (weight, true) => write!(out, "weight {weight}"),
            (0, false) => write!(out, "{}", self.picks),
            (weight, false) => write!(out, "{} and weight {weight}", self.picks),
        }
    }
}

impl Policy {
    /// The gate of a record.
    pub(crate) fn gate(&self, record: &GateRecord) -> Option<&Gate> {
        self.gates.iter().find(|g| g.name == record.name && g.at == record.at)
    }

    /// The steps; for blue/green what comes before the switch.
    pub fn steps(&self) -> &[Step] {
        match &self.strategy {
            Strategy::Canary(steps) => steps,
            Strategy::BlueGreen { before, .. } => before.as_slice(),
        }
    }

    /// How long the old revision is kept after promotion.
    pub fn warm_for(&self) -> TimeDelta {
        match self.strategy {
            Strategy::Canary(_) => self.warm,
            Strategy::BlueGreen { bake, .. } => self.warm.max(bake),
        }
    }
}
