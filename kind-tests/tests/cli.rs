//! The command line against a real API server: what people and pipelines type, with the rights that they have.
//!
//! Needs the controller, and the binary `kubectl-sluice` (`cargo build --package cli`; `SLUICE_CLI` names another one).
#![forbid(unsafe_code)]

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kind_tests::{
    cli::{self, Ended, ends},
    prelude::*,
};
use serde_json::{Value, json};
use tokio::process::Child;

fn begins(ns: &Namespace, line: &str) -> anyhow::Result<Child> {
    cli::begins(&ns.name, line)
}

async fn types(ns: &Namespace, line: &str) -> anyhow::Result<Ended> {
    cli::types(&ns.name, line).await
}

#[tokio::test]
async fn a_pipeline_waits_for_a_good_version_from_before_it_is_deployed() -> anyhow::Result<()> {
    with_namespace("cli-good", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("3s");
        let shop = ns.taken_over(&app).await?;
        let mut waiting = begins(&ns, "wait shop --for-image ghcr.io/sluice-dev/testapp:1.1.0 --timeout 3m")?;
        tokio::time::sleep(secs(3)).await;
        ensure!(waiting.try_wait()?.is_none(), "an older version was taken for it");
        shop.wish(&app.clone().version("1.1.0")).await?;
        let ended = ends(waiting).await?;
        ensure!(ended.code == Some(0) && ended.err.contains("delivered and serves"), "{ended:?}");
        let stable = shop.status().await?.stable.context("a stable revision")?;
        ensure!(stable.images.iter().any(|i| i.ends_with(":1.1.0")), "{stable:?}");

        // Begun a moment after the change, without saying for what.
        shop.wish(&app.version("1.2.0")).await?;
        let ended = types(&ns, "wait shop --timeout 3m").await?;
        ensure!(ended.code == Some(0), "{ended:?}");
        let stable = shop.status().await?.stable.context("a stable revision")?;
        ensure!(stable.images.iter().any(|i| i.ends_with(":1.2.0")), "{stable:?}");
        let history = types(&ns, "history shop").await?;
        ensure!(history.out.lines().count() == 4, "{history:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_version_that_fails_its_tests_ends_the_wait_with_3() -> anyhow::Result<()> {
    with_namespace("cli-bad", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("3s");
        let shop = ns.taken_over(&app).await?;
        shop.wish(&app.clone().version("1.1.0").failing_conformance()).await?;
        let ended = types(&ns, "wait shop --timeout 3m").await?;
        ensure!(ended.code == Some(3) && ended.err.contains("RolledBack"), "{ended:?}");
        let listed = types(&ns, "get").await?;
        ensure!(listed.code == Some(0) && listed.out.contains("RolledBack"), "{listed:?}");
        let shown = types(&ns, "status shop").await?;
        ensure!(shown.out.contains("ConformanceFailed") && shown.out.contains("sluice retry shop"), "{shown:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_release_is_shown_paused_resumed_and_aborted() -> anyhow::Result<()> {
    with_namespace("cli-decide", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("5s").pause_at(2);
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.version("1.1.0")).await?;
        release.in_force(1).await?;
        let paused = types(&ns, "pause shop -m a-test").await?;
        ensure!(paused.code == Some(0) && paused.out.contains("was heeded"), "{paused:?}");
        let shown = types(&ns, "status shop").await?;
        for part in ["4 of 4 pods ready", "1 of 1 pod ready, 20 % of the traffic", "● step 1", "sluice resume shop"] {
            ensure!(shown.out.contains(part), "{part}: {}", shown.out);
        }
        tokio::time::sleep(secs(10)).await;
        ensure!(release.journal().await?.step == Some(1), "it was paused and went on");

        let other = types(&ns, "resume shop --digest 00000000").await?;
        ensure!(other.code == Some(1) && other.err.contains("nothing was decided"), "{other:?}");
        let resumed = types(&ns, &format!("resume {}", release.name)).await?;
        ensure!(resumed.code == Some(0), "{resumed:?}");
        release.in_force(2).await?;
        let again = types(&ns, "retry shop").await?;
        ensure!(again.code == Some(1) && again.err.contains("has no effect"), "{again:?}");
        let aborted = types(&ns, "abort shop").await?;
        ensure!(aborted.code == Some(0), "{aborted:?}");
        release.ends_as(Phase::Superseded).await?;
        let history = types(&ns, "history shop -o json").await?;
        let past: Value = serde_json::from_str(&history.out)?;
        let actions: Vec<_> =
            past[0]["decisions"].as_array().into_iter().flatten().map(|d| d["action"].clone()).collect();
        ensure!(actions == ["Pause", "Resume", "Retry", "Abort"], "{past}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_right_that_lacks_is_named() -> anyhow::Result<()> {
    with_namespace("cli-rights", async |ns| {
        let app = App::testapp("shop").canary([20]).bake("60s");
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.version("1.1.0")).await?;
        release.in_force(1).await?;
        let nobody = types(&ns, "get --as nobody").await?;
        ensure!(nobody.code == Some(1) && nobody.err.contains("cannot list resource") && nobody.err.contains("sluice-view"), "{nobody:?}");

        let rules = json!([
            { "apiGroups": ["sluice.dev"], "resources": ["decisions"], "verbs": ["create", "list"] },
            { "apiGroups": ["sluice.dev"], "resources": ["rolloutpolicies", "releases"], "verbs": ["get", "list", "watch", "pause"] },
        ]);
        ns.create_object::<Role>(json!({ "metadata": { "name": "pauser" }, "rules": rules })).await?;
        ns.create_object::<RoleBinding>(json!({
            "metadata": { "name": "pauser" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pauser" },
            "subjects": [{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "pausers" }],
        }))
        .await?;
        let as_pauser = "--as pauser --as-group pausers --as-group system:authenticated";
        wait_for("the binding to be seen", secs(15), async || {
            let ended = types(&ns, &format!("get {as_pauser}")).await?;
            if ended.code == Some(0) { Ok(()) } else { Err(Seen::yet(ended.err)) }
        })
        .await?;
        let aborted = types(&ns, &format!("abort shop {as_pauser}")).await?;
        ensure!(aborted.code == Some(1) && aborted.err.contains("you may not Abort release"), "{aborted:?}");
        let paused = types(&ns, &format!("pause shop {as_pauser}")).await?;
        ensure!(paused.code == Some(0) && paused.err.contains("Pause by pauser"), "{paused:?}");
        // Pods are shown as far as they may be listed.
        let shown = types(&ns, &format!("status shop {as_pauser}")).await?;
        ensure!(shown.code == Some(0) && shown.out.contains("you may not list them"), "{shown:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_api_server_finds_what_takes_its_rules() -> anyhow::Result<()> {
    with_namespace("cli-lint", async |ns| {
        let mut policy = App::testapp("shop").canary([20, 50]).rollout_policy();
        policy["apiVersion"] = json!("sluice.dev/v1alpha1");
        policy["kind"] = json!("RolloutPolicy");
        let folder = std::env::temp_dir().join(&ns.name);
        std::fs::create_dir_all(&folder)?;
        let lint = format!("lint --server -f {}", folder.display());
        std::fs::write(folder.join("policy.yaml"), policy.to_string())?;
        let good = types(&ns, &lint).await?;
        // Blue/green has no steps: a rule across fields, which only the API server knows.
        policy["spec"]["strategy"] = json!({ "blueGreen": {} });
        policy["spec"]["gates"][0]["at"] = json!("step");
        std::fs::write(folder.join("policy.yaml"), policy.to_string())?;
        let bad = types(&ns, &lint).await?;
        std::fs::remove_dir_all(&folder)?;
        ensure!(good.code == Some(0), "{good:?}");
        ensure!(bad.code == Some(1) && bad.out.contains("blueGreen has no steps"), "{bad:?}");
        ensure!(ns.api::<crds::RolloutPolicy>().get_opt("shop").await?.is_none(), "a dry run creates nothing");
        Ok(())
    })
    .await
}
