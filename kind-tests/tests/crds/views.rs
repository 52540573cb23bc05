//! What people and autoscalers see of an object.

use crds::RolloutPolicy;
use http::Method;
use kind_tests::{prelude::*, raw};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::objects::{good, installed};

/// A policy and a release with a status.
async fn with_status(ns: &Namespace) -> anyhow::Result<()> {
    for (file, status) in [
        ("policy-minimal", include_str!("good/policy-status.yaml")),
        ("release", include_str!("good/release-status.yaml")),
    ] {
        let object = good(file);
        object.create_in(ns).await?;
        let status: Value = serde_saphyr::from_str(status)?;
        let path = format!("{}/{}/status", raw::sluice(&ns.name, &object.plural), object.name());
        raw::send(&ns.client, Method::PATCH, &path, &json!({ "status": status })).await??;
    }
    Ok(())
}

/// The table's columns, those of `-o wide` in brackets, and its first row.
async fn columns(ns: &Namespace, plural: &str) -> anyhow::Result<(String, Vec<String>)> {
    let table = raw::table(&ns.client, &raw::sluice(&ns.name, plural)).await?;
    let columns = table["columnDefinitions"].as_array().cloned().unwrap_or_default();
    let names = columns.iter().map(|c| {
        let name = c["name"].as_str().unwrap_or_default();
        if c["priority"] == 0 { name.to_owned() } else { format!("({name})") }
    });
    let cells = table["rows"][0]["cells"].as_array().cloned().unwrap_or_default();
    let row = cells.iter().map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
    Ok((names.collect::<Vec<_>>().join(" "), row.collect()))
}

#[tokio::test]
async fn kubectl_get_shows_what_is_going_on() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("columns", async |ns| {
        with_status(&ns).await?;
        let (names, row) = columns(&ns, "rolloutpolicies").await?;
        ensure!(names == "Name Workload Strategy Stable Candidate Weight Status (Waiting for) Age", "{names}");
        let want =
            ["minimal", "web", "blueGreen", "3f9c01d2", "3f9c01d2", "20", "Gating", "waits for the conformance test"];
        ensure!(row[..8] == want, "{row:?}");
        let (names, row) = columns(&ns, "releases").await?;
        ensure!(names == "Name Policy Purpose From To Phase Weight (Waiting for) Age", "{names}");
        let want =
            ["frontend-8b1e77a0-1", "frontend", "Update", "3f9c01d2", "8b1e77a0", "Shifting", "20", "bakes for 2 m"];
        ensure!(row[..8] == want, "{row:?}");
        for (plural, want) in [
            ("decisions", "Name Release Action By Age"),
            ("conformancesuites", "Name Image Age"),
            ("metricsources", "Name URL Age"),
            ("metrictemplates", "Name Age"),
            ("notificationchannels", "Name Ready Status Pending Last Age"),
            ("deliveries", "Name Age"),
        ] {
            let (names, _) = columns(&ns, plural).await?;
            ensure!(names == want, "{plural}: {names}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_autoscaler_scales_a_policy_through_its_scale_subresource() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("scale", async |ns| {
        with_status(&ns).await?;
        let api = ns.api::<RolloutPolicy>();
        let to = Patch::Merge(json!({ "spec": { "replicas": 7 } }));
        api.patch_scale("minimal", &PatchParams::default(), &to).await?;
        ensure!(api.get("minimal").await?.spec.replicas == Some(7), "scaling did not reach spec.replicas");
        let status = api.get_scale("minimal").await?.status.context("a status of the scale")?;
        ensure!(status.replicas == 4, "{status:?}");
        let selector = "sluice.dev/policy=web,sluice.dev/revision in (3f9c01d2)";
        ensure!(status.selector.as_deref() == Some(selector), "{status:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn short_names_are_served() -> anyhow::Result<()> {
    let client = installed().await?;
    let served = client.list_api_group_resources("sluice.dev/v1alpha1").await?.resources;
    for (plural, short) in [
        ("rolloutpolicies", "rp"),
        ("releases", "rel"),
        ("decisions", "dec"),
        ("conformancesuites", "cs"),
        ("metricsources", "ms"),
        ("metrictemplates", "mt"),
        ("notificationchannels", "nc"),
        ("deliveries", "dlv"),
    ] {
        let resource = served.iter().find(|r| r.name == plural).context(plural)?;
        ensure!(resource.short_names == Some(vec![short.to_owned()]), "{plural}: {:?}", resource.short_names);
        ensure!(resource.namespaced, "{plural} is not namespaced");
    }
    Ok(())
}
