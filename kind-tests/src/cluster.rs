//! The cluster that `KUBECONFIG` names.

use anyhow::{Context, Result};
use kube::{Client, Config, config::KubeConfigOptions};

/// A client of the cluster that `KUBECONFIG` names, as whoever it says.
///
/// # Errors
///
/// When there is no such file, or it is no kubeconfig.
pub async fn connect() -> Result<Client> {
    Ok(Client::try_from(config().await?)?)
}

/// A client that asks on behalf of somebody else, who is in `system:authenticated` besides these groups.
///
/// # Errors
///
/// As [`connect`].
pub async fn connect_as(user: &str, groups: &[&str]) -> Result<Client> {
    let mut config = config().await?;
    config.auth_info.impersonate = Some(user.into());
    let groups = groups.iter().copied().chain(["system:authenticated"]);
    config.auth_info.impersonate_groups = Some(groups.map(str::to_owned).collect());
    Ok(Client::try_from(config)?)
}

async fn config() -> Result<Config> {
    // The second of two tests in one process finds it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .context("KUBECONFIG must name the cluster to test on: eval \"$(kind-tests/cluster/cluster.sh env)\"")
}
