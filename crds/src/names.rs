//! Names that the controller, its chart and its users share.

/// API group of every custom resource.
pub const GROUP: &str = "sluice.dev";
/// Field manager of every write.
pub const FIELD_MANAGER: &str = "sluice";
/// Label: name of the policy an object belongs to.
pub const POLICY: &str = "sluice.dev/policy";
/// Label: UID of the policy an object belongs to, so that a policy made anew under the same name can tell.
pub const POLICY_UID: &str = "sluice.dev/policy-uid";
/// Label: short id of the revision an object belongs to.
pub const REVISION: &str = "sluice.dev/revision";
/// Label on Jobs: the release they belong to.
pub const RELEASE: &str = "sluice.dev/release";
/// Label on Jobs: the gate they answer.
pub const GATE: &str = "sluice.dev/gate";
/// Label: a Deployment left serving after its policy was deleted.
pub const LEFT_SERVING: &str = "sluice.dev/left-serving";
/// Prefix of the membership key: a pod with `serving.sluice.dev/<id>` answers while revision `<id>` is stable.
pub const SERVING_PREFIX: &str = "serving.sluice.dev/";
/// Finalizer on policies and releases.
pub const FINALIZER: &str = "sluice.dev/finalizer";
/// Annotation on the apex Service: number of pods for all of the traffic.
pub const CAPACITY: &str = "sluice.dev/capacity";
/// Annotation on a revision's Deployment and ControllerRevision: the full digest.
pub const DIGEST: &str = "sluice.dev/digest";
/// Annotation: the releases of a policy in their order; creation times have whole seconds only.
pub const SEQUENCE: &str = "sluice.dev/sequence";
/// Annotation on a workload's pod template, or on the workload itself: the user who changed it, as the API server knows them.
pub const AUTHOR: &str = "sluice.dev/author";
/// Annotation on a workload's pod template, or on the workload itself: the commit, tag or artefact that it was applied from.
pub const SOURCE: &str = "sluice.dev/source";
/// Annotation on a Namespace: nothing rises in it meanwhile; how it is written is said in [`crate::freeze`].
pub const FREEZE: &str = "sluice.dev/freeze";
/// Annotation on the controller's own Namespace: nothing rises in any.
pub const FREEZE_ALL: &str = "sluice.dev/freeze-all";
/// Annotation on a workload's pod template: why the version is to take the emergency way. Annotation on a Namespace, with
/// `Forbidden`: no version may.
pub const EMERGENCY: &str = "sluice.dev/emergency";
/// Annotation on a workload that may run twice although it holds something exclusive.
pub const ALLOW_SIDE_BY_SIDE: &str = "sluice.dev/allow-side-by-side";
/// Annotation on another Service that may select an unproven candidate.
pub const ALLOW_CANDIDATE: &str = "sluice.dev/allow-candidate";

/// The membership key of a revision's short id.
pub fn serving_key(revision: &str) -> String {
    format!("{SERVING_PREFIX}{revision}")
}
