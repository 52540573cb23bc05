//! Reads what is known of policies, and says what there is where a name is none.

use crds::{Release, RolloutPolicy, names};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{Api, ResourceExt, api::ListParams};

use crate::{
    app::App,
    facts::Facts,
    failure::{Failure, refused},
    words::listed,
};

/// The policies of the namespace, or of all, by namespace and name.
///
/// # Errors
/// What the API server says.
pub async fn policies(app: &App, all: bool) -> Result<Vec<RolloutPolicy>, Failure> {
    let api = if all { Api::all(app.client.clone()) } else { app.api() };
    let attempt = if all {
        "listing RolloutPolicies of all namespaces".into()
    } else {
        in_namespace(app, "listing RolloutPolicies")
    };
    let mut found: Vec<RolloutPolicy> =
        api.list(&ListParams::default()).await.map_err(|e| refused(&attempt, &e))?.items;
    found.sort_by_key(|policy| (policy.namespace(), policy.name_any()));
    Ok(found)
}

/// The releases of the namespace, or of all.
///
/// # Errors
/// What the API server says.
pub async fn releases(app: &App, all: bool) -> Result<Vec<Release>, Failure> {
    let api = if all { Api::all(app.client.clone()) } else { app.api::<Release>() };
    Ok(api.list(&ListParams::default()).await.map_err(|e| refused(&in_namespace(app, "listing Releases"), &e))?.items)
}

fn in_namespace(app: &App, attempt: &str) -> String {
    format!("{attempt} in namespace {}", app.namespace)
}

/// A policy by its name.
///
/// # Errors
/// Where there is none: which there are.
pub async fn policy(app: &App, name: &str) -> Result<RolloutPolicy, Failure> {
    let attempt = in_namespace(app, &format!("reading RolloutPolicy {name}"));
    if let Some(found) = app.api::<RolloutPolicy>().get_opt(name).await.map_err(|e| refused(&attempt, &e))? {
        return Ok(found);
    }
    let there: Vec<_> = policies(app, false).await?.iter().map(ResourceExt::name_any).collect();
    Err(Failure::error(not_found(name, &app.namespace, &there)))
}

fn not_found(name: &str, namespace: &str, there: &[String]) -> String {
    let none = format!("no RolloutPolicy {name} in namespace {namespace}");
    match there {
        [] => format!("{none}; there is none at all: choose the namespace with -n, or see `get -A`"),
        some => format!("{none}; there are: {}", listed(some)),
    }
}

/// A policy by its own name or that of one of its releases, and the name of that release.
///
/// # Errors
/// Where there is neither.
pub async fn policy_or_release(app: &App, name: &str) -> Result<(RolloutPolicy, Option<String>), Failure> {
    let attempt = in_namespace(app, &format!("reading RolloutPolicy {name}"));
    if let Some(found) = app.api::<RolloutPolicy>().get_opt(name).await.map_err(|e| refused(&attempt, &e))? {
        return Ok((found, None));
    }
    let attempt = in_namespace(app, &format!("reading Release {name}"));
    match app.api::<Release>().get_opt(name).await.map_err(|e| refused(&attempt, &e))? {
        Some(release) => Ok((policy(app, &release.spec.policy.name).await?, Some(name.into()))),
        // Says what there is.
        None => policy(app, name).await.map(|policy| (policy, None)),
    }
}

/// The policy with its releases.
///
/// # Errors
/// What the API server says.
pub async fn with_releases(app: &App, policy: RolloutPolicy) -> Result<Facts, Failure> {
    let name = policy.name_any();
    let of = ListParams::default().labels(&format!("{}={name}", names::POLICY));
    let releases = app.api::<Release>().list(&of).await;
    let attempt = in_namespace(app, &format!("listing the Releases of {name}"));
    Ok(Facts::new(policy, releases.map_err(|e| refused(&attempt, &e))?.items))
}

/// The same with the pods and the workload, as far as they may be read.
///
/// # Errors
/// What the API server says of policies and releases.
pub async fn whole(app: &App, policy: RolloutPolicy) -> Result<Facts, Failure> {
    let (name, workload) = (policy.name_any(), policy.spec.workload.name.clone());
    let mut facts = with_releases(app, policy).await?;
    let of = ListParams::default().labels(&format!("{}={name},{}", names::POLICY, names::REVISION));
    facts.pods = app.api::<Pod>().list(&of).await.ok().map(|list| list.items);
    facts.workload = app.api::<Deployment>().get_opt(&workload).await.ok().flatten();
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_is_none_those_that_there_are_are_named() {
        let there = ["a".to_owned(), "b".to_owned()];
        assert_eq!(not_found("shop", "x", &there), "no RolloutPolicy shop in namespace x; there are: a, b");
        assert!(not_found("shop", "x", &[]).contains("get -A"));
    }
}
