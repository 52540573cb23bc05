//! One annotation on the controller's own namespace holds what rises everywhere.

use kind_tests::{controller::NAMESPACE, namespace::annotate, prelude::*};

const FREEZE_ALL: &str = "sluice.dev/freeze-all";

#[tokio::test]
async fn the_controllers_own_namespace_freezes_every_other() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("freeze-all", async |ns| {
        let app = App::testapp("shop").replicas(2).canary([50]).bake("1s");
        let shop = ns.taken_over(&app).await?;
        annotate(&ns.client, NAMESPACE, FREEZE_ALL, Some("on cluster upgrade")).await?;
        let held = async {
            let release = shop.update(&app.clone().version("1.1.0")).await?;
            let said = release.waits_for("Frozen").await?;
            ensure!(said.contains("cluster upgrade") && said.contains(NAMESPACE), "{said}");
            Ok(release)
        };
        let held = held.await;
        // Whatever came of it, the tests after this one are not frozen.
        annotate(&ns.client, NAMESPACE, FREEZE_ALL, None).await?;
        held?.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}
