//! What the API server says of a document: a dry run of its creation, or of a change where it is there already.

use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};

use super::Fault;
use crate::{
    app::App,
    failure::{Failure, missing_kind, refused},
    lint::documents::Document,
};

/// Applies it without effect.
///
/// # Errors
/// When the API server cannot be asked; what it says against the document is no error.
pub(super) async fn faults(app: &App, document: &Document) -> Result<Vec<Fault>, Failure> {
    let text = |pointer: &str| document.value.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let plural =
        crds::all().into_iter().find(|d| d.spec.names.kind == kind).map(|d| d.spec.names.plural).unwrap_or_default();
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(crds::names::GROUP, "v1alpha1", &kind), &plural);
    let namespace = match text("/metadata/namespace") {
        none if none.is_empty() => app.namespace.clone(),
        named => named,
    };
    let api = Api::<DynamicObject>::namespaced_with(app.client.clone(), &namespace, &resource);
    let params =
        PatchParams { dry_run: true, force: true, field_manager: Some("sluice-lint".into()), ..PatchParams::default() }
            .validation_strict();
    match api.patch(&name, &params, &Patch::Apply(&document.value)).await {
        Ok(_) => Ok(Vec::new()),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 409 | 422) => {
            let causes = status.details.as_ref().map(|d| d.causes.clone()).unwrap_or_default();
            if causes.is_empty() {
                return Ok(vec![Fault::new("", status.message.clone())]);
            }
            Ok(causes.into_iter().map(|c| Fault::new(&c.field, c.message)).collect())
        }
        Err(kube::Error::Api(status)) if status.code == 404 && !missing_kind(&status) => {
            Ok(vec![Fault::new("metadata.namespace", status.message.clone())])
        }
        Err(error) => {
            Err(refused(&format!("asking the API server about {kind} {name} in namespace {namespace}"), &error))
        }
    }
}
