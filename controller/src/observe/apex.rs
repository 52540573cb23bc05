//! The Service that callers use: whom it selects, and who answers.

use std::collections::BTreeMap;

use crds::names;
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::ResourceExt;
use planner::{
    RevisionId,
    world::{Apex, Selects},
};

/// The value of the revision key that no pod has.
pub const NOBODY: &str = "none";
const HASH: &str = "pod-template-hash";

/// The facts of an apex Service.
pub fn apex(service: &Service, slices: &[EndpointSlice], policy: &str) -> Apex {
    let marked = service.labels().contains_key(names::POLICY) || service.annotations().contains_key(names::CAPACITY);
    let listed = slices.iter().flat_map(|s| &s.endpoints);
    let ready = listed.filter(|e| e.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true));
    Apex {
        selects: selects(&selector(service), policy, marked),
        endpoints: ready.filter_map(|e| e.target_ref.as_ref()?.name.clone()).collect(),
        capacity: service.annotations().get(names::CAPACITY).and_then(|c| c.parse().ok()),
        marked,
    }
}

/// The selector of a Service.
pub fn selector(service: &Service) -> BTreeMap<String, String> {
    service.spec.as_ref().and_then(|s| s.selector.clone()).unwrap_or_default()
}

fn is_ours(key: &str, marked: bool) -> bool {
    key == names::POLICY || key == names::REVISION || key.starts_with(names::SERVING_PREFIX) || (marked && key == HASH)
}

/// The keys of a selector that are not ours.
pub fn own_keys(selector: &BTreeMap<String, String>, marked: bool) -> BTreeMap<String, String> {
    selector.iter().filter(|(k, _)| !is_ours(k, marked)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Whom a selector selects. Keys of strangers beside ours do not matter: only missing ones do.
pub fn selects(selector: &BTreeMap<String, String>, policy: &str, marked: bool) -> Selects {
    let serving: Vec<_> = selector.keys().filter_map(|k| k.strip_prefix(names::SERVING_PREFIX)).collect();
    let revision = selector.get(names::REVISION).map(String::as_str);
    let own = selector.get(names::POLICY).map(String::as_str);
    let hash = selector.get(HASH).filter(|_| marked);
    match (own, serving.as_slice(), revision, hash) {
        (None, [], None, None) => Selects::Users,
        (None, [], None, Some(hash)) => Selects::Hash(hash.clone()),
        (Some(p), [id], None, None) if p == policy => RevisionId::parse(id).map_or(Selects::Garbled, Selects::Serving),
        (Some(p), [], Some(NOBODY), None) if p == policy => Selects::Nobody,
        (Some(p), [], Some(id), None) if p == policy => RevisionId::parse(id).map_or(Selects::Garbled, Selects::Only),
        _ => Selects::Garbled,
    }
}

/// The keys that make a Service select so; `None` for a selection that is never written.
pub fn keys(selects: &Selects, policy: &str) -> Option<BTreeMap<String, String>> {
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    Some(match selects {
        Selects::Users => BTreeMap::new(),
        Selects::Serving(id) => {
            BTreeMap::from([pair(names::POLICY, policy), (names::serving_key(id.as_str()), String::new())])
        }
        Selects::Only(id) => BTreeMap::from([pair(names::POLICY, policy), pair(names::REVISION, id.as_str())]),
        Selects::Nobody => BTreeMap::from([pair(names::POLICY, policy), pair(names::REVISION, NOBODY)]),
        Selects::Hash(hash) => BTreeMap::from([pair(HASH, hash)]),
        Selects::Garbled => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reading_back_what_is_written_gives_what_was_asked_for() {
        let id = RevisionId::parse("3f9c01d2").unwrap();
        for wanted in [
            Selects::Users,
            Selects::Serving(id.clone()),
            Selects::Only(id),
            Selects::Nobody,
            Selects::Hash("abc".into()),
        ] {
            let mut selector = BTreeMap::from([("app".to_owned(), "shop".to_owned())]);
            selector.extend(keys(&wanted, "shop").unwrap());
            assert_eq!(selects(&selector, "shop", true), wanted);
            assert_eq!(own_keys(&selector, true).len(), 1, "the user's own key stays");
        }
    }

    #[test]
    fn half_of_our_keys_or_another_policys_is_garbled() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let garbled: [BTreeMap<String, String>; 3] = [
            pairs(&[("sluice.dev/policy", "other"), ("serving.sluice.dev/3f9c01d2", "")]),
            pairs(&[("serving.sluice.dev/3f9c01d2", "")]),
            pairs(&[
                ("sluice.dev/policy", "shop"),
                ("serving.sluice.dev/3f9c01d2", ""),
                ("serving.sluice.dev/8b1e77a0", ""),
            ]),
        ];
        for selector in garbled {
            assert_eq!(selects(&selector, "shop", true), Selects::Garbled, "{selector:?}");
        }
    }

    #[test]
    fn a_users_own_hash_key_is_left_alone_before_we_mark_the_service() {
        let selector = BTreeMap::from([("pod-template-hash".to_owned(), "abc".to_owned())]);
        assert_eq!(selects(&selector, "shop", false), Selects::Users);
        assert_eq!(own_keys(&selector, false).len(), 1);
    }
}
