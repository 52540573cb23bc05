//! What the steps of a policy can see, said before a release depends on it: the condition `Sensitivity`.
//!
//! It is told once for each generation of the policy, while nothing is delivered, from the requests that the stable version
//! has. A service without requests is asked about again now and then.

use std::sync::Arc;

use analysis::release::{self, Finding, Sensitivity};
use chrono::TimeDelta;
use crds::condition::{self, SENSITIVITY};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource;

use crate::{
    context::{Context, Survey},
    metrics::{Request, Services, Usual},
    observe::Observed,
};

/// How long requests are looked at.
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// When a service without requests is asked about again.
const AGAIN: TimeDelta = TimeDelta::hours(1);
/// A regression that is found this often is found.
const LIKELY: f64 = 0.8;

/// What is to be said of a policy's metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// Nothing is counted, so nothing is said.
    None,
    /// What was said stays.
    Same,
    /// The same, and something new after this time.
    Later(TimeDelta),
    /// This, and whether there is nothing to ask about again.
    New(Condition, bool),
}

impl Sight {
    /// Says it among other conditions.
    pub fn tell(&self, conditions: &mut Vec<Condition>) {
        match self {
            Self::None => conditions.retain(|c| c.type_ != SENSITIVITY),
            Self::Same | Self::Later(_) => {}
            Self::New(condition, _) => condition::set(conditions, condition.clone()),
        }
    }

    /// When there may be something else to say, though nothing changes.
    pub fn again(&self) -> Option<TimeDelta> {
        match self {
            Self::Later(after) => Some(*after),
            Self::New(_, false) => Some(AGAIN),
            _ => None,
        }
    }

    /// It was written down.
    pub fn told(&self, context: &Context, policy: &str) {
        if let Self::New(_, for_good) = self {
            context.surveyed(policy, (!for_good).then_some(AGAIN));
        }
    }
}

/// What is to be said of a policy in this pass; begins a survey where it takes one.
pub fn look(context: &Arc<Context>, observed: &Observed) -> Sight {
    let Some((plan, stable)) = settled(observed) else {
        let counted = observed.object.spec.analysis.as_ref().is_some_and(|a| a.mode.is_none());
        return if counted { Sight::Same } else { Sight::None };
    };
    let generation = observed.object.meta().generation;
    let conditions = observed.object.status.iter().flat_map(|status| &status.conditions);
    let said = conditions.into_iter().find(|c| c.type_ == SENSITIVITY);
    if said.is_some_and(|c| c.observed_generation == generation && c.status != "Unknown") {
        return Sight::Same;
    }
    let key = observed.key();
    match context.survey(&key, WINDOW) {
        Survey::Running => Sight::Same,
        Survey::Due(at) if at > context.now() => Sight::Later(at - context.now()),
        Survey::Due(_) => {
            if let Some(request) = request(context, observed, stable) {
                context.begin_survey(&key, request);
            }
            Sight::Same
        }
        Survey::Done(usual) => {
            let interval =
                observed.policy.analysis.as_ref().map_or(15.0, |a| a.interval.num_milliseconds() as f64 / 1000.0);
            let (status, reason, message) = words(plan, interval, &usual);
            let now = Time(k8s_openapi::jiff::Timestamp::from_second(context.now().timestamp()).unwrap_or_default());
            let generation = generation.unwrap_or_default();
            let said = condition::condition(SENSITIVITY, status, reason, &message, generation, now);
            Sight::New(said, status.is_some())
        }
    }
}

/// The tests of a policy under which nothing is delivered, and the revision that serves.
fn settled(observed: &Observed) -> Option<(&release::Plan, String)> {
    let world = &observed.world;
    let sequential = observed.policy.analysis.as_ref()?.plan.sequential.as_ref()?;
    let stable = world.stable.as_ref().filter(|_| world.release.is_none() && !world.deleting)?;
    Some((&sequential.plan, stable.revision.to_string()))
}

fn request(context: &Context, observed: &Observed, revision: String) -> Option<Request> {
    let spec = &observed.object.spec;
    Some(Request {
        namespace: observed.namespace(),
        policy: observed.policy.name.clone(),
        workload: spec.workload.name.clone(),
        service: spec.service.name.clone(),
        revision,
        services: Services::alone(&spec.service.name),
        window: WINDOW,
        at: context.now(),
        analysis: spec.analysis.clone()?,
        counting: None,
    })
}

/// Whether the steps see enough, in a word, and in sentences.
fn words(plan: &release::Plan, interval: f64, usual: &Usual) -> (Option<bool>, &'static str, String) {
    let requests = usual.requests_per_second.filter(|requests| *requests > 0.0);
    let Some(requests) = requests else {
        let message = "no requests to the stable version are known, so nobody can say what the steps will see: without requests a release ends Inconclusive";
        return (None, "NoRequests", message.into());
    };
    // Digits that change from minute to minute say nothing.
    let requests = format!("{requests:.1e}").parse().unwrap_or(requests);
    let errors = |name: &str| usual.errors.filter(|_| name == "success-rate");
    let said = release::sensitivity(plan, requests, interval, errors);
    let finds = |s: &Sensitivity| matches!(&s.sight, release::Sight::Finds(Finding { power, .. }) if *power >= LIKELY);
    let likely = said.iter().all(finds);
    let message = said.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    (Some(likely), if likely { "Sees" } else { "SeesTooLittle" }, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use analysis::{
        Alpha, CountedMetric, Rate, Sequential,
        release::{Step, Tolerance},
    };

    use super::*;

    fn plan(seconds: f64) -> release::Plan {
        let metric =
            CountedMetric { name: "success-rate".into(), limit: Rate::new(0.01).ok(), tolerance: Tolerance::default() };
        let steps = vec![Step { weight: 0.2, seconds }, Step { weight: 0.5, seconds }, Step { weight: 1.0, seconds }];
        Sequential::new(Alpha::HUNDREDTH, steps, vec![metric], 100).unwrap().plan
    }

    fn usual(requests: f64) -> Usual {
        Usual { requests_per_second: Some(requests), errors: Some(0.001) }
    }

    #[test]
    fn long_steps_with_many_requests_see_a_regression_and_say_how_often() {
        let (status, reason, message) = words(&plan(600.0), 15.0, &usual(104.3));
        assert_eq!((status, reason), (Some(true), "Sees"), "{message}");
        assert!(
            message.starts_with("at 100 requests per second these steps find success-rate going from 0.1 % to "),
            "{message}"
        );
    }

    #[test]
    fn short_steps_with_few_requests_say_what_it_would_take() {
        let (status, reason, message) = words(&plan(60.0), 15.0, &usual(5.0));
        assert_eq!((status, reason), (Some(false), "SeesTooLittle"), "{message}");
        assert!(message.contains("of 100 releases"), "{message}");
    }

    #[test]
    fn without_requests_nobody_knows() {
        for requests in [None, Some(0.0)] {
            let usual = Usual { requests_per_second: requests, errors: None };
            assert_eq!(words(&plan(60.0), 15.0, &usual).0, None);
        }
    }
}
