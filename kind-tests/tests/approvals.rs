//! Gates that ask people, with people who have different rights: who is heard, who is told why not, and how soon a release
//! goes on.
//!
//! Needs the controller and the chart's admission policies and roles.
#![forbid(unsafe_code)]

use apps::clock;
use http::Method;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kind_tests::{cluster::connect_as, prelude::*, raw, wait::stays};
use kube::{Client, core::Status};
use serde_json::{Value, json};

const MANAGERS: &str = "release-managers";

/// Gives users or a group these verbs on releases, and the right to write decisions.
async fn may(ns: &Namespace, kind: &str, name: &str, verbs: &[&str]) -> anyhow::Result<()> {
    let rules = json!([
        { "apiGroups": ["sluice.dev"], "resources": ["decisions"], "verbs": ["create"] },
        { "apiGroups": ["sluice.dev"], "resources": ["releases"], "verbs": verbs },
    ]);
    ns.create_object::<Role>(json!({ "metadata": { "name": name }, "rules": rules })).await?;
    let group = "rbac.authorization.k8s.io";
    ns.create_object::<RoleBinding>(json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": group, "kind": "Role", "name": name },
        "subjects": [{ "kind": kind, "apiGroup": group, "name": name }],
    }))
    .await?;
    Ok(())
}

/// Somebody who decides.
struct Person {
    name: &'static str,
    client: Client,
}

impl Person {
    async fn new(name: &'static str, groups: &[&str]) -> anyhow::Result<Self> {
        Ok(Self { name, client: connect_as(name, groups).await? })
    }

    async fn decides(
        &self,
        release: &Release,
        action: &str,
        groups: &[&str],
        change: impl FnOnce(&mut Value),
    ) -> anyhow::Result<Result<Value, Box<Status>>> {
        let digest = release.get().await?.spec.to.context("a revision to decide about")?.digest;
        let gate = matches!(action, "Approve" | "Reject").then_some("signoff");
        let mut decision = json!({
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "Decision",
            "metadata": { "generateName": "shop-" },
            "spec": { "release": release.name, "digest": digest, "action": action, "by": self.name, "groups": groups },
        });
        if let Some(gate) = gate {
            decision["spec"]["gate"] = json!(gate);
        }
        change(&mut decision);
        raw::send(&self.client, Method::POST, &raw::sluice(&release.ns.name, "decisions"), &decision).await
    }

    /// Decides, as soon as the right to it is known to the API server.
    async fn says(&self, release: &Release, action: &str, groups: &[&str]) -> anyhow::Result<()> {
        wait_for(&format!("{} to be let decide {action}", self.name), secs(15), async || {
            self.decides(release, action, groups, |_| ()).await?.map(drop).map_err(|s| Seen::yet(s.message))
        })
        .await
    }
}

/// A release that waits at a gate which asks people.
async fn waiting(ns: &Namespace, approval: Value) -> anyhow::Result<(Policy, Release)> {
    let gates = json!([{ "name": "signoff", "at": "promotion", "approval": approval }]);
    let app = App::testapp("shop").replicas(2).canary([50]).bake("1s").policy("/gates", gates);
    let shop = ns.taken_over(&app).await?;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    let says = release.waits_for("Approval").await?;
    let command = format!("kubectl sluice approve {} --gate signoff -n {}", release.name, ns.name);
    ensure!(says.contains(&command), "it does not say how: {says}");
    Ok((shop, release))
}

/// The newest reason why a decision had no effect.
async fn unheard(release: &Release, count: usize) -> anyhow::Result<String> {
    let said = |j: &crds::journal::Journal| {
        let mut notes = j.timeline.iter().filter(|e| e.reason == "DecisionWithoutEffect");
        notes.nth(count - 1).map(|e| e.message.clone())
    };
    Ok(release.journal_has("to say why a decision has no effect", said).await?.0)
}

#[tokio::test]
async fn two_managers_approve_and_nobody_else_can_nor_one_of_them_twice() -> anyhow::Result<()> {
    with_namespace("approve", async |ns| {
        may(&ns, "Group", MANAGERS, &["approve", "reject"]).await?;
        may(&ns, "User", "dora", &["promote", "abort"]).await?;
        may(&ns, "User", "cay", &["approve"]).await?;
        let (ann, bob) = (Person::new("ann", &[MANAGERS]).await?, Person::new("bob", &[MANAGERS]).await?);
        let (cay, dora) = (Person::new("cay", &["developers"]).await?, Person::new("dora", &["deployers"]).await?);
        let (shop, release) = waiting(&ns, json!({ "approvals": 2, "groups": [MANAGERS] })).await?;

        // Whoever may deploy, and promote, may not approve for that.
        let said = dora.decides(&release, "Approve", &[], |_| ()).await?.err().context("dora may not approve")?;
        ensure!(said.message.contains("you may not Approve release"), "{}", said.message);
        ensure!(said.message.contains("such as the ClusterRole sluice-approve"), "{}", said.message);
        // A group that one is not in, and a gate that is left out, are refused.
        let said = cay.decides(&release, "Approve", &[MANAGERS], |_| ()).await?.err().context("cay is no manager")?;
        ensure!(said.message.contains("you are not in release-managers"), "{}", said.message);
        let no_gate = |d: &mut Value| kind_tests::app::set(d, "/spec/gate", Value::Null);
        let said = ann.decides(&release, "Approve", &[MANAGERS], no_gate).await?.err().context("no gate")?;
        ensure!(said.message.contains("Approve and Reject need gate"), "{}", said.message);

        // Accepted, and of no effect: not asked; the group that gives the right is not named; a digest of another version.
        cay.says(&release, "Approve", &["developers"]).await?;
        let said = unheard(&release, 1).await?;
        ensure!(said.contains("the gate asks members of release-managers"), "{said}");
        ann.says(&release, "Approve", &[]).await?;
        let said = unheard(&release, 2).await?;
        ensure!(said.contains("ann may not approve it, without any group"), "{said}");
        let digest = format!("sha256:{}", "8".repeat(64));
        let other = |d: &mut Value| d["spec"]["digest"] = json!(digest);
        ann.decides(&release, "Approve", &[MANAGERS], other).await??;

        ann.says(&release, "Approve", &[MANAGERS]).await?;
        let by_ann = |j: &crds::journal::Journal| {
            j.gates.iter().any(|g| g.approvals.iter().any(|a| a.by == "ann")).then_some(())
        };
        release.journal_has("to have ann's approval", by_ann).await?;
        ann.says(&release, "Approve", &[MANAGERS]).await?;
        let said = unheard(&release, 3).await?;
        ensure!(said.contains("ann has approved it already"), "{said}");
        dora.says(&release, "Promote", &[]).await?;
        let promote = |j: &crds::journal::Journal| j.orders.promote.then_some(());
        release.journal_has("to be promoted by dora", promote).await?;
        stays("the gate is not passed", secs(3), async || {
            let journal = release.journal().await?;
            if journal.phase == Phase::Shifting { Ok(()) } else { Err(Seen::yet(format!("{:?}", journal.phase))) }
        })
        .await?;

        let asked = clock::now();
        bob.decides(&release, "Approve", &[MANAGERS], |_| ()).await??;
        release.journal_has("to go on", |j| (j.phase >= Phase::Promoting).then_some(())).await?;
        let took = clock::now().duration_since(asked).as_secs_f64();
        println!("from the second Approve to the next write: {took:.2} s");
        ensure!(took < 2.0, "an approval took {took:.2} s to be heeded");
        let journal = release.ends_as(Phase::Succeeded).await?;
        let gate = journal.gates.iter().find(|g| g.name == "signoff").context("the gate")?;
        let by: Vec<_> = gate.approvals.iter().map(|a| a.by.as_str()).collect();
        ensure!(by == ["ann", "bob"], "approved by {by:?}");
        shop.settled_on("1.1.0").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_gate_that_comes_with_the_policy_after_the_version_is_asked_all_the_same() -> anyhow::Result<()> {
    with_namespace("late-policy", async |ns| {
        may(&ns, "User", "ann", &["approve"]).await?;
        let app = App::testapp("shop").replicas(2).canary([50]).bake("1s");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        // As an apply of both that is slower than `settle`: the version counts already, the policy that has it approved comes now.
        let known = shop.release_names().await?;
        let gates = json!([{ "name": "signoff", "at": "traffic", "approval": {} }]);
        shop.patch(&json!({ "spec": { "gates": gates } })).await?;
        let outcome = release.ends_as(Phase::Superseded).await?.outcome.context("an outcome")?;
        ensure!(format!("{:?}", outcome.reason) == "PolicyChanged", "{outcome:?}");
        let again = shop.next_release(&known).await?;
        again.waits_for("Approval").await?;
        ensure!(!release.journal().await?.served && !again.journal().await?.served, "it had live traffic");
        Person::new("ann", &[]).await?.says(&again, "Approve", &[]).await?;
        again.ends_as(Phase::Succeeded).await?;
        shop.settled_on("1.1.0").await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_reject_wins_over_an_approval_and_the_version_is_not_tried_again() -> anyhow::Result<()> {
    with_namespace("reject", async |ns| {
        may(&ns, "Group", MANAGERS, &["approve", "reject", "retry"]).await?;
        let (ann, bob) = (Person::new("ann", &[MANAGERS]).await?, Person::new("bob", &[MANAGERS]).await?);
        let (shop, release) = waiting(&ns, json!({ "approvals": 2, "groups": [MANAGERS] })).await?;
        ann.says(&release, "Approve", &[MANAGERS]).await?;
        bob.says(&release, "Reject", &[MANAGERS]).await?;
        let journal = release.ends_as(Phase::RolledBack).await?;
        let outcome = journal.outcome.context("an outcome")?;
        ensure!(outcome.message == "gate signoff: rejected by bob", "{}", outcome.message);
        let said = shop.says("RolledBack").await?;
        ensure!(said.contains("rejected by bob") && said.contains("Retry"), "{said}");
        let known = shop.release_names().await?;
        stays("it is not tried again", secs(5), async || {
            if shop.release_names().await? == known { Ok(()) } else { Err(Seen::yet("another release")) }
        })
        .await?;

        // Another attempt is approved anew.
        ann.says(&release, "Retry", &[MANAGERS]).await?;
        let again = shop.next_release(&known).await?;
        again.waits_for("Approval").await?;
        ann.says(&again, "Approve", &[MANAGERS]).await?;
        bob.says(&again, "Approve", &[MANAGERS]).await?;
        again.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rollback_goes_back_to_the_version_before_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("rollback", async |ns| {
        let app = App::testapp("shop").replicas(2).canary([50]).bake("1s");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.ends_as(Phase::Succeeded).await?;
        shop.settled_on("1.1.0").await?;
        let known = shop.release_names().await?;
        release.decide(DecisionAction::Rollback).await?;
        let back = shop.next_release(&known).await?;
        ensure!(back.get().await?.spec.rollback && back.get().await?.spec.fast, "it is no way back");
        back.ends_as(Phase::Succeeded).await?;
        let said = shop.says("GoneBack").await?;
        ensure!(said.contains(&format!("Retry about release {}", back.name)), "{said}");
        let images = shop.status().await?.stable.context("a stable version")?.images;
        ensure!(images.iter().any(|i| i.ends_with(":1.0.0")), "{images:?} serve");

        let known = shop.release_names().await?;
        back.decide(DecisionAction::Retry).await?;
        let again = shop.next_release(&known).await?;
        ensure!(!again.get().await?.spec.fast, "what was gone back from skips its steps");
        again.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn whoever_changed_the_workload_does_not_approve_it() -> anyhow::Result<()> {
    with_namespace("author", async |ns| {
        may(&ns, "Group", MANAGERS, &["approve"]).await?;
        let (ann, bob) = (Person::new("ann", &[MANAGERS]).await?, Person::new("bob", &[MANAGERS]).await?);
        let gates = json!([{ "name": "signoff", "at": "start", "approval": { "notAuthor": true } }]);
        let app = App::testapp("shop").replicas(2).canary([50]).bake("1s").policy("/gates", gates);
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let said = release.waits_for("AuthorUnknown").await?;
        ensure!(said.contains("sluice.dev/author"), "it does not say what to do: {said}");

        let known = shop.release_names().await?;
        let author = json!({ "sluice.dev/author": "ann" });
        shop.patch_workload(&json!({ "spec": { "template": { "metadata": { "annotations": author } } } })).await?;
        let release = shop.next_release(&known).await?;
        ensure!(release.get().await?.spec.author.as_deref() == Some("ann"), "the author is not kept");
        release.waits_for("Approval").await?;
        ann.says(&release, "Approve", &[MANAGERS]).await?;
        let said = unheard(&release, 1).await?;
        ensure!(said.contains("somebody else than the one who changed the workload"), "{said}");
        bob.says(&release, "Approve", &[MANAGERS]).await?;
        release.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}
