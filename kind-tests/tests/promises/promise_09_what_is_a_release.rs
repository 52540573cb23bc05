//! A change of configuration is a release, and going back restores the old one. Scaling and relabelling are none.

use crds::names;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kind_tests::{prelude::*, wait::stays};
use kube::api::{ListParams, Patch, PatchParams, PropagationPolicy};
use serde_json::{Value, json};

/// The message that the application shows to its callers.
async fn message(shop: &Policy) -> anyhow::Result<String> {
    let path = format!("/api/v1/namespaces/{}/services/{}:80/proxy/api/info", shop.ns.name, shop.name);
    let info: Value = shop.ns.client.request(http::Request::get(path).body(Vec::new())?).await?;
    Ok(info["message"].as_str().unwrap_or_default().to_owned())
}

async fn set_message(shop: &Policy, text: &str) -> anyhow::Result<()> {
    let data = Patch::Merge(json!({ "data": { "message": text } }));
    shop.ns.api::<ConfigMap>().patch(&format!("{}-config", shop.name), &PatchParams::default(), &data).await?;
    Ok(())
}

#[tokio::test]
async fn a_change_of_only_a_configmap_is_a_release_and_going_back_restores_the_old_configuration() -> anyhow::Result<()>
{
    with_namespace("config", async |ns| {
        let app = App::testapp("shop").message("hello").canary([20, 50]);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let old = shop.stable().await?;
        ensure!(message(&shop).await? == "hello", "{}", message(&shop).await?);

        let known = shop.release_names().await?;
        set_message(&shop, "good morning").await?;
        let release = shop.next_release(&known).await?;
        release.in_force(2).await?;
        // A pod of stable that is started anew in the middle still has the old configuration.
        release.ends_as(Phase::Succeeded).await?;
        shop.settled().await?;
        ensure!(message(&shop).await? == "good morning", "{}", message(&shop).await?);
        ensure!(release.candidate().await? != old, "another configuration is another revision");

        let known = shop.release_names().await?;
        set_message(&shop, "hello").await?;
        let back = shop.next_release(&known).await?;
        ensure!(back.candidate().await? == old, "going back is going back to the same revision");
        ensure!(back.get().await?.spec.fast, "a revision that has passed before takes the fast way");
        back.ends_as(Phase::Succeeded).await?;
        ensure!(message(&shop).await? == "hello", "{}", message(&shop).await?);

        shop.deleted(PropagationPolicy::Background).await?;
        load.sample("given-back", 60).await?;
        load.stop().await?.no_request_failed()?;
        let copies = ns.api::<ConfigMap>().list(&ListParams::default().labels(names::POLICY)).await?;
        ensure!(copies.items.is_empty(), "copies of the configuration are left: {:?}", copies.items);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_configuration_that_fails_its_test_never_reaches_a_caller() -> anyhow::Result<()> {
    with_namespace("bad-config", async |ns| {
        let greets = r#"greets: GET /api/info -> 200 "json:/message=hello""#;
        let app = App::testapp("shop").replicas(2).message("hello").checks([greets]);
        let shop = ns.taken_over(&app).await?;
        let known = shop.release_names().await?;
        set_message(&shop, "oops").await?;
        let release = shop.next_release(&known).await?;
        release.ends_as(Phase::RolledBack).await?;
        ensure!(message(&shop).await? == "hello", "{}", message(&shop).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn scaling_and_relabelling_the_workload_start_no_release() -> anyhow::Result<()> {
    with_namespace("no-release", async |ns| {
        let app = App::testapp("shop").replicas(2);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(20).start().await?;
        let known = shop.release_names().await?;
        let stable = shop.stable().await?;

        shop.patch_workload(&json!({ "metadata": { "labels": { "team": "checkout" }, "annotations": { "a": "b" } } }))
            .await?;
        shop.patch_workload(&json!({ "spec": { "replicas": 3 } })).await?;
        wait_for("the workload to return to zero", secs(30), async || {
            match ns.api::<Deployment>().get(&shop.name).await?.spec.and_then(|s| s.replicas) {
                Some(0) => Ok(()),
                other => Err(Seen::yet(format!("{other:?}"))),
            }
        })
        .await?;
        shop.patch(&json!({ "spec": { "replicas": 4 } })).await?;
        wait_for("four pods", secs(30), async || match shop.pods_of(&stable).await?.len() {
            4 => Ok(()),
            n => Err(Seen::yet(n)),
        })
        .await?;
        stays("no release begins", secs(5), async || {
            let names = shop.release_names().await?;
            if names == known { Ok(()) } else { Err(Seen::yet(format!("{names:?}"))) }
        })
        .await?;
        ensure!(shop.settled().await?.replicas == 4, "status.replicas is not what serves");
        load.stop().await?.no_request_failed()
    })
    .await
}
