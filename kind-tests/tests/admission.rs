//! The chart's admission policies, asked by people and by the controller's own user.
//!
//! Needs the chart (its policies and roles), no running controller. A policy takes effect up to a few seconds after it
//! is made, so what must be refused is tried until it is.
#![forbid(unsafe_code)]

use http::Method;
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    rbac::v1::{Role, RoleBinding},
};
use kind_tests::{cluster::connect_as, decision::whoami, prelude::*, raw};
use kube::Client;
use serde_json::{Value, json};

const CONTROLLER: &str = "system:serviceaccount:sluice-system:sluice";
const DIGEST: &str = "sha256:8b1e77a0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What is said against a request that must be refused.
async fn refused(client: &Client, method: Method, path: &str, body: &Value) -> anyhow::Result<String> {
    wait_for(&format!("a refusal of {method} {path} {body}"), secs(15), async || {
        match raw::send(client, method.clone(), path, body).await? {
            Err(status) if status.code == 403 || status.code == 422 => Ok(status.message),
            Err(status) => Err(Seen::yet(status.message)),
            Ok(_) => Err(Seen::yet("it is accepted")),
        }
    })
    .await
}

async fn accepted(client: &Client, method: Method, path: &str, body: &Value) -> anyhow::Result<()> {
    raw::send(client, method, path, body).await?.map_err(|s| anyhow::anyhow!("{path} {body}: {}", s.message))?;
    Ok(())
}

fn decision(action: &str, by: &str, groups: &[&str]) -> Value {
    let mut decision = json!({
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Decision",
        "metadata": { "generateName": "shop-" },
        "spec": { "release": "shop-8b1e77a0-1", "digest": DIGEST, "action": action, "by": by, "groups": groups },
    });
    if matches!(action, "Approve" | "Reject") {
        decision["spec"]["gate"] = json!("signoff");
    }
    decision
}

fn decisions(ns: &Namespace) -> String {
    format!("{}?dryRun=All&fieldValidation=Strict", raw::sluice(&ns.name, "decisions"))
}

/// Gives a user these verbs on releases, and the right to write decisions.
async fn may(ns: &Namespace, user: &str, verbs: &[&str]) -> anyhow::Result<Client> {
    let rules = json!([
        { "apiGroups": ["sluice.dev"], "resources": ["decisions"], "verbs": ["create"] },
        { "apiGroups": ["sluice.dev"], "resources": ["releases"], "verbs": verbs },
    ]);
    ns.create_object::<Role>(json!({ "metadata": { "name": user }, "rules": rules })).await?;
    let binding = json!({
        "metadata": { "name": user },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user },
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user }],
    });
    ns.create_object::<RoleBinding>(binding).await?;
    connect_as(user, &["release-managers"]).await
}

#[tokio::test]
async fn a_decision_names_the_one_who_makes_it() -> anyhow::Result<()> {
    with_namespace("decision-by", async |ns| {
        let (me, path) = (whoami(&ns.client).await?, decisions(&ns));
        let said = refused(&ns.client, Method::POST, &path, &decision("Abort", "somebody", &[])).await?;
        ensure!(said.contains(&format!("spec.by must be you: set it to {me}")), "{said}");
        let said = refused(&ns.client, Method::POST, &path, &decision("Abort", &me, &["not-mine"])).await?;
        ensure!(said.contains("you are not in not-mine: leave it out of spec.groups"), "{said}");
        accepted(&ns.client, Method::POST, &path, &decision("Abort", &me, &["system:authenticated"])).await
    })
    .await
}

#[tokio::test]
async fn who_may_decide_one_thing_may_not_decide_another() -> anyhow::Result<()> {
    with_namespace("decision-verbs", async |ns| {
        let path = decisions(&ns);
        let actions = [
            ("Approve", "approve"),
            ("Reject", "reject"),
            ("Pause", "pause"),
            ("Resume", "resume"),
            ("SkipStep", "skipstep"),
            ("Promote", "promote"),
            ("Abort", "abort"),
            ("Retry", "retry"),
            ("Rollback", "rollback"),
        ];
        for (action, verb) in actions {
            let user = format!("{verb}-only");
            let client = may(&ns, &user, &[verb]).await?;
            // A binding takes a moment to be seen.
            wait_for(&format!("{user} to be heard"), secs(15), async || {
                let answer =
                    raw::send(&client, Method::POST, &path, &decision(action, &user, &["release-managers"])).await?;
                answer.map(drop).map_err(|s| Seen::yet(s.message))
            })
            .await?;
            for (other, _) in actions.iter().filter(|(other, _)| *other != action) {
                let said = refused(&client, Method::POST, &path, &decision(other, &user, &[])).await?;
                ensure!(
                    said.contains(&format!("you may not {other} release shop-8b1e77a0-1: ask for a Role")),
                    "{said}"
                );
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nobody_but_the_controller_takes_its_keys_out_of_a_selector() -> anyhow::Result<()> {
    with_namespace("apex", async |ns| {
        let service = json!({
            "metadata": { "name": "shop", "labels": { "sluice.dev/policy": "shop" } },
            "spec": {
                "selector": { "app": "shop", "sluice.dev/policy": "shop", "serving.sluice.dev/3f9c01d2": "" },
                "ports": [{ "name": "http", "port": 80 }],
            },
        });
        ns.create_object::<Service>(service).await?;
        let path = format!("/api/v1/namespaces/{}/services/shop?dryRun=All", ns.name);
        let selector = |change: Value| json!({ "spec": { "selector": change } });
        for (change, lost) in [
            (json!({ "serving.sluice.dev/3f9c01d2": null }), "serving.sluice.dev/3f9c01d2"),
            (json!({ "sluice.dev/policy": null }), "sluice.dev/policy"),
            (json!({ "sluice.dev/policy": "other" }), "sluice.dev/policy"),
        ] {
            let said = refused(&ns.client, Method::PATCH, &path, &selector(change)).await?;
            ensure!(said.contains(&format!("spec.selector must keep {lost} as it is")), "{said}");
            ensure!(said.contains("delete RolloutPolicy shop first"), "{said}");
        }
        let unlabelled = json!({ "metadata": { "labels": { "sluice.dev/policy": null } } });
        let said = refused(&ns.client, Method::PATCH, &path, &unlabelled).await?;
        ensure!(said.contains("keep the label sluice.dev/policy: shop"), "{said}");

        // Everything else stays the user's.
        accepted(&ns.client, Method::PATCH, &path, &selector(json!({ "tier": "web" }))).await?;
        accepted(&ns.client, Method::PATCH, &path, &selector(json!({ "app": null }))).await?;
        let ports =
            json!({ "spec": { "ports": [{ "name": "http", "port": 8080 }] }, "metadata": { "labels": { "a": "b" } } });
        accepted(&ns.client, Method::PATCH, &path, &ports).await?;
        let controller = connect_as(CONTROLLER, &["system:serviceaccounts"]).await?;
        accepted(&controller, Method::PATCH, &path, &selector(json!({ "serving.sluice.dev/3f9c01d2": null }))).await
    })
    .await
}

#[tokio::test]
async fn the_controller_changes_nothing_of_a_pod_but_its_membership() -> anyhow::Result<()> {
    with_namespace("pods", async |ns| {
        let container = |version: &str| {
            json!({
                "name": "app",
                "image": format!("ghcr.io/sluice-dev/testapp:{version}"),
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            })
        };
        let pod = json!({
            "metadata": { "name": "shop", "labels": { "app": "shop", "serving.sluice.dev/3f9c01d2": "" } },
            "spec": {
                "automountServiceAccountToken": false,
                "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                "containers": [container("1.0.0")],
            },
        });
        ns.create_object::<Pod>(pod).await?;
        let path = format!("/api/v1/namespaces/{}/pods/shop?dryRun=All", ns.name);
        let controller = connect_as(CONTROLLER, &["system:serviceaccounts"]).await?;
        let labels = |change: Value| json!({ "metadata": { "labels": change } });
        for change in [
            labels(json!({ "app": "other" })),
            labels(json!({ "app": null })),
            labels(json!({ "sluice.dev/revision": "3f9c01d2" })),
            json!({ "metadata": { "annotations": { "a": "b" } } }),
            json!({ "metadata": { "finalizers": ["a.example.com/b"] } }),
            json!({ "spec": { "containers": [container("1.1.0")] } }),
            json!({ "spec": { "activeDeadlineSeconds": 5 } }),
        ] {
            let said = refused(&controller, Method::PATCH, &path, &change).await?;
            ensure!(said.contains("the controller may change no"), "{change}: {said}");
        }
        for change in [json!({ "serving.sluice.dev/8b1e77a0": "" }), json!({ "serving.sluice.dev/3f9c01d2": null })] {
            accepted(&controller, Method::PATCH, &path, &labels(change)).await?;
        }
        // People may do what they could before.
        accepted(&ns.client, Method::PATCH, &path, &labels(json!({ "app": "other" }))).await
    })
    .await
}
