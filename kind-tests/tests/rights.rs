//! RBAC is needed and enough: what the controller did in the whole run is what the chart allows it. A test program of its
//! own, since it judges the audit log of all the others and so comes last.
#![forbid(unsafe_code)]

use std::{collections::BTreeSet, fs};

use kind_tests::{
    audit::{Right, allowed, log_path, used},
    kubectl::run,
    prelude::*,
};
use serde_json::Value;

const CONTROLLER: &str = "system:serviceaccount:sluice-system:sluice";
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/sluice");

#[tokio::test]
async fn rbac_is_needed_and_enough() -> anyhow::Result<()> {
    let path = log_path().context("the audit log of a local cluster: LOCALK8S_DIR is not set")?;
    let (used, forbidden) = used(&fs::read_to_string(&path)?, CONTROLLER)?;
    let version = connect().await?.apiserver_version().await?.git_version;
    let template = ["template", "sluice", CHART, "--namespace", "sluice-system", "--kube-version", &version];
    let rendered = run("helm", &template, "").await?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&rendered)?;
    let of_controller: Vec<_> = documents.into_iter().filter(|d| d["metadata"]["name"] == "sluice").collect();
    let allowed = allowed(&of_controller);
    let names = |rights: BTreeSet<&Right>| rights.iter().map(ToString::to_string).collect::<Vec<_>>();
    println!("{} rights used, {} allowed", used.len(), allowed.len());
    ensure!(forbidden.is_empty(), "forbidden, but asked for: {:?}", names(forbidden.iter().collect()));
    let unused = names(allowed.difference(&used).collect());
    let missing: Vec<_> = names(used.difference(&allowed).collect()).into_iter().filter(|r| !everybodys(r)).collect();
    ensure!(missing.is_empty(), "used, but not in the chart's roles: {missing:?}");
    ensure!(unused.is_empty(), "in the chart's roles, but never used: {unused:?}");
    Ok(())
}

/// What every authenticated user may do by Kubernetes' own roles.
fn everybodys(right: &str) -> bool {
    right.contains("authorization.k8s.io/self") || right.contains("authentication.k8s.io/self")
}
