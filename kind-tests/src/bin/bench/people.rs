//! What people feel: how soon an approval is heeded, and whether they are told everything, once and in order.

use std::collections::BTreeMap;

use anyhow::Result;
use apps::clock;
use crds::journal::Journal;
use futures::future::try_join_all;
use http::Method;
use kind_tests::{
    controller, decision,
    prelude::*,
    program::SLUICE,
    raw,
    receiver::{Receiver, channel, everything},
};
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    column::{Cell, Column},
    figure::Figure,
    progress::say,
};

/// Policies, each with a channel of its own.
const SHOPS: usize = 10;
/// Things that happen at least.
const TRANSITIONS: usize = 1_000;
const VERSIONS: [&str; 4] = ["1.1.0", "1.2.0", "1.3.0", "1.0.0"];
const MB: f64 = 1e6;

/// Releases with approvals, told to receivers that fail every second time, and traced.
pub async fn run(ns: &Namespace, column: &mut Column) -> Result<()> {
    // By it the memory of a process is read.
    controller::prepare_to_kill(&ns.client).await?;
    let receiver = Receiver::start(ns).await?;
    let traces = receiver.url("/quiet/traces");
    controller::upgrade_with(&ns.client, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces)]).await?;
    let measured = measure(ns, &receiver, column).await;
    // Whatever came of it, other parts have a controller as the chart makes it.
    controller::upgrade_with(&ns.client, &[]).await?;
    measured
}

async fn measure(ns: &Namespace, receiver: &Receiver, column: &mut Column) -> Result<()> {
    say(&format!(
        "{SHOPS} services, each with a gate that asks people, and a channel whose receiver fails every second time"
    ));
    let shops = try_join_all((0..SHOPS).map(|i| begin(ns, receiver, i))).await?;
    let (mut happened, mut seconds) = (BTreeMap::new(), Vec::new());
    for version in VERSIONS.into_iter().cycle() {
        let releases =
            try_join_all(shops.iter().map(|(shop, app)| deliver(shop, app.clone().version(version)))).await?;
        for (uid, count, took) in releases {
            happened.insert(uid, count);
            seconds.push(took);
        }
        let all: usize = happened.values().sum();
        say(&format!("  {all} things have happened in {} releases", happened.len()));
        if all >= TRANSITIONS {
            break;
        }
    }
    let leader = controller::leader(&ns.client).await?;
    let rss = SLUICE.process(&ns.client, &leader).await?.rss as f64 / MB;
    column.put(Figure::MemoryTelling, Cell::decimal(rss).met(rss < 40.0 * 1.048_576));
    seconds.sort_by(f64::total_cmp);
    let (median, slowest) = (seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
    let note = format!("(the slowest of {}: {slowest:.2})", seconds.len());
    column.put(Figure::Approve, Cell::hundredths(median).note(&note).met(slowest < 1.0));
    let told = all_told(receiver, &happened).await?;
    let (lost, doubled, disordered) = told;
    let all: usize = happened.values().sum();
    say(&format!("  of {all}: {lost} lost, {doubled} doubled, {disordered} out of order; {rss:.1} MB resident"));
    let cell = Cell::text(format!("{lost}, {doubled}, {disordered} of {all}"));
    column.put(Figure::Told, cell.met(lost + doubled + disordered == 0));
    Ok(())
}

async fn begin(ns: &Namespace, receiver: &Receiver, i: usize) -> Result<(Policy, App)> {
    let name = format!("shop{i}");
    let endpoint = json!({ "url": receiver.url(&format!("/half/{name}")) });
    let spec = json!({ "webhook": { "endpoint": endpoint }, "kinds": everything(), "policies": [name] });
    channel(ns, &name, spec).await?;
    let gates = json!([
        { "name": "conformance", "at": "traffic", "suite": { "name": name } },
        { "name": "signoff", "at": "promotion", "approval": {} },
    ]);
    let app = App::testapp(&name).replicas(2).canary([50]).policy("/gates", gates);
    Ok((ns.taken_over(&app).await?, app))
}

/// Delivers a version. Returns the release's UID, how much happened in it, and the seconds from the approval to the next write.
async fn deliver(shop: &Policy, app: App) -> Result<(String, usize, f64)> {
    let release = shop.update(&app).await?;
    release.waits_for("Approval").await?;
    let decision = approval(&release).await?;
    let begun = clock::unix_ms();
    raw::send(&release.ns.client, Method::POST, &raw::sluice(&release.ns.name, "decisions"), &decision).await??;
    let heeded = |j: &Journal| j.timeline.iter().find(|e| e.reason == "GateApproved").map(|e| e.at);
    let (at, _) = release.journal_has("to heed the approval", heeded).await?;
    let took = (at.timestamp_millis() as f64 - begun as f64).max(0.0) / 1000.0;
    let journal = release.ends_as(Phase::Succeeded).await?;
    let uid = release.get().await?.uid().context("a UID")?;
    Ok((uid, journal.timeline.len(), took))
}

async fn approval(release: &Release) -> Result<Value> {
    let digest = release.get().await?.spec.to.context("a revision to approve")?.digest;
    let by = decision::whoami(&release.ns.client).await?;
    Ok(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Decision",
        "metadata": { "generateName": format!("{}-", release.policy) },
        "spec": { "release": release.name, "digest": digest, "action": "Approve", "gate": "signoff", "by": by,
                  "groups": ["system:masters"] },
    }))
}

/// Waits until nothing comes any more. Returns what was lost, doubled and out of order.
async fn all_told(receiver: &Receiver, happened: &BTreeMap<String, usize>) -> Result<(usize, usize, usize)> {
    let mut last = 0;
    loop {
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for i in 0..SHOPS {
            for event in receiver.bodies(&format!("/half/shop{i}")).await? {
                let uid = event["data"]["releaseUid"].as_str().unwrap_or_default().to_owned();
                told.entry(uid).or_default().push(event["data"]["number"].as_u64().unwrap_or_default());
            }
        }
        let (mut lost, mut doubled, mut disordered) = (0, 0, 0);
        for (uid, count) in happened {
            let numbers = told.remove(uid).unwrap_or_default();
            let different: std::collections::BTreeSet<_> = numbers.iter().copied().collect();
            lost += (1..=*count as u64).filter(|n| !different.contains(n)).count();
            doubled += numbers.len() - different.len();
            disordered += numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
        }
        if lost == 0 || lost == last {
            return Ok((lost, doubled, disordered));
        }
        last = lost;
        say(&format!("  {lost} messages are still on their way"));
        // Longer than the longest pause of a courier.
        sleep(secs(130)).await;
    }
}
