//! Windows, freezes and emergencies: what is held and for how long, what is never held, and how soon it goes on.
//!
//! Needs the controller.
#![forbid(unsafe_code)]

use apps::clock;
use crds::journal::Journal;
use kind_tests::{app::set, cli, prelude::*, wait::stays};
use serde_json::json;

const FREEZE: &str = "sluice.dev/freeze";
const EMERGENCY: &str = "sluice.dev/emergency";

fn quick() -> App {
    App::testapp("shop").replicas(2).canary([50]).bake("1s")
}

/// Stays in its phase, held by that.
async fn stays_held(release: &Release, phase: Phase, reason: &str) -> anyhow::Result<()> {
    stays(&format!("it is held by {reason}"), secs(5), async || {
        let journal = release.journal().await?;
        let waiting = journal.waiting.as_ref().map(|w| w.reason.as_str());
        let held = journal.phase == phase && waiting == Some(reason);
        if held { Ok(()) } else { Err(Seen::yet(format!("{:?}, {waiting:?}", journal.phase))) }
    })
    .await
}

/// How long it takes until it is no longer held.
async fn goes_on(release: &Release, reason: &str) -> anyhow::Result<f64> {
    let began = clock::now();
    let free = |j: &Journal| j.waiting.as_ref().is_none_or(|w| w.reason != reason).then_some(());
    release.journal_has("to go on", free).await?;
    Ok(clock::now().duration_since(began).as_secs_f64())
}

/// The version, asked to go live at once.
async fn update_urgently(shop: &Policy, app: &App, reason: &str) -> anyhow::Result<Release> {
    let known = shop.release_names().await?;
    let mut template = app.template();
    set(&mut template, "/metadata/annotations/sluice.dev~1emergency", json!(reason));
    shop.patch_workload(&json!({ "spec": { "template": template } })).await?;
    shop.next_release(&known).await
}

#[tokio::test]
async fn nothing_starts_in_a_frozen_namespace_and_it_goes_on_within_seconds_when_that_is_lifted() -> anyhow::Result<()>
{
    with_namespace("frozen", async |ns| {
        let app = quick();
        let shop = ns.taken_over(&app).await?;
        ns.annotate(FREEZE, Some("on year-end closing")).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let said = release.waits_for("Frozen").await?;
        let where_it_is = format!("(annotation {FREEZE} of Namespace {})", ns.name);
        ensure!(said.contains("year-end closing") && said.contains(&where_it_is), "{said}");
        stays_held(&release, Phase::Pending, "Frozen").await?;
        ensure!(shop.pods_of(&release.candidate().await?).await?.is_empty(), "its pods have been started");
        let shown = cli::types(&ns.name, "status shop").await?;
        ensure!(shown.out.contains("year-end closing"), "{shown:?}");

        ns.annotate(FREEZE, None).await?;
        let took = goes_on(&release, "Frozen").await?;
        println!("from the end of a freeze to the next write: {took:.2} s");
        ensure!(took < 3.0, "the end of a freeze took {took:.2} s to be seen");
        release.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_version_is_taken_back_in_a_freeze_that_begins_in_its_step() -> anyhow::Result<()> {
    with_namespace("frozen-bad", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("60s").success_rate(99.0);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(50).start().await?;
        let release = shop.update(&app.clone().version("1.1.0").errors(0.2)).await?;
        release.in_force(1).await?;
        ns.annotate(FREEZE, Some("../.. incident 42")).await?;
        let candidate = release.candidate().await?;
        release.ends_as(Phase::RolledBack).await?;
        load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_read_freezes_and_says_how_it_is_written() -> anyhow::Result<()> {
    with_namespace("frozen-odd", async |ns| {
        let app = quick();
        let shop = ns.taken_over(&app).await?;
        ns.annotate(FREEZE, Some("until further notice")).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let said = release.waits_for("Frozen").await?;
        ensure!(said.contains("cannot be read") && said.contains("2026-12-20/2027-01-03"), "{said}");
        ns.annotate(FREEZE, Some("../2020-01-01 long ago")).await?;
        release.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_release_waits_for_its_window_and_starts_when_it_opens() -> anyhow::Result<()> {
    with_namespace("window", async |ns| {
        // The next minute but one of every hour: between one minute and two from now.
        let minute = (clock::unix_ms() / 60_000 + 2) % 60;
        let window = json!({ "schedule": format!("{minute} * * * *"), "duration": "10m", "timeZone": "Europe/Paris" });
        let app = quick().policy(
            "/gates",
            json!([
                { "name": "conformance", "at": "traffic", "suite": { "name": "shop" } },
                { "name": "office-hours", "at": "start", "window": window },
            ]),
        );
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let said = release.waits_for("Window").await?;
        ensure!(said.starts_with("gate office-hours opens ") && said.contains(" Europe/Paris ("), "{said}");
        let until = release.journal().await?.waiting.and_then(|w| w.until).context("a time")?;
        let planned = cli::types(&ns.name, "plan shop").await?;
        ensure!(planned.out.contains("gate office-hours,") && planned.out.contains(": opens "), "{planned:?}");
        let journal = release.ends_within(Phase::Succeeded, secs(240)).await?;
        let gate = journal.gates.iter().find(|g| g.name == "office-hours").context("the gate")?;
        let late = gate.until.context("when it was passed")? - until;
        println!("from the opening of a window to the next write: {late}");
        ensure!((0..3000).contains(&late.num_milliseconds()), "passed {late} after it opened");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_emergency_goes_through_a_freeze_after_its_test_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("emergency", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("10m");
        let shop = ns.taken_over(&app).await?;
        ns.annotate(FREEZE, Some("on year-end closing")).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = update_urgently(&shop, &app.clone().version("1.1.0"), "CVE-2026-1234").await?;
        let journal = release.ends_as(Phase::Succeeded).await?;
        let gate = journal.gates.iter().find(|g| g.name == "conformance").context("the test")?;
        ensure!(gate.evidence.is_some(), "the test did not run: {gate:?}");
        let told = |reason: &str| journal.timeline.iter().any(|e| e.reason == reason);
        ensure!(told("Emergency") && !told("StepStarted"), "{:?}", journal.timeline);
        let emergency = release.get().await?.spec.emergency.context("it is in the release")?;
        ensure!(emergency.reason == "CVE-2026-1234" && emergency.refused.is_none(), "{emergency:?}");
        let history = cli::types(&ns.name, "history shop").await?;
        ensure!(history.out.contains("(emergency: CVE-2026-1234)"), "{history:?}");
        load.stop().await?.no_request_failed()?;

        // It goes past no test, and the reason by itself is no other version.
        let bad = app.clone().version("1.2.0").failing_conformance();
        let failed = update_urgently(&shop, &bad, "still burning").await?;
        failed.ends_as(Phase::RolledBack).await?;
        let known = shop.release_names().await?;
        let metadata = json!({ "annotations": { EMERGENCY: "the same with another reason" } });
        shop.patch_workload(&json!({ "spec": { "template": { "metadata": metadata } } })).await?;
        stays("no release begins", secs(5), async || {
            if shop.release_names().await? == known { Ok(()) } else { Err(Seen::yet("another release")) }
        })
        .await
    })
    .await
}

#[tokio::test]
async fn where_emergencies_are_forbidden_a_version_goes_its_ordinary_way() -> anyhow::Result<()> {
    with_namespace("no-emergency", async |ns| {
        let app = quick();
        let shop = ns.taken_over(&app).await?;
        ns.annotate(EMERGENCY, Some("Forbidden")).await?;
        let release = update_urgently(&shop, &app.clone().version("1.1.0"), "in a hurry").await?;
        let journal = release.ends_as(Phase::Succeeded).await?;
        let told = |reason: &str| journal.timeline.iter().any(|e| e.reason == reason);
        ensure!(told("EmergencyRefused") && told("StepStarted"), "{:?}", journal.timeline);
        Ok(())
    })
    .await
}
