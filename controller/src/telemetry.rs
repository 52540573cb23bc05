//! What the controller counts and times, with labels from closed sets only.

use std::{sync::Arc, time::Duration};

use planner::journal::Phase;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabel {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Metrics of the controller itself. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    registry: Arc<Registry>,
    actions: Family<ActionLabel, Counter>,
    phases: Family<PhaseLabel, Counter>,
    passes: Family<OutcomeLabel, Counter>,
    seconds: Histogram,
    leader: Gauge,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sluice");
        let actions = Family::<ActionLabel, Counter>::default();
        let phases = Family::<PhaseLabel, Counter>::default();
        let passes = Family::<OutcomeLabel, Counter>::default();
        let seconds = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]);
        let leader = Gauge::default();
        registry.register("actions", "Effects performed, by kind", actions.clone());
        registry.register("release_phases", "Phases entered by releases", phases.clone());
        registry.register("passes", "Passes over a policy, by outcome", passes.clone());
        registry.register("pass_seconds", "How long a pass over a policy took", seconds.clone());
        registry.register("leader", "1 while this replica holds the lease", leader.clone());
        Self { registry: Arc::new(registry), actions, phases, passes, seconds, leader }
    }
}

impl Telemetry {
    /// An effect was performed.
    pub fn acted(&self, action: &'static str) {
        self.actions.get_or_create(&ActionLabel { action }).inc();
    }

    /// A release entered a phase.
    pub fn entered(&self, phase: Phase) {
        self.phases.get_or_create(&PhaseLabel { phase: format!("{phase:?}") }).inc();
    }

    /// A pass ended.
    pub fn passed(&self, outcome: &'static str, took: Duration) {
        self.passes.get_or_create(&OutcomeLabel { outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// All of it in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
