//! A version with one percent more errors is taken back, and one that is as noisy as the stable version is promoted.

use kind_tests::wait::{Seen, secs, wait_for};
use kind_tests::{
    prelude::*,
    verdict::{NOISE, app, delivered},
};

#[tokio::test]
async fn a_version_with_one_percent_more_errors_is_taken_back_with_a_stated_error() -> anyhow::Result<()> {
    with_namespace("one-percent-more", async |ns| {
        let message = delivered(&ns, true).await?.message;
        ensure!(message.contains("would show this in 1 of ") && message.contains(" releases"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_version_that_is_as_noisy_as_the_stable_one_is_promoted() -> anyhow::Result<()> {
    with_namespace("noisy", async |ns| delivered(&ns, false).await.map(|_| ())).await
}

#[tokio::test]
async fn a_policy_says_what_its_steps_can_see() -> anyhow::Result<()> {
    with_namespace("sensitivity", async |ns| {
        let app = app("shop").noisy(NOISE);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(50).start().await?;
        let said = wait_for("the condition Sensitivity", secs(150), async || {
            let status = shop.get().await?.status.unwrap_or_default();
            match status.conditions.into_iter().find(|c| c.type_ == "Sensitivity" && c.status != "Unknown") {
                Some(condition) => Ok(condition.message),
                None => Err(Seen::yet("it says nothing")),
            }
        })
        .await?;
        println!("{said}");
        let begins = "requests per second these steps find success-rate going from ";
        ensure!(said.contains(begins) && said.contains(" of 100 releases"), "{said}");
        load.stop().await?;
        Ok(())
    })
    .await
}
