//! Callers who stay with the candidate by a cookie, in a mesh.

use k8s_openapi::api::core::v1::Pod;
use kind_tests::{app::App, prelude::*};
use kube::{Api, api::LogParams};
use serde_json::json;

use crate::{Shop, shop};

/// Asks so many times without any cookie, and tells each answer with its headers.
const ASK: &str =
    "for i in $(seq 1 $2); do echo answer; wget -S -O - http://$1/ 2>&1; echo; done; echo finished; sleep 600";

const ASKED: usize = 60;

/// Answers to requests of a caller who keeps no cookie, each with its headers.
async fn answers(ns: &Namespace) -> anyhow::Result<Vec<String>> {
    let restricted = json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } });
    ns.create_object::<Pod>(json!({
        "metadata": { "name": "asks", "labels": { "role": "load", "sidecar.istio.io/inject": "true" } },
        "spec": {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "asks", "image": "ghcr.io/sluice-dev/conformance:1.0.0", "imagePullPolicy": "IfNotPresent",
                "command": ["/bin/sh", "-c", ASK, "-", "shop", ASKED.to_string()], "securityContext": restricted,
            }],
        },
    }))
    .await?;
    let pods: Api<Pod> = Api::namespaced(ns.client.clone(), &ns.name);
    let of = LogParams { container: Some("asks".into()), ..LogParams::default() };
    wait_for("the answers", secs(60), async || {
        let said = pods.logs("asks", &of).await.unwrap_or_default();
        if !said.contains("finished") {
            return Err(Seen::yet(format!("{} lines", said.lines().count())));
        }
        Ok(said.split("answer\n").skip(1).map(str::to_owned).collect())
    })
    .await
}

fn sticky(app: App) -> App {
    let steps = json!([{ "weight": 30, "bake": "150s" }]);
    app.policy("/strategy", json!({ "canary": { "steps": steps, "stickiness": { "cookie": { "maxAge": "10m" } } } }))
}

async fn callers_stay(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let all = shop(&ns, front, sticky(App::testapp("shop").drains("3s"))).await?;
    let Shop { app, shop, load: everybody, .. } = &all;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    let load = |caller: &str, cookie: String| {
        Load::on(&ns, app).rate(30).fresh(0.8).of(caller, &format!("cookie={cookie}")).start()
    };
    let journal = release.in_force(1).await?;
    tokio::time::sleep(secs(2)).await;
    let stay = load("stays", format!("theme=dark; sluice={candidate}")).await?;
    // Of a version that is no more.
    let other = load("strays", "sluice=00000000".into()).await?;
    let counts = stay.sample("stays", 60).await?;
    let strangers: Vec<_> = counts.identities.iter().filter(|i| i.version != "1.1.0").collect();
    ensure!(strangers.is_empty(), "the cookie leads elsewhere: {strangers:?}");
    // Those without the candidate's cookie meet it by its weight: the load keeps none.
    let split = journal.split.context("a split")?;
    for (name, load) in [("without", everybody), ("strays", &other)] {
        routed_share_is("shop", &candidate, split, &load.sample(name, 120).await?)?;
    }
    let (mut given, mut refused) = (0, 0);
    for answer in answers(&ns).await? {
        let sets = answer.to_lowercase().contains(&format!("set-cookie: sluice={candidate}; path=/; max-age=600"));
        let by_candidate = answer.contains("1.1.0");
        ensure!(sets == by_candidate, "the candidate alone sets its cookie: {answer}");
        if by_candidate { given += 1 } else { refused += 1 }
    }
    ensure!(given > 0 && refused > 0, "{given} of {ASKED} answers are the candidate's");
    ensure!(release.journal().await?.step == Some(1), "the step was over before all was counted");
    // Taken back, it keeps nobody.
    shop.wish(&app.clone()).await?;
    release.ends_as(Phase::Superseded).await?;
    all.route_is_as_written().await?;
    tokio::time::sleep(secs(2)).await;
    let counts = stay.sample("taken-back", 60).await?;
    ensure!(counts.identities.iter().all(|i| i.version == "1.0.0"), "somebody stays: {:?}", counts.identities);
    for load in [everybody.clone(), stay, other] {
        load.stop().await?.no_request_failed()?;
    }
    Ok(())
}

#[tokio::test]
async fn callers_stay_with_a_candidate_that_has_answered_them_and_with_no_other() -> anyhow::Result<()> {
    with_namespace("mesh-sticky", async |ns| callers_stay(ns, Front::Mesh).await).await
}

#[tokio::test]
async fn callers_stay_by_a_route_of_the_service_itself_that_istio_carries_out() -> anyhow::Result<()> {
    with_namespace("mesh-route-sticky", async |ns| callers_stay(ns, Front::MeshRoute).await).await
}

#[tokio::test]
async fn a_gateway_that_fails_requests_by_such_cookies_is_named_before_anything_is_made() -> anyhow::Result<()> {
    with_namespace("gateway-sticky", async |ns| {
        let app = sticky(App::testapp("shop").drains("3s")).behind(Front::Gateway);
        ns.deployed(&app).await?;
        let shop = ns.policy_for(&app).await?;
        let says = shop.says("RouteCookies").await?;
        ensure!(says.contains("gateway.envoyproxy.io/gatewayclass-controller"), "{says}");
        let route = crate::route(&ns, Front::Gateway).await?;
        ensure!(route.metadata.generation == Some(1), "the route was written: {:?}", route.metadata);
        Ok(())
    })
    .await
}
