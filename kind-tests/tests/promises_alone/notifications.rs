//! Messages outlive the controller that was to send them.

use kind_tests::{
    controller,
    prelude::*,
    receiver::{Receiver, channel, everything, happened, told},
};
use serde_json::json;

#[tokio::test]
async fn a_controller_that_is_killed_loses_no_message() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("killed", async |ns| {
        controller::prepare_to_kill(&ns.client).await?;
        let receiver = Receiver::start(&ns).await?;
        let endpoint = json!({ "url": receiver.url("/half/b") });
        channel(&ns, "events", json!({ "webhook": { "endpoint": endpoint }, "kinds": everything() })).await?;
        let app = App::testapp("shop").replicas(2).canary([50]).bake("4s").success_rate(99.0);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).rate(50).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        controller::kill(&ns.client).await?;
        release.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()?;
        let reasons = told(&receiver, "/half/b", &release).await?;
        let all = happened(&release).await?;
        // What was sent, and not written down when the process died, is sent once more: at most one, under the same id.
        let mut once = reasons.clone();
        once.dedup();
        println!("{} messages for {} things that happened", reasons.len(), all.len());
        ensure!(reasons == all || (once == all && reasons.len() == all.len() + 1), "{reasons:?}\n{all:?}");
        Ok(())
    })
    .await
}
