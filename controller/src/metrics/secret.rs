//! Values of Secrets.

use k8s_openapi::api::core::v1;
use kube::{Api, Client};

use super::{Lack, misconfigured, provider};

/// A value of a Secret. It can be neither printed nor serialised: only [`Hidden::reveal`] gives it away.
pub(super) struct Hidden(Vec<u8>);

impl Hidden {
    /// The value, for the request it belongs to and nothing else.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The value as text without the line break that files end with; `None` when it is no text.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().map(|text| text.trim_end_matches(['\r', '\n']))
    }
}

/// Reads keys of one Secret by its name; `whose` says what names it, for people.
///
/// # Errors
/// The Secret or a key is missing, may not be read, or the API server does not answer.
pub(super) async fn read<const N: usize>(
    client: &Client,
    namespace: &str,
    name: &str,
    keys: [&str; N],
    whose: &str,
) -> Result<[Hidden; N], Lack> {
    let wanted = keys.join(" and ");
    let secret = match Api::<v1::Secret>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            return Err(misconfigured(format!(
                "Secret {namespace}/{name}, which {whose} names, is missing: create it with {wanted}"
            )));
        }
        Err(kube::Error::Api(status)) if status.code == 403 => {
            return Err(misconfigured(format!(
                "Secret {namespace}/{name}, which {whose} names, may not be read: allow the controller to get it"
            )));
        }
        Err(error) => return Err(provider(format!("cannot read Secret {namespace}/{name}: {}", kind(&error)))),
    };
    let mut data = secret.data.unwrap_or_default();
    let mut values = Vec::with_capacity(N);
    for key in keys {
        let value = data.remove(key).ok_or_else(|| {
            misconfigured(format!("Secret {namespace}/{name}, which {whose} names, has no key {key}: add it"))
        })?;
        values.push(Hidden(value.0));
    }
    values.try_into().map_err(|_| provider(format!("cannot read Secret {namespace}/{name}")))
}

/// What kind of error the API server or the way to it gave, without any text of theirs.
pub(super) fn kind(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "the controller may not: check the roles that the chart installs".into()
        }
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        _ => "the API server does not answer, or not as expected".into(),
    }
}
