//! Blue/green switches at once after the gates, and goes back in one write while the old version is warm.

use kind_tests::prelude::*;

fn app() -> App {
    App::testapp("shop").replicas(3).blue_green("20s").warm_for("20s").success_rate(99.0)
}

#[tokio::test]
async fn blue_green_switches_at_once_after_the_gates() -> anyhow::Result<()> {
    with_namespace("blue-green", async |ns| {
        let app = app().blue_green("6s").warm_for("6s");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let (stable, selectors) = (shop.stable().await?, Selectors::of(&ns, &shop.name).await?);
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let candidate = release.candidate().await?;
        release.reaches(Phase::Gating).await?;
        load.traffic().await?.never_answered_by(&candidate)?;
        release.ends_as(Phase::Succeeded).await?;
        load.sample("settled", 60).await?;

        let seen = selectors.seen();
        ensure!(seen.len() == 2, "the switch took {} writes of the selector: {seen:?}", seen.len() - 1);
        let traffic = load.stop().await?;
        let first_new = traffic.of(&candidate).map(|i| i.first_ms).min().context("answers of the new version")?;
        let last_old =
            traffic.of(&stable).filter_map(|i| i.last_fresh_ms).max().context("answers of the old version")?;
        let overlap = last_old.saturating_sub(first_new);
        println!("{}: both versions got new connections for {overlap} ms", shop.name);
        ensure!(overlap <= 2_000, "for {overlap} ms, longer than a change of endpoints may take");
        traffic.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn blue_green_goes_back_in_one_write_when_the_new_version_turns_bad() -> anyhow::Result<()> {
    with_namespace("blue-green-bad", async |ns| {
        let shop = ns.taken_over(&app()).await?;
        let load = Load::on(&ns, &app()).rate(50).start().await?;
        let (stable, selectors) = (shop.stable().await?, Selectors::of(&ns, &shop.name).await?);
        let release = shop.update(&app().version("1.1.0").errors(0.3)).await?;
        let candidate = release.candidate().await?;
        release.ends_as(Phase::RolledBack).await?;
        let after = load.sample("back", 80).await?;
        ensure!(after.identities.iter().all(|i| i.version == "1.0.0"), "{:?}", after.identities);

        let seen = selectors.seen();
        let member = |revision: &str| format!("serving.sluice.dev/{revision}");
        let to_new = seen.iter().position(|s| s.contains_key(&member(&candidate))).context("the switch")?;
        let back = seen.get(to_new + 1).context("the way back")?;
        let only_stable = back.contains_key(&member(&stable)) || back.get("sluice.dev/revision") == Some(&stable);
        ensure!(only_stable && !back.contains_key(&member(&candidate)), "the first write back is {back:?}");
        ensure!(shop.stable().await? == stable, "stable changed");
        load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}
