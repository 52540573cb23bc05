//! An upgrade of the controller starts no release, and loses nothing of one that is under way.

use kind_tests::{controller, prelude::*, wait::stays};

#[tokio::test]
async fn an_upgrade_of_the_controller_starts_no_release() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("upgrade", async |ns| {
        let app = App::testapp("shop").replicas(2).message("hello");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(20).start().await?;
        let (known, stable) = (shop.release_names().await?, shop.stable().await?);
        controller::upgrade(&ns.client).await?;
        controller::leader(&ns.client).await?;
        stays("no release begins", secs(8), async || {
            let names = shop.release_names().await?;
            if names == known { Ok(()) } else { Err(Seen::yet(format!("{names:?}"))) }
        })
        .await?;
        ensure!(shop.stable().await? == stable, "stable changed");
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn an_upgrade_of_the_controller_in_the_middle_of_a_release_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("upgrade-during", async |ns| {
        let (app, recorder) = (App::testapp("shop").replicas(2).canary([50]).bake("10s"), Recorder::start(&ns));
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(20).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        controller::upgrade(&ns.client).await?;
        release.ends_as(Phase::Succeeded).await?;
        recorder.held_each_step(&release.name, 1, chrono::TimeDelta::seconds(10))?;
        load.stop().await?.no_request_failed()
    })
    .await
}
