//! The API server, with a deadline on every request and a retry layer of our own.
//!
//! Only what cannot harm when done twice is tried again: reads, creations under a deterministic name, deletions, and patches with
//! absolute values. A conflict is never tried again here: whoever decided on old facts decides anew.

use std::{fmt::Debug, future::Future, time::Duration};

use kube::{
    Api, Client, Resource,
    api::{
        DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy, ValidationDirective,
    },
    core::{NamespaceResourceScope, ObjectList},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crds::names::FIELD_MANAGER;

/// How long one request may take.
pub const DEADLINE: Duration = Duration::from_secs(8);
/// Pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// Why an effect or a read did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached.
    #[error("{what}")]
    Api {
        /// What was attempted, with what.
        what: String,
        /// What came of it.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer came in time.
    #[error("{0}: no answer within {DEADLINE:?}")]
    Deadline(String),
    /// The world changed between looking and acting; the next pass sees it.
    #[error("{0}")]
    Changed(String),
    /// An object is not as it must be.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// Somebody else wrote in between: not a trouble, only a reason to look again.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Api { source, .. } => code(source) == Some(409),
            Self::Changed(_) => true,
            Self::Deadline(_) | Self::Invalid(_) => false,
        }
    }

    /// There is no such object.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Api { source, .. } if code(source) == Some(404))
    }

    /// The API server has understood it and will not do it as it is.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(code(source), Some(400 | 403 | 404 | 422)))
    }

    /// The controller lacks a right.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Api { source, .. } if code(source) == Some(403))
    }
}

/// An error with all of its causes, as one sentence.
pub fn chain(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// A failed test of a JSON patch has the code of an invalid object, and this message.
fn test_failed(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.code == 422 && status.message.contains("the server rejected our request due to an error in our request")
}

fn transient(error: &kube::Error) -> bool {
    code(error).is_none_or(|c| c == 429 || c >= 500)
}

/// A client of the API server.
#[derive(Clone)]
pub struct Kube {
    client: Client,
}

impl Kube {
    /// Wraps a client whose own retries must be off.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The bare client, for watches.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespaced API of a type.
    pub fn of<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Runs a request that may be repeated.
pub async fn repeat<T, F, Fut>(what: impl Fn() -> String, request: F) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, kube::Error>>,
{
    for pause in PAUSES {
        match tokio::time::timeout(DEADLINE, request()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(source)) if !transient(&source) => {
                return Err(Error::Api { what: what(), source: Box::new(source) });
            }
            Ok(Err(_)) => tokio::time::sleep(pause).await,
            Err(_) => return Err(Error::Deadline(what())),
        }
    }
    once(what, request()).await
}

/// Runs a request once.
pub async fn once<T>(
    what: impl Fn() -> String,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Api { what: what(), source: Box::new(source) }),
        Err(_) => Err(Error::Deadline(what())),
    }
}

/// Reads one object; `None` when there is none.
pub async fn get<K>(api: &Api<K>, name: &str) -> Result<Option<K>, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    repeat(|| format!("reading {} {name}", kind(api)), || api.get_opt(name)).await
}

/// Reads all objects that a label selector names.
pub async fn list<K>(api: &Api<K>, labels: &str) -> Result<Vec<K>, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let params = if labels.is_empty() { ListParams::default() } else { ListParams::default().labels(labels) };
    Ok(repeat(|| format!("listing {} with labels {labels:?}", kind(api)), || api.list(&params)).await?.items)
}

/// Reads so many objects, from where the last page ended.
pub async fn page<K>(api: &Api<K>, most: u32, from: Option<&str>) -> Result<ObjectList<K>, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let params = ListParams { limit: Some(most), continue_token: from.map(str::to_owned), ..ListParams::default() };
    repeat(|| format!("listing {}", kind(api)), || api.list(&params)).await
}

/// Reads all objects of a kind that the cluster may not know; then there are none.
pub async fn list_known<K>(api: &Api<K>) -> Result<Vec<K>, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    match list(api, "").await {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        other => other,
    }
}

/// Creates an object under a deterministic name; one that is there already is left alone.
pub async fn create<K>(api: &Api<K>, object: &K) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + Debug + Serialize + Resource,
{
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let name = object.meta().name.as_deref().unwrap_or_default();
    let made = repeat(|| format!("creating {} {name}", kind(api)), || api.create(&params, object)).await;
    match made {
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.reason == "AlreadyExists") => {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// Creates an object all of whose fields the cluster must know; `false` where there is one of that name already, which is left alone.
pub async fn create_strictly<K>(client: &Client, api: &Api<K>, name: &str, object: &Value) -> Result<bool, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let what = || format!("creating {} {name}", kind(api));
    let path = format!("{}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict", api.resource_url());
    let request = || {
        let post = http::Request::post(&path).header(http::header::CONTENT_TYPE, "application/json");
        post.body(object.to_string().into_bytes()).map_err(|e| Error::Invalid(format!("{}: {e}", what())))
    };
    // Whether it can be built does not change from one try to the next.
    request()?;
    let made = repeat(what, || async {
        let request = request().map_err(|e| kube::Error::Service(Box::new(e)))?;
        client.request::<K>(request).await
    });
    match made.await {
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.reason == "AlreadyExists") => {
            Ok(false)
        }
        other => other.map(|_| true),
    }
}

/// Merges absolute values into an object; a `metadata.resourceVersion` in the patch is a precondition.
pub async fn merge<K>(api: &Api<K>, name: &str, patch: serde_json::Value) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patch = Patch::Merge(patch);
    repeat(|| format!("changing {} {name}", kind(api)), || api.patch(name, &params, &patch)).await.map(|_| ())
}

/// Changes an object by a JSON patch of absolute values, whose first operation tests the version that was read. Never tried again
/// here: once done, the test fails. Gives the object as it is then.
pub async fn json_patch<K>(api: &Api<K>, name: &str, patch: Vec<serde_json::Value>) -> Result<K, Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    // A field that the cluster's version of the kind does not have would be left out in silence, and the rest would mean something else.
    let field_validation = Some(ValidationDirective::Strict);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), field_validation, ..PatchParams::default() };
    let what = || format!("changing {} {name}", kind(api));
    let patch = serde_json::from_value(patch.into()).map_err(|e| Error::Invalid(format!("{}: {e}", what())))?;
    match once(what, api.patch(name, &params, &Patch::Json::<()>(patch))).await {
        Err(Error::Api { source, what }) if test_failed(&source) => {
            Err(Error::Changed(format!("{what}: somebody else has changed it meanwhile")))
        }
        other => other,
    }
}

/// Replaces the status of the version of the object that was read.
pub async fn replace_status<K>(api: &Api<K>, name: &str, object: &K) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + Debug + Serialize + Resource,
{
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    repeat(|| format!("writing the status of {} {name}", kind(api)), || api.replace_status(name, &params, object))
        .await
        .map(|_| ())
}

/// Deletes an object, and in the background what it owns; one that is gone already is fine.
pub async fn delete<K>(api: &Api<K>, name: &str, uid: Option<String>) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + Debug + Resource,
{
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: uid.map(|uid| Preconditions { uid: Some(uid), resource_version: None }),
        ..DeleteParams::default()
    };
    match repeat(|| format!("deleting {} {name}", kind(api)), || api.delete(name, &params)).await {
        Err(error) if error.is_missing() => Ok(()),
        other => other.map(|_| ()),
    }
}

fn kind<K: Resource>(api: &Api<K>) -> &str {
    api.resource_url().rsplit('/').next().unwrap_or("objects")
}
