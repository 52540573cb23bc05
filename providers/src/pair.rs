//! Dividing what a list of weighted backends sends to the Service that callers use.
//!
//! For a release every weight of the list is multiplied by 100, so that a percent is a whole number, and behind each entry for the
//! Service one is put for the candidate's Service, which takes its part of that entry's weight. Other backends keep their share, and
//! dividing by 100 gives the list as it was.

use planner::{RevisionId, picks::Picks, world::Share};
use serde_json::Value;

use crate::{Reading, Unusable, name};

/// Whom an entry names.
pub(crate) enum Backend {
    Apex,
    Candidate(RevisionId),
    Other,
}

/// How a kind of list spells its entries.
pub(crate) trait Spelling {
    /// Whom it names.
    fn backend(&self, entry: &Value) -> Backend;
    /// The same entry for the candidate's Service.
    fn candidate(&self, apex: &Value, candidate: &RevisionId) -> Value;
    /// Its weight as written.
    fn weight(&self, entry: &Value) -> Option<u64> {
        entry.get("weight").and_then(Value::as_u64)
    }
    /// The weight that counts where none is written, among so many entries.
    fn unwritten(&self, _among: usize) -> u64 {
        1
    }
    /// A list that was divided, as its owner would have written it.
    fn undivided(&self, list: Vec<Value>) -> Vec<Value> {
        list
    }
    /// The largest weight that may be written.
    const MOST: u64;
    /// The most backends that a rule may have.
    const MOST_BACKENDS: usize;
}

const PERCENT: u64 = 100;

/// What a list says; `None` when it sends nothing to the Service.
pub(crate) fn read<S: Spelling>(spelling: &S, list: &[Value]) -> Option<Reading> {
    let mut apex = None;
    let mut given: Option<(RevisionId, u64)> = None;
    let mut stray = false;
    for entry in list {
        let weight = spelling.weight(entry).unwrap_or(spelling.unwritten(list.len()));
        match spelling.backend(entry) {
            Backend::Apex => *apex.get_or_insert(0) += weight,
            Backend::Candidate(id) if weight > 0 && given.as_ref().is_none_or(|(of, _)| *of == id) => {
                given.get_or_insert((id, 0)).1 += weight;
            }
            // A candidate's Service that gets nothing, or a second one's, is nothing that we leave there.
            Backend::Candidate(_) => stray = true,
            Backend::Other => {}
        }
    }
    let apex: u64 = apex.filter(|w| *w > 0 || given.is_some() || stray)?;
    let share = given.map(|(candidate, weight)| {
        // Rounded up: what is there is never taken for nothing.
        let percent = (weight * PERCENT).div_ceil(apex + weight);
        Share { candidate, percent: u32::try_from(percent).unwrap_or(100), picks: Picks::default() }
    });
    Some(Reading { share, uneven: stray, ..Reading::default() })
}

/// The list as it should be.
pub(crate) fn write<S: Spelling>(
    spelling: &S,
    route: &Value,
    list: &[Value],
    want: Option<&Share>,
) -> Result<Vec<Value>, Unusable> {
    let resting = rest(spelling, list);
    let Some(share) = want.filter(|s| s.percent > 0) else { return Ok(resting) };
    let mut divided = Vec::new();
    let unwritten = spelling.unwritten(resting.len());
    for entry in resting {
        let Some(weight) = spelling.weight(&entry).or(Some(unwritten)).filter(|w| *w > 0) else {
            divided.push(entry);
            continue;
        };
        if weight * PERCENT > S::MOST {
            let words = format!(
                "{} gives a backend the weight {weight}, and a hundred times that is more than may be written: divide the weights of that rule",
                name(route)
            );
            return Err(Unusable::new("RouteWeights", words));
        }
        match spelling.backend(&entry) {
            Backend::Apex => {
                let part = u64::from(share.percent.min(100));
                let mut candidate = spelling.candidate(&entry, &share.candidate);
                candidate["weight"] = (weight * part).into();
                divided.push(with(entry, weight * (PERCENT - part)));
                divided.push(candidate);
            }
            _ => divided.push(with(entry, weight * PERCENT)),
        }
    }
    if divided.len() > S::MOST_BACKENDS {
        let words =
            format!("{} has no room for one more backend in a rule ({} at most)", name(route), S::MOST_BACKENDS);
        return Err(Unusable::new("RouteBackends", words));
    }
    Ok(divided)
}

/// The one backend of a rule that sends to the candidate alone.
pub(crate) fn alone<S: Spelling>(spelling: &S, list: &[Value], candidate: &RevisionId) -> Option<Value> {
    let apex = list.iter().find(|e| matches!(spelling.backend(e), Backend::Apex))?;
    Some(spelling.candidate(apex, candidate))
}

/// The list without any candidate. Weights that are not ours to divide stay as they are: their shares are the same.
pub(crate) fn rest<S: Spelling>(spelling: &S, list: &[Value]) -> Vec<Value> {
    let divided = list.iter().any(|e| matches!(spelling.backend(e), Backend::Candidate(_)));
    if !divided {
        return list.to_vec();
    }
    let is_apex = |(entry, _): &&mut (Value, u64)| matches!(spelling.backend(entry), Backend::Apex);
    let (mut whole, mut moved): (Vec<(Value, u64)>, u64) = (Vec::new(), 0);
    for entry in list {
        let weight = spelling.weight(entry).unwrap_or(0);
        if matches!(spelling.backend(entry), Backend::Candidate(_)) {
            // It stands behind the entry that it was taken from, unless somebody has moved it.
            match whole.iter_mut().rev().find(is_apex) {
                Some((_, before)) => *before += weight,
                None => moved += weight,
            }
        } else {
            whole.push((entry.clone(), weight));
        }
    }
    if let Some((_, first)) = whole.iter_mut().find(is_apex) {
        *first += moved;
    }
    let exact = whole.iter().all(|(_, weight)| weight % PERCENT == 0);
    let by = if exact { PERCENT } else { 1 };
    let as_it_was = |(entry, weight): (Value, u64)| if weight == 0 { entry } else { with(entry, weight / by) };
    spelling.undivided(whole.into_iter().map(as_it_was).collect())
}

fn with(mut entry: Value, weight: u64) -> Value {
    entry["weight"] = weight.into();
    entry
}
