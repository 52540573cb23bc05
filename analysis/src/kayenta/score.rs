//! One score for all metrics (`WeightedSumScorer.scala`, `ThresholdScoreClassifier.scala`).

use std::collections::{BTreeMap, BTreeSet};

use super::Class;

/// A part of metrics without data from which the score is 0.
const TOO_LITTLE_DATA: f64 = 0.5;

/// A metric's class and the groups it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Any number of groups.
    pub groups: Vec<String>,
    /// What it was called.
    pub class: Class,
    /// Whether a class other than `Pass` makes the whole score 0.
    pub critical: bool,
}

/// Weights of groups in percent, each from 0 to 100.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Weights(BTreeMap<String, f64>);

/// A weight that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("group {group:?} has a weight of {weight}; give a percentage from 0 to 100")]
pub struct BadWeight {
    /// Of the group.
    pub group: String,
    /// What was given.
    pub weight: f64,
}

impl Weights {
    /// By group. What is missing to 100 is shared by the groups that are not named.
    ///
    /// # Errors
    ///
    /// [`BadWeight`] when a weight is not from 0 to 100.
    pub fn new(weights: BTreeMap<String, f64>) -> Result<Self, BadWeight> {
        match weights.iter().find(|(_, weight)| !(0.0..=100.0).contains(*weight)) {
            Some((group, weight)) => Err(BadWeight { group: group.clone(), weight: *weight }),
            None => Ok(Self(weights)),
        }
    }
}

/// The score of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Percentage of its metrics that pass, of those with data; 0 without any.
    pub score: f64,
    /// Whether it has data. Without, it counts 100 in the whole.
    pub data: bool,
}

/// The score of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// From 0 to 100, with two decimals.
    pub summary: f64,
}

/// Scores the metrics. A critical failure makes the score 0, and so do half of the metrics without data.
pub fn score(metrics: &[Labelled], weights: &Weights) -> Score {
    let names: BTreeSet<&String> = metrics.iter().flat_map(|metric| &metric.groups).collect();
    let groups: BTreeMap<String, Group> = names.into_iter().map(|name| (name.clone(), group(metrics, name))).collect();
    let failed = metrics.iter().any(|metric| metric.critical && metric.class != Class::Pass);
    let without = metrics.iter().filter(|metric| metric.class == Class::NoData).count() as f64;
    let blind = !metrics.is_empty() && without >= TOO_LITTLE_DATA * metrics.len() as f64;
    let summary = if failed || blind { 0.0 } else { summary(&groups, weights) };
    Score { groups, summary }
}

fn group(metrics: &[Labelled], name: &str) -> Group {
    let classes: Vec<Class> = metrics.iter().filter(|m| m.groups.iter().any(|g| g == name)).map(|m| m.class).collect();
    let count = |counted: &[Class]| classes.iter().filter(|class| counted.contains(class)).count() as f64;
    let with_data = count(&[Class::Pass, Class::High, Class::Low, Class::NoDataFailMetric]);
    let data = with_data > 0.0;
    Group { score: if data { count(&[Class::Pass]) / with_data * 100.0 } else { 0.0 }, data }
}

fn summary(groups: &BTreeMap<String, Group>, Weights(weights): &Weights) -> f64 {
    let unnamed = groups.keys().filter(|name| !weights.contains_key(*name)).count();
    let rest = (100.0 - weights.values().sum::<f64>()) / unnamed.max(1) as f64;
    let weighted = |(name, group): (&String, &Group)| {
        let score = if group.data { group.score } else { 100.0 };
        score * (weights.get(name).unwrap_or(&rest) / 100.0)
    };
    hundredths(groups.iter().map(weighted).sum())
}

/// Two decimals, halves away from 0, by the decimal digits that a person would see.
fn hundredths(value: f64) -> f64 {
    let text = format!("{value}");
    let Some((_, decimals)) = text.split_once('.') else { return value };
    let Some(third) = decimals.as_bytes().get(2) else { return value };
    let cut: f64 = text[..text.len() - decimals.len() + 2].parse().unwrap_or(value);
    let up = if *third >= b'5' { 0.01_f64.copysign(value) } else { 0.0 };
    format!("{:.2}", cut + up).parse().unwrap_or(value)
}

/// What a score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Below both bounds.
    Fail,
    /// Between them.
    Marginal,
    /// At least the upper one.
    Pass,
}

/// Grades a score by the lower bound `marginal` and the upper bound `pass`.
pub fn grade(score: f64, marginal: f64, pass: f64) -> Grade {
    if score >= pass {
        Grade::Pass
    } else if score >= marginal {
        Grade::Marginal
    } else {
        Grade::Fail
    }
}
