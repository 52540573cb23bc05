//! The check itself, shared by the program and the integration test.
//!
//! A file is an object: each key a group, each value a list of cases; keys that begin with `_` are notes. Every value of
//! a case must be read as an input, compared with an outcome or laid aside by name; a value that is none of these makes
//! the file malformed, so that nothing is left unchecked unseen.

mod case;
mod engines;
mod evidence;
mod gauges;
mod ingest;
mod kayenta;
mod latency;
mod report;

use std::collections::BTreeMap;

use serde_json::Value;

pub use case::{Case, Malformed};
pub use report::{CaseReport, Report};

/// Recomputes one case: reads inputs, then states the outcome for every value that the case expects.
pub type Check = fn(&mut Case) -> Result<(), Malformed>;

/// Every group that can be checked, by its name in the file.
fn registry() -> BTreeMap<&'static str, Check> {
    [engines::GROUPS, evidence::GROUPS, gauges::GROUPS, ingest::GROUPS, kayenta::GROUPS, latency::GROUPS]
        .into_iter()
        .flatten()
        .copied()
        .collect()
}

/// Checks every case of a file.
///
/// # Errors
///
/// When the text is not a file of test vectors, holds no case, or names a group that is not known.
pub fn run(text: &str) -> Result<Report, Malformed> {
    let file: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| Malformed(format!("not a JSON object: {error}")))?;
    let registry = registry();
    let mut cases = Vec::new();
    for (group, list) in file.iter().filter(|(name, _)| !name.starts_with('_')) {
        let check = registry.get(group.as_str()).ok_or_else(|| Malformed(format!("unknown group {group:?}")))?;
        let list = list.as_array().ok_or_else(|| Malformed(format!("{group}: a list of cases was expected")))?;
        for (index, value) in list.iter().enumerate() {
            let wrong = |Malformed(why)| Malformed(format!("{group} case {}: {why}", index + 1));
            let mut case = Case::new(value).map_err(wrong)?;
            check(&mut case).map_err(wrong)?;
            cases.push(case.finish(group, index + 1).map_err(wrong)?);
        }
    }
    if cases.is_empty() {
        return Err(Malformed("there are no cases in it".into()));
    }
    Ok(Report { cases })
}
