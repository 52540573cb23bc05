//! The controller is killed and ended in the middle of a release: how long nobody acts, and what users notice.

use anyhow::Result;
use apps::clock;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kind_tests::{audit::Request, controller, prelude::*, program::SLUICE};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

use crate::{
    column::{Cell, Column},
    figure::Figure,
    live::{Live, app, failed, millis},
    progress::say,
    trail::Trail,
};

/// Longer than a lease, so that the step is still there when the next one leads.
const BAKE: &str = "20s";

/// `kill -9` of the controller that leads in the first step, SIGTERM of the next in the second.
///
/// # Errors
///
/// When nobody takes over, or the release does not end.
pub async fn run(live: &mut Live, column: &mut Column) -> Result<()> {
    let client = live.shop.ns.client.clone();
    controller::prepare_to_kill(&client).await?;
    let steps = json!([{ "weight": 20, "bake": BAKE }, { "weight": 50, "bake": BAKE }]);
    live.shop.patch(&json!({ "spec": { "strategy": { "canary": { "steps": steps } } } })).await?;
    say("kill -9 of the controller in the first step of a release, SIGTERM in the second; steps of 20 s");
    let recorder = Recorder::start(&live.shop.ns);
    let release = live.shop.update(&app().version("1.3.0")).await?;

    release.in_force(1).await?;
    let expiry = lease_seconds(&client).await?;
    let leader = controller::leader(&client).await?.name_any();
    let (trail, began) = (Trail::of(&SLUICE)?, clock::unix_ms());
    controller::kill(&client).await?;
    let after = acts_again(&live.shop.ns, &leader, &trail, began).await?;
    let note = format!("(other replica; lease {expiry} s)");
    column.put(Figure::AfterKill, Cell::decimal(after).note(&note).met(after <= expiry as f64));
    say(&format!("  another acts {after:.1} s after kill -9"));

    release.in_force(2).await?;
    let leader = standing_by(&client).await?;
    let (trail, began) = (Trail::of(&SLUICE)?, clock::unix_ms());
    Api::<Pod>::namespaced(client.clone(), controller::NAMESPACE).delete(&leader, &DeleteParams::default()).await?;
    let after = acts_again(&live.shop.ns, &leader, &trail, began).await?;
    column.put(Figure::AfterTerm, Cell::decimal(after).met(after < 2.0));
    say(&format!("  another acts {after:.1} s after SIGTERM"));

    release.ends_as(Phase::Succeeded).await?;
    recorder.held_each_step(&release.name, 2, chrono::TimeDelta::seconds(20))?;
    column.put(Figure::Killed, failed(live.laps.lap("controller-killed").await?.failed));
    Ok(())
}

/// Waits until another replica is ready to take over, and names the one that leads.
async fn standing_by(client: &Client) -> Result<String> {
    wait_for("a second replica of the controller", secs(60), async || {
        let pods = SLUICE.pods(client).await?;
        let ready = pods.iter().filter(|p| is_ready(p)).count();
        if ready >= 2 { Ok(()) } else { Err(Seen::yet(format!("{ready} ready"))) }
    })
    .await?;
    Ok(controller::leader(client).await?.name_any())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Seconds until another pod than this one looks at the objects of the namespace, as the first thing of a pass.
async fn acts_again(ns: &Namespace, gone: &str, trail: &Trail, began_ms: u64) -> Result<f64> {
    let acts = |r: &&Request| r.pod != gone && r.namespace == ns.name && !r.is_watch();
    let first = wait_for("another controller to act", secs(60), async || {
        let requests = trail.requests()?;
        let first = requests.iter().filter(acts).map(|r| r.at).min();
        first.ok_or_else(|| Seen::yet(format!("{} requests, none of another about it", requests.len())))
    })
    .await?;
    Ok((millis(first) - began_ms as f64) / 1000.0)
}

/// How long a lease lasts that nobody renews.
async fn lease_seconds(client: &Client) -> Result<i32> {
    let leases = Api::<Lease>::namespaced(client.clone(), controller::NAMESPACE).list(&ListParams::default()).await?;
    let seconds = leases.iter().filter_map(|l| l.spec.as_ref()?.lease_duration_seconds).next();
    seconds.context("finding the controller's lease, which the leader made")
}
