//! `kill -9` of the controller in every phase, and a change of leader: the release goes on, no request fails, no step is
//! skipped or shortened.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use crds::journal::Purpose;
use kind_tests::{controller, prelude::*};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PropagationPolicy},
};
use serde_json::json;

const BAKE: TimeDelta = TimeDelta::seconds(4);

/// Slow enough in every phase for a kill to hit it.
fn app() -> App {
    App::testapp("shop")
        .replicas(3)
        .canary([20, 50])
        .bake("4s")
        .propagation("4s")
        .warm_for("6s")
        .test_takes(5)
        .ready_after("3s")
        .drains("6s")
}

/// Where the controller was killed.
#[derive(Default)]
struct Kills(BTreeSet<String>);

impl Kills {
    /// Kills the leader as soon as the release is in this phase (and step), and notes it if it still was afterwards.
    async fn at(&mut self, release: &Release, phase: Phase, step: Option<u32>) -> anyhow::Result<()> {
        let here = |j: &crds::journal::Journal| j.phase == phase && (step.is_none() || j.step == step);
        let what = format!("to be {phase:?} {step:?}, to kill the controller in it");
        release.journal_has(&what, |j| here(j).then_some(())).await?;
        let pod = controller::kill(&release.ns.client).await?;
        let purpose = release.get().await?.spec.purpose;
        let now = release.journal().await?;
        let hit = here(&now);
        println!(
            "killed {pod} in {purpose:?} {phase:?} {}{}",
            step.unwrap_or_default(),
            if hit { "" } else { ": too late" }
        );
        if hit {
            self.0.insert(format!("{purpose:?} {phase:?}"));
        }
        Ok(())
    }

    fn all_of(&self, purpose: Purpose, phases: &[Phase]) -> anyhow::Result<()> {
        let missing: Vec<_> =
            phases.iter().map(|p| format!("{purpose:?} {p:?}")).filter(|p| !self.0.contains(p)).collect();
        println!("killed in: {:?}", self.0);
        ensure!(missing.is_empty(), "the controller was not killed in {missing:?}");
        Ok(())
    }
}

#[tokio::test]
async fn a_controller_killed_in_every_phase_of_a_good_release_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("kill-good", async |ns| {
        controller::prepare_to_kill(&ns.client).await?;
        let (mut kills, recorder) = (Kills::default(), Recorder::start(&ns));
        let dependency = App::testapp("other").replicas(1).no_gates();
        let app = app().depends_on(["other"]);
        let phases = [Phase::Pending, Phase::Preparing, Phase::Promoting, Phase::Warm];

        // Taking over, held in Pending by a dependency that is not there yet.
        ns.deployed(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let shop = ns.policy_for(&app).await?;
        let adopt = shop.release_for(Purpose::Adopt).await?;
        kills.at(&adopt, Phase::Pending, None).await?;
        ns.taken_over(&dependency).await?;
        for phase in &phases[1..] {
            kills.at(&adopt, *phase, None).await?;
        }
        adopt.ends_as(Phase::Succeeded).await?;
        kills.all_of(Purpose::Adopt, &phases)?;
        load.traffic().await?.no_request_failed()?;

        // An update, held in Pending by an update of the dependency.
        let other = Policy { ns: ns.clone(), name: "other".into() };
        let first = other.update(&dependency.clone().version("1.1.0").bake("8s")).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        kills.at(&release, Phase::Pending, None).await?;
        first.ends_as(Phase::Succeeded).await?;
        for (phase, step) in [
            (Phase::Preparing, None),
            (Phase::Gating, None),
            (Phase::Shifting, Some(1)),
            (Phase::Shifting, Some(2)),
            (Phase::Promoting, None),
            (Phase::Warm, None),
        ] {
            kills.at(&release, phase, step).await?;
        }
        release.ends_as(Phase::Succeeded).await?;
        let phases = [Phase::Pending, Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting, Phase::Warm];
        kills.all_of(Purpose::Update, &phases)?;
        recorder.held_each_step(&release.name, 2, BAKE)?;
        load.stop().await?.no_request_failed()
    })
    .await
}

/// Killed in every step of a release by that route, the first of which picks requests out.
async fn killed_by_the_way(ns: Namespace, front: Front) -> anyhow::Result<()> {
    controller::prepare_to_kill(&ns.client).await?;
    let (mut kills, recorder) = (Kills::default(), Recorder::start(&ns));
    let insiders = json!([{ "headers": [{ "name": "x-canary", "exact": "insider" }] }]);
    let steps = json!([
        { "match": insiders, "expected": 30, "bake": "4s" }, { "weight": 20, "bake": "4s" }, { "weight": 60, "bake": "4s" },
    ]);
    let app = app().policy("/strategy", json!({ "canary": { "steps": steps } })).behind(front);
    let shop = ns.taken_over(&app).await?;
    let spec = async || anyhow::Ok(ns.routes(front).get("shop").await?.data["spec"].clone());
    let written = spec().await?;
    let load = Load::on(&ns, &app).start().await?;
    let insiders = Load::on(&ns, &app).rate(20).of("insiders", "x-canary=insider").start().await?;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    // At the begin of the first step its rules have been laid down and are not in use yet.
    let moves =
        [(Phase::Shifting, 1), (Phase::Shifting, 2), (Phase::Shifting, 3), (Phase::Promoting, 3), (Phase::Warm, 3)];
    for (phase, step) in moves {
        kills.at(&release, phase, (phase == Phase::Shifting).then_some(step)).await?;
    }
    release.ends_as(Phase::Succeeded).await?;
    kills.all_of(Purpose::Update, &[Phase::Shifting, Phase::Promoting, Phase::Warm])?;
    recorder.held_each_step(&release.name, 3, BAKE)?;
    let now = spec().await?;
    ensure!(now == written, "the route is {now}, and was {written}");
    insiders.stop().await?.no_request_failed()?;
    load.stop().await?.no_request_failed()
}

#[tokio::test]
async fn a_controller_killed_while_it_moves_the_traffic_by_a_gateways_route_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("kill-routes", async |ns| killed_by_the_way(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_controller_killed_while_it_moves_the_traffic_in_a_mesh_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("kill-mesh", async |ns| {
        ns.allows_sidecars().await?;
        killed_by_the_way(ns, Front::Mesh).await
    })
    .await
}

#[tokio::test]
async fn a_controller_killed_during_a_rollback_and_a_removal_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("kill-bad", async |ns| {
        controller::prepare_to_kill(&ns.client).await?;
        let mut kills = Kills::default();
        let app = app().canary([20]).bake("60s").success_rate(99.0);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0").errors(0.3)).await?;
        let candidate = release.candidate().await?;
        kills.at(&release, Phase::RollingBack, None).await?;
        release.ends_as(Phase::RolledBack).await?;
        kills.all_of(Purpose::Update, &[Phase::RollingBack])?;

        // Giving back what is stable.
        shop.wish(&app).await?;
        shop.settled_on("1.0.0").await?;
        let removal_phases = [Phase::Pending, Phase::Promoting, Phase::Warm];
        let killing = async {
            let removal = shop.release_for(Purpose::Remove).await?;
            for phase in removal_phases {
                kills.at(&removal, phase, None).await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(shop.deleted(PropagationPolicy::Background), killing)?;
        kills.all_of(Purpose::Remove, &removal_phases)?;
        load.sample("given-back", 60).await?;
        load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}

#[tokio::test]
async fn a_change_of_leader_loses_nothing() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("leader", async |ns| {
        let (app, recorder) = (App::testapp("shop").replicas(3).canary([20, 50]).bake("5s"), Recorder::start(&ns));
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        let before = controller::leader(&ns.client).await?.name_any();
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(ns.client.clone(), controller::NAMESPACE);
        let asked = tokio::time::Instant::now();
        pods.delete(&before, &DeleteParams::default()).await?;
        let after = wait_for("another leader", secs(30), async || {
            let leader = controller::leader(&ns.client).await?.name_any();
            if leader == before { Err(Seen::yet(leader)) } else { Ok(leader) }
        })
        .await?;
        println!("{before} gave the lease to {after} in {:.1} s", asked.elapsed().as_secs_f64());
        release.ends_as(Phase::Succeeded).await?;
        recorder.held_each_step(&release.name, 2, TimeDelta::seconds(5))?;
        load.stop().await?.no_request_failed()
    })
    .await
}
