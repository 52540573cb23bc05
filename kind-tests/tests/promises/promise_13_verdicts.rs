//! Versions with one percent more errors are taken back, and such as are as noisy as the stable version are promoted.

use kind_tests::wait::{Seen, secs, wait_for};
use kind_tests::{
    prelude::*,
    verdict::{NOISE, app, delivered},
};
use tokio::sync::Mutex;

#[tokio::test]
async fn versions_with_one_percent_more_errors_are_taken_back_with_a_stated_error() -> anyhow::Result<()> {
    for message in two("one-percent-more", true).await? {
        ensure!(message.contains("would show this in 1 of ") && message.contains(" releases"), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn versions_that_are_as_noisy_as_the_stable_one_are_promoted() -> anyhow::Result<()> {
    two("noisy", false).await.map(|_| ())
}

/// One pair at a time: their load is most of what the machine can bear beside the other tests.
static PAIR: Mutex<()> = Mutex::const_new(());

/// Two releases at once, each in a namespace of its own, and what their verdicts say.
async fn two(name: &str, worse: bool) -> anyhow::Result<[String; 2]> {
    let _turn = PAIR.lock().await;
    let one = async |number: u32| {
        let namespace = format!("{name}-{number}");
        with_namespace(&namespace, async |ns| Ok(delivered(&ns, worse).await?.message)).await
    };
    let (first, second) = tokio::join!(one(1), one(2));
    Ok([first?, second?])
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
