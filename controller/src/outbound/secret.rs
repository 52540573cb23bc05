//! Values of Secrets.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1};
use kube::{Api, Client};

use super::{Problem, misconfigured, unreachable};

/// A value of a Secret. It can be neither printed nor serialised: only [`Hidden::reveal`] gives it away.
pub(crate) struct Hidden(Vec<u8>);

impl Hidden {
    #[cfg(test)]
    pub(crate) fn new(value: &str) -> Self {
        Self(value.as_bytes().to_vec())
    }

    /// The value, for the request it belongs to and nothing else.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The value without the line break that files end with.
    pub(crate) fn line(&self) -> &[u8] {
        let end = self.0.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        &self.0[..end]
    }

    /// The same as text; `None` when it is no text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.line()).ok()
    }
}

/// Reads keys of one Secret by its name; `whose` says what names it, for people.
///
/// # Errors
/// The Secret or a key is missing, may not be read, or the API server does not answer.
pub(crate) async fn read<const N: usize>(
    client: &Client,
    namespace: &str,
    name: &str,
    keys: [&str; N],
    whose: &str,
) -> Result<[Hidden; N], Problem> {
    let mut data = data(client, namespace, name, &format!("create it with {}", keys.join(" and ")), whose).await?;
    let mut values = Vec::with_capacity(N);
    for key in keys {
        let value = data.remove(key).ok_or_else(|| {
            misconfigured(format!("Secret {namespace}/{name}, which {whose} names, has no key {key}: add it"))
        })?;
        values.push(Hidden(value.0));
    }
    values.try_into().map_err(|_| unreachable(format!("cannot read Secret {namespace}/{name}")))
}

/// Reads every key of one Secret, in the order of their names.
///
/// # Errors
/// The Secret is missing, may not be read, or the API server does not answer.
pub(crate) async fn read_all(
    client: &Client,
    namespace: &str,
    name: &str,
    whose: &str,
) -> Result<BTreeMap<String, Hidden>, Problem> {
    let data = data(client, namespace, name, "create it", whose).await?;
    Ok(data.into_iter().map(|(key, value)| (key, Hidden(value.0))).collect())
}

async fn data(
    client: &Client,
    namespace: &str,
    name: &str,
    remedy: &str,
    whose: &str,
) -> Result<BTreeMap<String, ByteString>, Problem> {
    match Api::<v1::Secret>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(secret)) => Ok(secret.data.unwrap_or_default()),
        Ok(None) => Err(misconfigured(format!("Secret {namespace}/{name}, which {whose} names, is missing: {remedy}"))),
        Err(kube::Error::Api(status)) if status.code == 403 => Err(misconfigured(format!(
            "Secret {namespace}/{name}, which {whose} names, may not be read: allow the controller to get it"
        ))),
        Err(error) => Err(unreachable(format!("cannot read Secret {namespace}/{name}: {}", kind(&error)))),
    }
}

/// What kind of error the API server or the way to it gave, without any text of theirs.
pub(crate) fn kind(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "the controller may not: check the roles that the chart installs".into()
        }
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        _ => "the API server does not answer, or not as expected".into(),
    }
}
