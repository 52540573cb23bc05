//! A newer version in the middle of a release supersedes it; two versions are never live besides stable.

use kind_tests::prelude::*;

#[tokio::test]
async fn a_newer_version_supersedes_a_release_in_the_middle() -> anyhow::Result<()> {
    with_namespace("newer", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("4s");
        let slow = app.clone().bake("5m");
        let shop = ns.taken_over(&slow).await?;
        let load = Load::on(&ns, &app).start().await?;
        let first = shop.update(&app.clone().version("1.1.0")).await?;
        first.in_force(1).await?;
        load.sample("first-canary", 60).await?;
        // The policy as it is from now on counts for the next release.
        shop.patch(&serde_json::json!({ "spec": { "strategy": app.rollout_policy()["spec"]["strategy"] } })).await?;
        let second = shop.update(&app.clone().version("1.2.0")).await?;
        first.ends_as(Phase::Superseded).await?;
        let journal = second.in_force(1).await?;
        ensure!(journal.gates.iter().any(|g| g.name == "conformance" && g.attempt > 0), "the gate was not asked again");
        second.ends_as(Phase::Succeeded).await?;
        shop.settled_on("1.2.0").await?;

        let traffic = load.stop().await?;
        let (one, two) = (first.candidate().await?, second.candidate().await?);
        let last_of_one = traffic.of(&one).map(|i| i.last_ms).max().context("answers of 1.1.0")?;
        let first_of_two = traffic.of(&two).map(|i| i.first_ms).min().context("answers of 1.2.0")?;
        println!(
            "{}: 1.1.0 last answered {} ms before 1.2.0 first did",
            shop.name,
            first_of_two as i64 - last_of_one as i64
        );
        ensure!(last_of_one < first_of_two, "1.1.0 and 1.2.0 were live at the same time");
        traffic.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_wish_that_goes_back_to_stable_ends_the_release_and_nothing_is_left_of_it() -> anyhow::Result<()> {
    with_namespace("withdrawn", async |ns| {
        let app = App::testapp("shop").replicas(2).canary([50]).bake("5m");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        shop.wish(&app).await?;
        release.ends_as(Phase::Superseded).await?;
        shop.settled_on("1.0.0").await?;
        let after = load.sample("settled", 80).await?;
        ensure!(after.identities.iter().all(|i| i.version == "1.0.0"), "{:?}", after.identities);
        load.stop().await?.no_request_failed()
    })
    .await
}
