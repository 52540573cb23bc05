//! What people are told, by the real controller on a real API server, through Secrets and a network: in each receiver's own form, in
//! the order in which it happened, once.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use crds::{Delivery, NotificationChannel};
use k8s_openapi::api::core::v1::Secret;
use kind_tests::{
    prelude::*,
    receiver::{Receiver, channel, everything, happened, told},
};
use kube::ResourceExt;
use serde_json::{Value, json};

fn app() -> App {
    App::testapp("shop").replicas(2).canary([50]).bake("4s").success_rate(99.0)
}

async fn secret(ns: &Namespace, data: Value) -> anyhow::Result<()> {
    ns.create_object::<Secret>(json!({ "metadata": { "name": "hooks" }, "stringData": data })).await?;
    Ok(())
}

async fn ready(ns: &Namespace, name: &str) -> anyhow::Result<(String, String)> {
    let channel = ns.api::<NotificationChannel>().get(name).await?;
    let conditions = channel.status.map(|s| s.conditions).unwrap_or_default();
    let ready = conditions.into_iter().find(|c| c.type_ == "Ready").context("a condition Ready")?;
    Ok((ready.reason, ready.message))
}

#[tokio::test]
async fn a_bad_version_is_told_to_everybody_in_their_own_form() -> anyhow::Result<()> {
    with_namespace("told", async |ns| {
        let receiver = Receiver::start(&ns).await?;
        secret(&ns, json!({ "url": receiver.url("/hook/slack"), "token": "xoxb-1", "key": "k".repeat(32) })).await?;
        let from = json!({ "name": "hooks", "key": "url" });
        channel(&ns, "slack", json!({ "slack": { "webhook": { "urlFrom": from } }, "severity": "Warning" })).await?;
        let token = json!({ "name": "hooks", "key": "token" });
        let bot = json!({ "token": token, "channel": "#deploys", "url": receiver.url("/bot/slack") });
        channel(&ns, "bot", json!({ "slack": { "bot": bot } })).await?;
        channel(&ns, "teams", json!({ "teams": { "url": receiver.url("/workflow/teams") } })).await?;
        channel(&ns, "discord", json!({ "discord": { "url": receiver.url("/quiet/discord") } })).await?;
        let key = json!({ "name": "hooks", "key": "key" });
        let endpoint = json!({ "url": receiver.url("/hook/events"), "signature": key });
        channel(&ns, "events", json!({ "webhook": { "endpoint": endpoint }, "kinds": everything() })).await?;

        let shop = ns.taken_over(&app()).await?;
        let load = Load::on(&ns, &app()).rate(50).start().await?;
        let release = shop.update(&app().version("1.1.0").errors(0.3)).await?;
        release.ends_as(Phase::RolledBack).await?;
        load.stop().await?;

        let reasons = told(&receiver, "/hook/events", &release).await?;
        ensure!(reasons == happened(&release).await?, "{reasons:?}");
        let events = receiver.taken("/hook/events").await?;
        let ids: BTreeSet<_> = events
            .iter()
            .map(|e| serde_json::from_str::<Value>(&e.body).map(|b| b["id"].to_string()))
            .collect::<Result<_, _>>()?;
        ensure!(ids.len() == events.len(), "an id came twice");
        for event in &events {
            let header = |name: &str| event.headers.get(name).cloned().unwrap_or_default();
            ensure!(header("content-type").starts_with("application/cloudevents+json"), "{:?}", event.headers);
            ensure!(header("sluice-signature").starts_with("v1="), "{:?}", event.headers);
        }

        let slack = receiver.bodies("/hook/slack").await?;
        let first = slack.first().context("a message for Slack")?;
        let title = first["text"].as_str().unwrap_or_default();
        println!("Slack: {title}");
        ensure!(slack.len() == 2 && title.contains("shop") && title.contains("at least 99"), "{slack:#?}");
        let bot = receiver.taken("/bot/slack").await?;
        let bodies = receiver.bodies("/bot/slack").await?;
        ensure!(bot.iter().all(|m| m.headers.get("authorization").is_some_and(|a| a == "Bearer xoxb-1")), "{bot:?}");
        ensure!(bodies.iter().all(|b| b["channel"] == "#deploys"), "{bodies:#?}");
        // One thread for the take-over, one for the release.
        let threads: BTreeSet<_> = bodies.iter().filter_map(|b| b["thread_ts"].as_str()).collect();
        let heads = bodies.iter().filter(|b| b["thread_ts"].is_null()).count();
        ensure!(heads == 2 && threads.len() == 2, "{heads} messages begin a thread, and {threads:?} are followed");
        let teams = receiver.bodies("/workflow/teams").await?;
        let card = &teams.last().context("a message for Teams")?["attachments"][0];
        ensure!(card["contentType"] == "application/vnd.microsoft.card.adaptive", "{card}");
        ensure!(card["content"]["type"] == "AdaptiveCard", "{card}");
        let discord = receiver.bodies("/quiet/discord").await?;
        ensure!(discord.iter().all(|b| b["allowed_mentions"]["parse"] == json!([])), "{discord:#?}");

        for name in ["slack", "bot", "teams", "discord", "events"] {
            ensure!(ready(&ns, name).await?.0 == "Delivered", "{name}: {:?}", ready(&ns, name).await?);
        }
        let owner = release.get().await?.uid();
        let deliveries = ns.api::<Delivery>().list(&Default::default()).await?.items;
        let of = deliveries.iter().find(|d| d.owner_references().first().map(|o| &o.uid) == owner.as_ref());
        let up_to = of.context("a Delivery of the release")?.spec.channels[&format!("{}/events", ns.name)].up_to;
        ensure!(up_to == happened(&release).await?.len() as u64, "{up_to}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_receiver_that_fails_half_the_time_and_one_that_hangs_are_in_nobodys_way() -> anyhow::Result<()> {
    with_namespace("half", async |ns| {
        let receiver = Receiver::start(&ns).await?;
        for (name, path) in [("half", "/half/a"), ("hangs", "/hangs/a")] {
            let endpoint = json!({ "url": receiver.url(path), "timeout": "2s" });
            channel(&ns, name, json!({ "webhook": { "endpoint": endpoint }, "kinds": everything() })).await?;
        }
        // Whoever may write a channel shall not reach the host's own services by it.
        let metadata = json!({ "endpoint": { "url": "http://169.254.169.254/latest" } });
        channel(&ns, "metadata", json!({ "webhook": metadata })).await?;
        let shop = ns.taken_over(&app()).await?;
        let load = Load::on(&ns, &app()).rate(50).start().await?;
        let release = shop.update(&app().version("1.1.0")).await?;
        release.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()?;
        let reasons = told(&receiver, "/half/a", &release).await?;
        ensure!(reasons == happened(&release).await?, "{reasons:?}");
        let (reason, message) = ready(&ns, "hangs").await?;
        ensure!(reason == "Unreachable" && message.contains("2s"), "{reason}: {message}");
        let (reason, message) = ready(&ns, "metadata").await?;
        ensure!(reason == "Misconfigured" && message.contains("169.254.169.254"), "{reason}: {message}");
        Ok(())
    })
    .await
}
