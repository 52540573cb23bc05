//! One application under load in a peer's care: taken over, a good release, a bad one, the controller killed.

use anyhow::Result;
use apps::clock;
use k8s_openapi::api::core::v1::Pod;
use kind_tests::{controller, prelude::*};
use kube::{Api, Client, ResourceExt, api::DeleteParams};

use super::{
    Peer,
    ward::{State, Ward},
};
use crate::{
    column::{Cell, Column},
    figure::Figure,
    laps::Laps,
    live::{NAME, app, millis, seconds_of_bad_answers, writes},
    pods::Pods,
    progress::say,
    trail::Trail,
};

/// Waits that are asked for: four steps, or looks, of 10 s.
const WAITS: f64 = 40.0;

/// All of it, one after the other.
///
/// # Errors
///
/// When a release does not end as it should.
pub async fn run(peer: Peer, ns: &Namespace, column: &mut Column) -> Result<()> {
    ns.deployed(&app()).await?;
    let mut laps = Laps::start(ns, &app(), NAME).await?;
    let ward = Ward::taken(peer, ns, &app(), NAME).await?;
    column.put(Figure::TakeOver, failed(laps.lap("take-over").await?.failed));
    if peer == Peer::Flagger {
        // It measures before users meet the candidate, so somebody has to ask that.
        Load::on(ns, &App::testapp("shop-canary")).rate(10).fresh(1.0).begin().await?;
    }
    good(&ward, &mut laps, column).await?;
    bad(&ward, &mut laps, column).await?;
    killed(&ward, &mut laps, column).await
}

async fn good(ward: &Ward, laps: &mut Laps, column: &mut Column) -> Result<()> {
    say("a good version");
    let ns = &ward.app.ns;
    let (trail, pods) = (Trail::of(ward.peer.program())?, Pods::follow(ns).await?);
    let began = clock::unix_ms();
    ward.update(&app().version("1.1.0")).await?;
    ward.ends_as(State::Rest).await?;
    let done = clock::unix_ms();
    column.put(Figure::Promotion, failed(laps.lap("promotion").await?.failed));
    let seconds = |to: u64| to.saturating_sub(began) as f64 / 1000.0;
    let beyond = seconds(laps.last_of("1.0.0").await?) - WAITS;
    column.put(Figure::Beyond, Cell::decimal(beyond).note(&format!("({:.1} until it says so)", seconds(done) - WAITS)));
    column.put(Figure::Pods, Cell::count(pods.more()));
    column.put(Figure::Writes, writes(&trail, ns)?);
    Ok(())
}

async fn bad(ward: &Ward, laps: &mut Laps, column: &mut Column) -> Result<()> {
    const BAD: &str = "1.2.0";
    say("a bad version");
    ward.update(&app().version(BAD).errors(1.0 / 3.0)).await?;
    ward.ends_as(State::Failed).await?;
    column.put(Figure::Rollback, failed(laps.lap_but("rollback", BAD).await?.failed));
    let report = laps.report().await?;
    let cell = match seconds_of_bad_answers(&report, BAD) {
        None => Cell::text("no live check"),
        Some(bad) => {
            // In the first step one pod in five is the candidate's.
            let raised = if laps.pods_of(BAD).await? > 1 { "the share was RAISED" } else { "share never raised" };
            Cell::decimal(bad.seconds).note(&format!("({} answers; {raised})", bad.answers))
        }
    };
    column.put(Figure::Bad, cell);
    Ok(())
}

/// `kill -9` in the first step, SIGTERM in a later one.
async fn killed(ward: &Ward, laps: &mut Laps, column: &mut Column) -> Result<()> {
    say("kill -9 of the controller in the first step of a release, SIGTERM in a later one");
    let (client, program) = (&ward.app.ns.client, ward.peer.program());
    controller::prepare_to_kill(client).await?;
    ward.update(&app().version("1.3.0")).await?;

    ward.reached(1).await?;
    let pod = the_pod(ward.peer, client).await?;
    let trail = Trail::of(program)?;
    ensure!(program.kill(client, &pod).await?, "pod {} has no process {}", pod.name_any(), program.command);
    column.put(Figure::AfterKill, Cell::decimal(acts_again(ward, &trail, clock::unix_ms()).await?));

    ward.reached(3).await?;
    let pod = the_pod(ward.peer, client).await?;
    let (trail, began) = (Trail::of(program)?, clock::unix_ms());
    let pods: Api<Pod> = Api::namespaced(client.clone(), program.namespace);
    pods.delete(&pod.name_any(), &DeleteParams::default()).await?;
    wait_for("the pod to be gone", secs(60), async || match pods.get_opt(&pod.name_any()).await? {
        None => Ok(()),
        Some(_) => Err(Seen::yet("it is there")),
    })
    .await?;
    let gone = clock::unix_ms();
    column
        .put(Figure::AfterTerm, Cell::decimal(acts_again(ward, &trail, gone).await? + (gone - began) as f64 / 1000.0));

    ward.ends_as(State::Rest).await?;
    column.put(Figure::Killed, failed(laps.lap("controller-killed").await?.failed));
    Ok(())
}

async fn the_pod(peer: Peer, client: &Client) -> Result<Pod> {
    wait_for("one pod of the controller", secs(60), async || {
        let mut pods = peer.program().pods(client).await?;
        if pods.len() == 1 { pods.pop().ok_or_else(|| Seen::yet("none")) } else { Err(Seen::yet(pods.len())) }
    })
    .await
}

/// Seconds from a moment until the controller asks for something in the namespace.
async fn acts_again(ward: &Ward, trail: &Trail, since_ms: u64) -> Result<f64> {
    let first = wait_for("the controller to act again", secs(90), async || {
        let requests = trail.requests()?;
        let of_it = requests.iter().filter(|r| r.namespace == ward.app.ns.name && !r.is_watch()).map(|r| millis(r.at));
        of_it
            .filter(|at| *at > since_ms as f64)
            .reduce(f64::min)
            .ok_or_else(|| Seen::yet(format!("{} requests", requests.len())))
    })
    .await?;
    Ok((first - since_ms as f64) / 1000.0)
}

fn failed(count: u64) -> Cell {
    Cell::count(count)
}
