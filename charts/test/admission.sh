# Sourced by install.sh: the admission policies, the roles for people and the
# controller's rights, as the users they are about.

echo "8. people and the controller"
as() { kubectl --namespace shop --as="$1" "${@:2}"; }
controller=system:serviceaccount:$NS:sluice
kubectl create namespace shop >/dev/null
for user in vera:view erin:edit adam:admin olga:sluice-operate anna:sluice-approve; do
  kubectl --namespace shop create rolebinding "${user%:*}" --user="${user%:*}" --clusterrole="${user#*:}" >/dev/null
done
kubectl --namespace shop apply --filename - >/dev/null <<YAML
# pat may pause one release.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pat}
rules:
- {apiGroups: [sluice.dev], resources: [decisions], verbs: [create]}
- {apiGroups: [sluice.dev], resources: [releases], resourceNames: [frontend-3f9c01d2-1], verbs: [pause]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pat}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pat}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: pat}]
---
# kubectl reads what it patches; the controller does not.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kubectl}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubectl}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kubectl}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "$controller"}]
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec:
  selector: {app: other, sluice.dev/policy: frontend}
  ports: [{name: http, port: 80}]
---
apiVersion: v1
kind: Pod
metadata:
  name: frontend
  labels: {app: frontend, sluice.dev/policy: frontend, sluice.dev/revision: 8b1e77a0}
  annotations: {example.com/team: web}
spec:
  nodeSelector: {example.com/none: "true"}
  containers: [{name: main, image: example.com/frontend:1}]
YAML

# The user's Service, and what taking it over adds to it.
manifest='{"apiVersion":"v1","kind":"Service","metadata":{"name":"frontend","labels":{"team":"web"}},"spec":{"selector":{"app":"frontend"},"ports":[{"name":"http","port":80}]}}'
apply() { as adam apply --filename - "$@" <<<"$manifest"; }
taken='{"metadata":{"labels":{"sluice.dev/policy":"frontend"}},"spec":{"selector":{"sluice.dev/policy":"frontend","sluice.dev/revision":"3f9c01d2","serving.sluice.dev/3f9c01d2":"","pod-template-hash":"abc"}}}'
apply >/dev/null

# patch USER KIND TYPE PATCH [FLAG...]: of the one named frontend
patch() { as "$1" patch "$2" frontend --type "$3" --patch "$4" "${@:5}"; }

# decision USER BY RELEASE ACTION [GROUPS [FLAG...]]
decision() {
  local user=$1 by=$2 release=$3 action=$4 groups=${5:-} gate=
  case $action in Approve | Reject) gate=signoff ;; esac
  shift $(($# > 5 ? 5 : $#))
  as "$user" "$@" create --filename - <<YAML
apiVersion: sluice.dev/v1alpha1
kind: Decision
metadata: {generateName: frontend-}
spec: {release: $release, digest: "sha256:$(printf '8%.0s' {1..64})", action: $action, by: $by${groups:+, groups: [$groups]}${gate:+, gate: $gate}}
YAML
}
one=frontend-3f9c01d2-1
allowed "the controller takes a Service over" patch "$controller" service merge "$taken"
# A policy is in force a moment after it was made.
in_force() {
  ! decision adam erin "$one" Promote "" --dry-run=server &&
    ! patch adam service merge '{"metadata":{"labels":null}}' --dry-run=server &&
    ! patch "$controller" pod merge '{"metadata":{"labels":{"new":"label"}}}' --dry-run=server
}
eventually 30 "the admission policies are in force" in_force
refused "a decision in another's name" 'spec.by must be you: set it to adam' decision adam erin "$one" Promote
refused "membership of a group one is not in" 'you are not in release-managers' decision adam adam "$one" Promote "system:authenticated, release-managers"
allowed "membership of a group one is in" decision adam adam "$one" Promote release-managers --as-group=release-managers --as-group=system:authenticated
for action in Approve Reject Pause Resume SkipStep Promote Abort Retry Rollback; do
  allowed "$action by admin" decision adam adam "$one" "$action"
done
allowed "Abort by sluice-operate alone" decision olga olga "$one" Abort
allowed "Approve by sluice-approve alone" decision anna anna "$one" Approve
allowed "Reject by sluice-approve alone" decision anna anna "$one" Reject
refused "Approve by sluice-operate alone" 'the verb approve on .* such as the ClusterRole sluice-approve' decision olga olga "$one" Approve
refused "Promote by sluice-approve alone" 'such as the ClusterRole sluice-operate' decision anna anna "$one" Promote
refused "Promote by edit" 'you may not Promote release frontend-3f9c01d2-1: ask for a Role with the verb promote on releases.sluice.dev in namespace shop' decision erin erin "$one" Promote
refused "SkipStep by edit" 'the verb skipstep on' decision erin erin "$one" SkipStep
refused "any decision by view" 'cannot create resource "decisions"' decision vera vera "$one" Pause
allowed "Pause by a Role for one release" decision pat pat "$one" Pause
refused "Abort by that Role" 'you may not Abort' decision pat pat "$one" Abort
refused "Pause of another release by that Role" 'you may not Pause release frontend-8b1e77a0-1' decision pat pat frontend-8b1e77a0-1 Pause
refused "a decision by the controller" 'cannot create resource "decisions"' decision "$controller" "$controller" "$one" Promote
some=decision/$(kubectl --namespace shop get decisions --output "jsonpath={.items[0].metadata.name}")
refused "changing a decision" 'a decision cannot be changed' kubectl --namespace shop patch "$some" --type merge --patch '{"spec":{"comment":"no"}}'
allowed "reading decisions by view" as vera get decisions

for key in sluice.dev/policy sluice.dev/revision serving.sluice.dev/3f9c01d2 pod-template-hash; do
  refused "taking $key out of the selector" "must keep $key as it is.*IfNotPresent.*delete RolloutPolicy frontend first" \
    patch adam service merge "{\"spec\":{\"selector\":{\"$key\":null}}}"
done
refused "pointing the selector at another revision" 'must keep sluice.dev/revision' patch adam service merge '{"spec":{"selector":{"sluice.dev/revision":"8b1e77a0"}}}'
refused "removing the selector" 'spec.selector must keep' patch adam service json '[{"op":"remove","path":"/spec/selector"}]'
refused "removing the label sluice.dev/policy" 'keep the label sluice.dev/policy: frontend' patch adam service merge '{"metadata":{"labels":{"sluice.dev/policy":null}}}'
refused "changing the label sluice.dev/policy" 'keep the label sluice.dev/policy: frontend' patch adam service merge '{"metadata":{"labels":{"sluice.dev/policy":"mine"}}}'
refused "removing all labels" 'keep the label sluice.dev/policy: frontend' patch adam service json '[{"op":"remove","path":"/metadata/labels"}]'
refused "the same by cluster-admin" 'must keep sluice.dev/policy' kubectl --namespace shop patch service frontend --type merge --patch '{"spec":{"selector":{"sluice.dev/policy":null}}}'
refused "a forced server-side apply of the first manifest" 'spec.selector must keep' apply --server-side --force-conflicts
allowed "a client-side apply of the first manifest, which keeps the keys" apply
[[ $(kubectl --namespace shop get service frontend --output 'jsonpath={.spec.selector}') == *'"sluice.dev/policy":"frontend"'* ]] || fail "the keys went"
allowed "another key, port and label" patch adam service merge '{"metadata":{"labels":{"team":"shop"}},"spec":{"selector":{"tier":"web"},"ports":[{"name":"http","port":8080}]}}'
allowed "the status" patch adam service merge '{"status":{"loadBalancer":{}}}' --subresource status --as-group=system:masters
allowed "the selector of a Service that is not steered" kubectl --namespace shop patch service other --type merge --patch '{"spec":{"selector":{"sluice.dev/policy":null}}}'
allowed "the controller changes the selector" patch "$controller" service merge '{"spec":{"selector":{"sluice.dev/revision":null,"serving.sluice.dev/3f9c01d2":null,"serving.sluice.dev/8b1e77a0":""}}}'
allowed "the controller gives the Service back" patch "$controller" service merge '{"metadata":{"labels":{"sluice.dev/policy":null}},"spec":{"selector":{"sluice.dev/policy":null}}}'
allowed "and takes it again" patch "$controller" service merge "$taken"
allowed "a finalizer" patch adam service merge '{"metadata":{"finalizers":["example.com/wait"]}}'
allowed "deleting the Service" as adam delete service frontend --wait=false
allowed "removing its finalizer then" patch adam service merge '{"metadata":{"finalizers":null}}'
[[ -z $(kubectl --namespace shop get service frontend --ignore-not-found) ]] || fail "the Service is still there"

allowed "the controller makes a pod a member" patch "$controller" pod merge '{"metadata":{"labels":{"serving.sluice.dev/3f9c01d2":""}}}'
allowed "and takes it out" patch "$controller" pod json '[{"op":"remove","path":"/metadata/labels/serving.sluice.dev~13f9c01d2"}]'
only='the controller may change no label of a pod but' nothing='the controller may change nothing of a pod but'
refused "the controller changing a label" "$only" patch "$controller" pod merge '{"metadata":{"labels":{"app":"other"}}}'
refused "the controller adding a label" "$only" patch "$controller" pod merge '{"metadata":{"labels":{"new":"label"}}}'
refused "the controller removing a label" "$only" patch "$controller" pod merge '{"metadata":{"labels":{"sluice.dev/policy":null}}}'
refused "the controller removing all labels" "$only" patch "$controller" pod merge '{"metadata":{"labels":null}}'
refused "the controller changing an annotation" "$nothing" patch "$controller" pod merge '{"metadata":{"annotations":{"example.com/team":"other"}}}'
refused "the controller adding a finalizer" "$nothing" patch "$controller" pod merge '{"metadata":{"finalizers":["example.com/wait"]}}'
refused "the controller adding an owner" "$nothing" patch "$controller" pod merge '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"1"}]}}'
refused "the controller changing an image" "$nothing" patch "$controller" pod json '[{"op":"replace","path":"/spec/containers/0/image","value":"example.com/frontend:2"}]'
refused "the controller changing an image and a member label at once" "$nothing" \
  patch "$controller" pod merge '{"metadata":{"labels":{"serving.sluice.dev/3f9c01d2":""}},"spec":{"activeDeadlineSeconds":60}}'
allowed "people changing a pod" patch adam pod merge '{"metadata":{"labels":{"new":"label"},"annotations":{"a":"b"}}}'

can() { [[ $(as "$controller" auth can-i "$@" 2>/dev/null || true) == yes ]] || fail "the controller cannot $*"; }
cannot() { [[ $(as "$controller" auth can-i "$@" 2>/dev/null || true) == no ]] || fail "the controller can $*"; }
can create subjectaccessreviews.authorization.k8s.io; cannot create tokenreviews.authentication.k8s.io
can get secrets; cannot list secrets; cannot watch secrets; cannot create secrets
can patch pods; cannot create pods; cannot delete pods; cannot create pods/exec; cannot create pods/eviction
cannot create decisions.sluice.dev; cannot patch conformancesuites.sluice.dev; can update releases.sluice.dev --subresource status; cannot patch releases.sluice.dev --subresource status
cannot impersonate users; cannot bind clusterroles; cannot escalate clusterroles; cannot update customresourcedefinitions
can get validatingadmissionpolicies/sluice-decisions; cannot get validatingadmissionpolicies/other; cannot patch validatingadmissionpolicies/sluice-decisions
can update leases/sluice --namespace "$NS"; cannot update leases/other --namespace "$NS"; cannot update leases/sluice --namespace shop
ok "the API server agrees on what the controller can and cannot do"
