//! What stands around the routes and decides what becomes of them.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use planner::world::Blocker;
use providers::{Around, Neighbour, RouteKind};
use serde_json::Value;

use crate::{
    api::{self, Error},
    context::Context,
    traffic,
};

/// Reads them, and says what could not be read for want of a right: a version that has to be taken back is, all the same. A kind that
/// the cluster does not know has no objects.
pub async fn read(
    context: &Arc<Context>,
    apex: Option<&Service>,
    wanted: BTreeSet<Neighbour>,
) -> Result<(Around, Option<Blocker>), Error> {
    let (mut neighbours, mut refused) = (Vec::new(), Vec::new());
    for neighbour in &wanted {
        let kind = kind(neighbour);
        match found(context, neighbour, &kind).await {
            Ok(found) => {
                let documents = found.iter().map(|object| document(object, &kind));
                neighbours.extend(documents.collect::<Result<Vec<_>, _>>()?);
            }
            Err(error) if error.is_forbidden() => refused.push(right(neighbour, &kind)),
            Err(error) => return Err(error),
        }
    }
    let apex = apex.map(serde_json::to_value).transpose().map_err(|e| Error::Invalid(e.to_string()))?;
    Ok((Around { apex, neighbours }, unread(&refused)))
}

async fn found(context: &Arc<Context>, what: &Neighbour, kind: &ApiResource) -> Result<Vec<DynamicObject>, Error> {
    let api = |ns: &str| Api::<DynamicObject>::namespaced_with(context.kube.client(), ns, kind);
    match what {
        Neighbour::Gateway { namespace, name } => Ok(api::get(&api(namespace), name).await?.into_iter().collect()),
        Neighbour::GatewayClasses => api::list_known(&Api::all_with(context.kube.client(), kind)).await,
        Neighbour::Routes { namespace, .. }
        | Neighbour::DestinationRules { namespace }
        | Neighbour::ServiceProfiles { namespace } => api::list_known(&api(namespace)).await,
    }
}

/// The right that it takes to read one.
fn right(neighbour: &Neighbour, kind: &ApiResource) -> String {
    let what = format!("{}.{}", kind.plural, kind.group);
    match neighbour {
        Neighbour::Gateway { namespace, .. } => format!("get {what} in namespace {namespace}"),
        Neighbour::GatewayClasses => format!("list {what}"),
        Neighbour::Routes { namespace, .. }
        | Neighbour::DestinationRules { namespace }
        | Neighbour::ServiceProfiles { namespace } => format!("list {what} in namespace {namespace}"),
    }
}

fn unread(rights: &[String]) -> Option<Blocker> {
    let message = format!(
        "the controller may not {}, so it does not know whether the routes are followed: give its ClusterRole that right, as the chart does; a version is taken back all the same",
        rights.join(", nor ")
    );
    (!rights.is_empty()).then(|| Blocker { reason: "RightMissing".into(), message })
}

/// An object as a document that says what it is: in a list, objects do not.
pub fn document(object: &DynamicObject, kind: &ApiResource) -> Result<Value, Error> {
    let mut document = serde_json::to_value(object).map_err(|e| Error::Invalid(e.to_string()))?;
    document["apiVersion"] = kind.api_version.clone().into();
    document["kind"] = kind.kind.clone().into();
    Ok(document)
}

fn kind(neighbour: &Neighbour) -> ApiResource {
    let gateway = "gateway.networking.k8s.io";
    let (group, version, kind, plural) = match neighbour {
        Neighbour::Gateway { .. } => (gateway, "v1", "Gateway", "gateways"),
        Neighbour::Routes { of: RouteKind::Http, .. } => (gateway, "v1", "HTTPRoute", "httproutes"),
        Neighbour::Routes { of: RouteKind::Grpc, .. } => (gateway, "v1", "GRPCRoute", "grpcroutes"),
        Neighbour::Routes { of: RouteKind::LinkerdHttp, .. } => {
            ("policy.linkerd.io", "v1beta3", "HTTPRoute", "httproutes")
        }
        Neighbour::Routes { of: RouteKind::VirtualService, .. } => {
            ("networking.istio.io", "v1", "VirtualService", "virtualservices")
        }
        Neighbour::DestinationRules { .. } => return traffic::destination_rule(),
        Neighbour::GatewayClasses => (gateway, "v1", "GatewayClass", "gatewayclasses"),
        Neighbour::ServiceProfiles { .. } => ("linkerd.io", "v1alpha2", "ServiceProfile", "serviceprofiles"),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
