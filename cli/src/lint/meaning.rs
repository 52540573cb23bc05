//! What a document means, where its form is right: the rules that the controller itself checks.

use std::collections::BTreeSet;

use crds::RolloutPolicy;
use serde_json::Value;

use super::Fault;
use crate::facts;

/// What cannot be meant.
pub fn faults(document: &Value) -> Vec<Fault> {
    if document["kind"] != "RolloutPolicy" {
        return Vec::new();
    }
    let policy: RolloutPolicy = match serde_json::from_value(document.clone()) {
        Ok(policy) => policy,
        Err(error) => return vec![Fault::new("spec", error.to_string())],
    };
    let mut found = Vec::new();
    let name = policy.metadata.name.clone().unwrap_or_default();
    if name.chars().count() > 40 {
        found.push(Fault::new("metadata.name", "a policy's name may have at most 40 characters: names of its revisions, releases and Jobs are made from it"));
    }
    twice("spec.gates", policy.spec.gates.iter().flatten().map(|g| g.name.as_str()), &mut found);
    let metrics = policy.spec.analysis.iter().flat_map(|a| &a.metrics).map(|m| m.name.as_str());
    twice("spec.analysis.metrics", metrics, &mut found);
    if let Some(own) = policy.spec.depends_on.iter().flatten().find(|on| **on == name) {
        found.push(Fault::new("spec.dependsOn", format!("{own} cannot depend on itself: remove its name")));
    }
    if let Err(error) = facts::parse(&name, &policy.spec) {
        found.push(Fault::new("spec", error.0));
    }
    rising(&policy, &mut found);
    found
}

fn twice<'a>(path: &str, names: impl Iterator<Item = &'a str>, found: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !seen.insert(name.to_owned())).collect::<BTreeSet<_>>() {
        found.push(Fault::new(path, format!("the name {name} is there twice: give another one")));
    }
}

fn rising(policy: &RolloutPolicy, found: &mut Vec<Fault>) {
    let steps = policy.spec.strategy.canary.iter().flat_map(|c| c.steps.iter().flatten());
    let weights: Vec<_> = steps.map(|s| s.weight).collect();
    for (i, pair) in weights.windows(2).enumerate().filter(|(_, w)| w[1] <= w[0] && w[1] != 0) {
        let words =
            format!("the weights of the steps must rise from step to step, and {} follows {}", pair[1], pair[0]);
        found.push(Fault::new(&format!("spec.strategy.canary.steps[{}].weight", i + 1), words));
    }
    let shortest = policy.spec.analysis.as_ref().map(|a| a.interval);
    let steps = policy.spec.strategy.canary.iter().flat_map(|c| c.steps.iter().flatten());
    for (i, step) in steps.enumerate().filter(|(_, s)| shortest.is_some_and(|shortest| s.bake < shortest)) {
        let words =
            format!("a bake of {} is shorter than analysis.interval, so nothing is measured in that step", step.bake);
        found.push(Fault::new(&format!("spec.strategy.canary.steps[{i}].bake"), words));
    }
}
