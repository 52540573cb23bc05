//! From the kubeconfig to a client and a namespace.

use std::time::Duration;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    args::Connection,
    failure::{Failure, causes},
};

/// A client of the cluster that is meant, and the namespace.
///
/// # Errors
/// When there is no such file, context or cluster, with what to give instead.
pub async fn connect(connection: &Connection) -> Result<(Client, String), Failure> {
    // There is one already where something else of the process speaks TLS.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = config(connection).await?;
    if let Some(user) = &connection.impersonate {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups = (!connection.groups.is_empty()).then(|| connection.groups.clone());
    }
    config.connect_timeout = Some(Duration::from_secs(10));
    // A watch is renewed within five minutes; a plain request is answered long before.
    config.read_timeout = Some(Duration::from_secs(330));
    let namespace = connection.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|e| {
        Failure::error(format!("making a client of the API server: {}; look at the kubeconfig", causes(&e)))
    })?;
    Ok((client, namespace))
}

async fn config(connection: &Connection) -> Result<Config, Failure> {
    let options = KubeConfigOptions { context: connection.context.clone(), ..KubeConfigOptions::default() };
    let read = match &connection.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let named = connection.kubeconfig.is_some() || connection.context.is_some();
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        // Within a pod there is none.
        Err(_) if !named && let Ok(config) = Config::incluster() => return Ok(config),
        Err(error) => {
            let words =
                format!("reading the kubeconfig: {}; name the file with --kubeconfig or $KUBECONFIG", causes(&error));
            return Err(Failure::error(words));
        }
    };
    let contexts: Vec<_> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
    if let Some(wanted) = &connection.context
        && !contexts.contains(wanted)
    {
        let words = format!("there is no context {wanted} in the kubeconfig; there are: {}", contexts.join(", "));
        return Err(Failure::error(words));
    }
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|e| Failure::error(format!("using the kubeconfig: {}", causes(&e))))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(connection: Connection) -> String {
        match connect(&connection).await {
            Ok(_) => panic!("it connects"),
            Err(failure) => failure.message,
        }
    }

    #[tokio::test]
    async fn a_file_that_is_missing_and_a_context_that_is_not_there_are_told() {
        let missing = Connection { kubeconfig: Some("/nonexistent/config".into()), ..Connection::default() };
        let words = said(missing).await;
        assert!(words.contains("/nonexistent/config") && words.contains("--kubeconfig"), "{words}");
    }

    #[tokio::test]
    async fn the_namespace_is_the_one_that_is_given_or_the_contexts() {
        let path = std::env::temp_dir().join(format!("sluice-kubeconfig-{}", std::process::id()));
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u, namespace: shop}}\nclusters:\n- {name: c, cluster: {server: 'http://127.0.0.1:1'}}\nusers:\n- {name: u, user: {}}\n";
        std::fs::write(&path, text).unwrap();
        let connection = Connection { kubeconfig: Some(path.clone()), ..Connection::default() };
        let of = async |connection: &Connection| connect(connection).await.map(|(_, namespace)| namespace).unwrap();
        assert_eq!(of(&connection).await, "shop");
        assert_eq!(of(&Connection { namespace: Some("other".into()), ..connection.clone() }).await, "other");
        let words = said(Connection { context: Some("b".into()), ..connection }).await;
        std::fs::remove_file(path).unwrap();
        assert_eq!(words, "there is no context b in the kubeconfig; there are: a");
    }
}
