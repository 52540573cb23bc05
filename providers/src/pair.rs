//! Dividing what a list of weighted backends sends to the Service that callers use.
//!
//! For a release every weight of the list is multiplied by 100, so that a percent is a whole number, and behind each entry for the
//! Service one is put for the candidate's Service, which takes its part of that entry's weight. Other backends keep their share, and
//! dividing by 100 gives the list as it was.

use planner::{RevisionId, world::Share};
use serde_json::Value;

use crate::{Lists, Reading, Unusable, name};

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
    /// The largest weight that may be written.
    const MOST: u64;
}

const PERCENT: u64 = 100;

/// What a list says; `None` when it sends nothing to the Service.
fn read<S: Spelling>(spelling: &S, list: &[Value]) -> Option<Reading> {
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
        Share { candidate, percent: u32::try_from(percent).unwrap_or(100) }
    });
    Some(Reading { share, uneven: stray, trouble: None })
}

/// The lists of a route that send something to the Service.
pub(crate) fn ours<'a, S: Spelling>(spelling: &S, lists: Lists<'a>) -> Lists<'a> {
    lists.into_iter().filter(|(_, list)| read(spelling, list).is_some()).collect()
}

/// What lists say together, with what stands against writing a share into them.
pub(crate) fn together<S: Spelling>(spelling: &S, lists: &Lists<'_>, trouble: Option<Unusable>) -> Reading {
    let said: Vec<_> = lists.iter().filter_map(|(_, list)| read(spelling, list)).collect();
    Reading { trouble, ..Reading::together(&said) }
}

/// Those lists as they should be, with their paths.
pub(crate) fn divide<S: Spelling>(
    spelling: &S,
    route: &Value,
    lists: &Lists<'_>,
    want: Option<&Share>,
) -> Result<Vec<(String, Vec<Value>)>, Unusable> {
    let one = |(path, list): &(String, &Vec<Value>)| match write(spelling, list, want) {
        Ok(list) => Ok((path.clone(), list)),
        Err(weight) => {
            let words = format!(
                "{} gives a backend the weight {weight}, and a hundred times that is more than may be written: divide the weights of that rule",
                name(route)
            );
            Err(Unusable::new("RouteWeights", words))
        }
    };
    lists.iter().map(one).collect()
}

/// The list as it should be; the weight for which there is no room, if there is one.
fn write<S: Spelling>(spelling: &S, list: &[Value], want: Option<&Share>) -> Result<Vec<Value>, u64> {
    let resting = rest(spelling, list);
    let Some(share) = want else { return Ok(resting) };
    let mut divided = Vec::new();
    let unwritten = spelling.unwritten(resting.len());
    for entry in resting {
        let Some(weight) = spelling.weight(&entry).or(Some(unwritten)).filter(|w| *w > 0) else {
            divided.push(entry);
            continue;
        };
        if weight * PERCENT > S::MOST {
            return Err(weight);
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
    Ok(divided)
}

/// The list without any candidate. Weights that are not ours to divide stay as they are: their shares are the same.
fn rest<S: Spelling>(spelling: &S, list: &[Value]) -> Vec<Value> {
    let divided = list.iter().any(|e| matches!(spelling.backend(e), Backend::Candidate(_)));
    if !divided {
        return list.to_vec();
    }
    let mut whole: Vec<(Value, u64)> = Vec::new();
    for entry in list {
        let weight = spelling.weight(entry).unwrap_or(0);
        match (spelling.backend(entry), whole.last_mut()) {
            // It stands behind the entry that it was taken from.
            (Backend::Candidate(_), Some((_, before))) => *before += weight,
            (Backend::Candidate(_), None) => {}
            _ => whole.push((entry.clone(), weight)),
        }
    }
    let exact = whole.iter().all(|(_, weight)| weight % PERCENT == 0);
    let by = if exact { PERCENT } else { 1 };
    let as_it_was = |(entry, weight): (Value, u64)| if weight == 0 { entry } else { with(entry, weight / by) };
    whole.into_iter().map(as_it_was).collect()
}

fn with(mut entry: Value, weight: u64) -> Value {
    entry["weight"] = weight.into();
    entry
}
