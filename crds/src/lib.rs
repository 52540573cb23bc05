//! The API of Sluice: custom resources, their validation and the names that go with them.
//!
//! No client and no runtime here: this crate knows what users write, not what is done about it.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod bounded;
pub mod channel;
pub mod condition;
pub mod decision;
pub mod delivery;
pub mod digest;
pub mod duration;
pub mod endpoint;
pub mod freeze;
pub mod gate;
pub mod metric;
pub mod names;
pub mod parse;
pub mod picks;
pub mod policy;
pub mod policy_status;
pub mod release;
pub mod route;
pub mod strategy;
pub mod suite;
pub mod traffic;
pub mod webhook;
pub mod words;
pub mod yaml;

pub use channel::{NotificationChannel, NotificationChannelSpec, NotificationChannelStatus};
pub use decision::{Decision, DecisionAction, DecisionSpec};
pub use delivery::{Delivery, DeliverySpec};
pub use duration::GoDuration;
pub use metric::{MetricSource, MetricTemplate};
pub use planner::journal;
pub use policy::{RolloutPolicy, RolloutPolicySpec};
pub use policy_status::RolloutPolicyStatus;
pub use release::{Release, ReleaseSpec, ReleaseStatus};
pub use suite::ConformanceSuite;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every custom resource definition, in the order in which the chart lists them.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        RolloutPolicy::crd(),
        Release::crd(),
        Decision::crd(),
        ConformanceSuite::crd(),
        MetricSource::crd(),
        MetricTemplate::crd(),
        NotificationChannel::crd(),
        Delivery::crd(),
    ]
}
