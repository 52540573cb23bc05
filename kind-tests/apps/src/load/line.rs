//! One line a second for people and programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::report::Counts;

/// What ended in the second before, in words and then as JSON.
pub fn line(second: u64, before: &BTreeMap<String, Counts>, now: &BTreeMap<String, Counts>) -> String {
    let mut words = Vec::new();
    let mut targets = BTreeMap::new();
    for (name, counts) in now {
        let delta = before.get(name).map_or_else(|| counts.clone(), |then| counts.since(then));
        let total = delta.total;
        let (ok, errors, failed) = (total.ok, total.errors, total.failed);
        words.push(format!("{name} {ok} ok {errors} errors {failed} failed"));
        targets.insert(name, json!({"ok": ok, "errors": errors, "failed": failed, "by": versions(&delta)}));
    }
    let data = json!({"second": second, "targets": targets});
    format!("{second:>4}s  {}  {data}", words.join(", "))
}

fn versions(counts: &Counts) -> BTreeMap<&str, Value> {
    let mut versions: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for identity in &counts.identities {
        let sums = versions.entry(&identity.version).or_default();
        let answers = identity.answers();
        *sums = (sums.0 + answers.ok, sums.1 + answers.errors);
    }
    versions.into_iter().map(|(version, (ok, errors))| (version, json!([ok, errors]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Answers, Identity, Tally};

    #[test]
    fn a_line_tells_only_what_happened_since_the_last() {
        let counts = |ok, errors| {
            let total = Tally { ok, errors, ..Tally::default() };
            let identity = Identity { version: "6.9.1".into(), fresh: Answers { ok, errors }, ..Identity::default() };
            let identities = vec![identity];
            BTreeMap::from([("web".to_owned(), Counts { total, identities, ..Counts::default() })])
        };
        let line = line(12, &counts(100, 5), &counts(148, 7));
        assert!(line.starts_with("  12s  web 48 ok 2 errors 0 failed  {"), "{line}");
        assert!(line.contains(r#""by":{"6.9.1":[48,2]}"#), "{line}");
    }
}
