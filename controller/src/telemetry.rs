//! What the controller counts and times. Labels are of closed sets, or name a policy: never a pod, a digest or a message.

mod journals;
mod policies;
mod requests;

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use crds::RolloutPolicyStatus;
use planner::{
    Journal,
    journal::{Cause, Phase, Purpose},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use journals::Sign;
use policies::Policies;
pub use requests::Requests;

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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndLabel {
    phase: String,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GateLabel {
    at: String,
    verdict: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NoticeLabel {
    receiver: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WebhookLabel {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SpanLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabel {
    verdict: String,
}

impl EndLabel {
    fn new(phase: Phase, cause: Option<Cause>, purpose: Purpose) -> Self {
        let done = match purpose {
            Purpose::Adopt => "TakenOver",
            Purpose::Update => "Delivered",
            Purpose::Remove => "GivenBack",
        };
        let reason = cause.map_or_else(|| done.into(), |cause| format!("{cause:?}"));
        Self { phase: format!("{phase:?}"), reason }
    }
}

/// Metrics of the controller itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry {
    registry: Arc<Registry>,
    actions: Family<ActionLabel, Counter>,
    phases: Family<PhaseLabel, Counter>,
    ends: Family<EndLabel, Counter>,
    gates: Family<GateLabel, Histogram>,
    steps: Histogram,
    verdicts: Family<VerdictLabel, Counter>,
    reactions: Histogram,
    webhooks: Family<WebhookLabel, Counter>,
    passes: Family<OutcomeLabel, Counter>,
    seconds: Histogram,
    under_way: Gauge,
    leader: Gauge,
    policies: Policies,
    requests: Requests,
    notices: Family<NoticeLabel, Counter>,
    spans: Family<SpanLabel, Counter>,
}

/// From a moment to a day.
fn long() -> Histogram {
    Histogram::new([1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0])
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut telemetry = Self {
            registry: Arc::default(),
            actions: Family::default(),
            phases: Family::default(),
            ends: Family::default(),
            gates: Family::new_with_constructor(long),
            steps: long(),
            verdicts: Family::default(),
            reactions: Histogram::new([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0]),
            webhooks: Family::default(),
            passes: Family::default(),
            seconds: Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]),
            under_way: Gauge::default(),
            leader: Gauge::default(),
            policies: Policies::default(),
            requests: Requests::default(),
            notices: Family::default(),
            spans: Family::default(),
        };
        telemetry.registry = Arc::new(telemetry.registered());
        // A series that begins with its first event never rises, as far as `increase` can see.
        for (phase, cause) in [
            (Phase::Succeeded, None),
            (Phase::RolledBack, Some(Cause::ConformanceFailed)),
            (Phase::RolledBack, Some(Cause::AnalysisFailed)),
            (Phase::RolledBack, Some(Cause::PodsFailed)),
            (Phase::RolledBack, Some(Cause::Rejected)),
            (Phase::RolledBack, Some(Cause::RollbackOrdered)),
        ] {
            drop(telemetry.ends.get_or_create(&EndLabel::new(phase, cause, Purpose::Update)));
        }
        for receiver in ["slack", "teams", "discord", "cloudevents", "flagger"] {
            for result in ["delivered", "failed", "misconfigured", "refused"] {
                drop(telemetry.notices.get_or_create(&NoticeLabel { receiver, result }));
            }
        }
        telemetry
    }
}

impl Telemetry {
    fn registered(&self) -> Registry {
        let mut all = Registry::with_prefix("sluice");
        all.register("actions", "Effects performed, by kind", self.actions.clone());
        all.register("release_phases", "Phases entered by releases", self.phases.clone());
        all.register("releases_ended", "Releases that ended, as what and why", self.ends.clone());
        let help = "From when a gate was asked to when it spoke";
        all.register_with_unit("gate", help, Unit::Seconds, self.gates.clone());
        all.register_with_unit("step", "How long a step's weight was in force", Unit::Seconds, self.steps.clone());
        all.register("verdicts", "Verdicts of all metrics together, as they changed", self.verdicts.clone());
        let help = "From evidence against a version to when no caller was left with it";
        all.register_with_unit("reaction", help, Unit::Seconds, self.reactions.clone());
        all.register("webhook_requests", "Requests to webhooks, by what came of them", self.webhooks.clone());
        all.register("passes", "Passes over a policy, by outcome", self.passes.clone());
        all.register("pass_seconds", "How long a pass over a policy took", self.seconds.clone());
        all.register("passes_under_way", "Passes that run now, of 16 at most", self.under_way.clone());
        all.register("leader", "1 while this replica holds the lease", self.leader.clone());
        all.register("api_requests", "Requests to the API server, by verb and result", self.requests.family());
        all.register(
            "notices",
            "Messages sent to notification channels, by kind of receiver and result",
            self.notices.clone(),
        );
        all.register("spans", "Spans of traces, sent or lost; none where nobody asks for traces", self.spans.clone());
        all.register_collector(Box::new(self.policies.clone()));
        all
    }

    /// An effect was performed.
    pub fn acted(&self, action: &'static str) {
        self.actions.get_or_create(&ActionLabel { action }).inc();
    }

    /// The journal of a release was written.
    pub fn moved(&self, purpose: Purpose, before: &Journal, next: &Journal) {
        let label = |word: &dyn std::fmt::Debug| format!("{word:?}");
        for sign in journals::signs(before, next) {
            match sign {
                Sign::Entered(phase) => {
                    self.phases.get_or_create(&PhaseLabel { phase: label(&phase) }).inc();
                }
                Sign::Ended(phase, cause) => {
                    self.ends.get_or_create(&EndLabel::new(phase, cause, purpose)).inc();
                }
                Sign::Gate(at, verdict, took) => {
                    let labels = GateLabel { at: label(&at), verdict: label(&verdict) };
                    self.gates.get_or_create(&labels).observe(seconds(took));
                }
                Sign::Step(took) => self.steps.observe(seconds(took)),
                Sign::Judged(verdict) => {
                    self.verdicts.get_or_create(&VerdictLabel { verdict: label(&verdict) }).inc();
                }
                Sign::Reacted(took) => self.reactions.observe(seconds(took)),
            }
        }
    }

    /// A webhook of a kind (`gate`, `rollback`) was asked, and what came of it.
    pub fn asked(&self, kind: &'static str, result: &'static str) {
        self.webhooks.get_or_create(&WebhookLabel { kind, result }).inc();
    }

    /// How a policy stands; `wanted` is the weight that its step asks for, in percent.
    pub fn saw(&self, policy: &str, status: &RolloutPolicyStatus, wanted: Option<u32>) {
        self.policies.saw(policy, status, wanted);
    }

    /// A policy is gone.
    pub fn forget(&self, policy: &str) {
        self.policies.forget(policy);
    }

    /// A pass began.
    pub fn begun(&self) {
        self.under_way.inc();
    }

    /// A pass ended.
    pub fn passed(&self, outcome: &'static str, took: Duration) {
        self.under_way.dec();
        self.passes.get_or_create(&OutcomeLabel { outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A message was sent to a channel.
    pub fn notified(&self, receiver: &'static str, result: &'static str) {
        self.notices.get_or_create(&NoticeLabel { receiver, result }).inc();
    }

    /// So many spans of traces were `sent`, or `lost`.
    pub fn spans(&self, result: &'static str, count: usize) {
        self.spans.get_or_create(&SpanLabel { result }).inc_by(count as u64);
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Counts the requests of the clients that it is laid around.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// All of it in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn seconds(time: TimeDelta) -> f64 {
    time.as_seconds_f64()
}
