//! The story: what is done, in order, and what must come of it.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use crds::{
    Release,
    journal::{Cause, Journal, Phase},
};
use kind_tests::{
    cli,
    wait::{Seen, secs},
};
use kube::ResourceExt;
use serde_json::Value;

use crate::{
    counters::Counters,
    ledger::{Ledger, Refused, TakenBack},
    messages,
    provider::Provider,
    screen::Screen,
    shop::{FRONTEND, NAMESPACE, SERVICES, Shop},
    sight::Sight,
    stage::Stage,
    words::{alone, last_lines, one_line, percent},
};

/// Lines of a failed test that are shown.
const LINES: usize = 12;
/// Answers from each service before the load counts as running.
const WARM_UP: u64 = 20;

/// Tells all of it. Returns the promises that did not hold.
pub async fn tell() -> Result<Vec<String>> {
    let mut screen = Screen::new();
    let provider = Provider::chosen()?;
    screen.head(&format!("an empty namespace: {NAMESPACE}"));
    screen.say(provider.words());
    let shop = Shop::fresh(provider, &mut screen).await?;
    let mut stage = Stage::new(shop, screen);
    take_over(&mut stage).await.context("taking over distribution 1.0.0")?;
    start_load(&mut stage).await.context("starting the load")?;
    deliver(&mut stage).await.context("delivering distribution 1.1.0")?;
    let refused = refuse(&mut stage).await.context("the frontend that fails its conformance test")?;
    let taken_back = take_back(&mut stage).await.context("the frontend that fails under live traffic")?;
    clear_up(&mut stage).await.context("back to distribution 1.1.0")?;
    approve(&mut stage).await.context("delivering distribution 1.2.0, which asks a person")?;
    messages(&mut stage).await.context("the messages that were sent")?;
    stage.screen.head("what was counted");
    let report = stage.shop.stop_load().await.context("the final counts")?;
    let ledger = Ledger { report, identities: stage.identities, refused, taken_back };
    let seconds = stage.screen.seconds();
    Ok(ledger.close(&mut stage.screen, seconds))
}

async fn take_over(stage: &mut Stage) -> Result<()> {
    stage.begin("distribution 1.0.0: Sluice takes four services over as they run").await?;
    stage.shop.apply("messages").await?;
    stage.shop.apply("1.0.0").await?;
    settled(stage, "all four services to be taken over").await
}

async fn start_load(stage: &mut Stage) -> Result<()> {
    stage.screen.head("load: every request is counted");
    stage.shop.start_load().await?;
    let few = |counts: &apps::report::Counts| counts.total.ok < WARM_UP;
    let first = stage.until("answers from all four services", secs(90), async |_: &Sight, shop: &Shop| {
        let report = shop.report().await?;
        let few: Vec<_> =
            report.targets.iter().filter(|(_, t)| few(&t.counts)).map(|(name, _)| name.as_str()).collect();
        if few.is_empty() { Ok(report) } else { Err(Seen::yet(format!("few answers from {}", few.join(", ")))) }
    });
    let report = first.await?;
    stage.loaded = true;
    let (rate, services, fresh) = (report.rate, report.targets.len(), 100.0 * report.fresh_share);
    stage
        .screen
        .say(&format!("{rate:.0} requests a second to each of {services} services, {fresh:.0} % on new connections"));
    Ok(())
}

async fn deliver(stage: &mut Stage) -> Result<()> {
    stage.begin("distribution 1.1.0: new versions of all four, in the order they depend on").await?;
    stage.shop.apply("1.1.0").await?;
    stage
        .until("all four services to be promoted", secs(420), async |sight: &Sight, _: &Shop| {
            let releases = sight.services.iter().filter_map(|s| s.release.as_ref());
            let releases: Vec<_> = releases.map(|r| (r, journal(r))).collect();
            // Manifests that are applied slowly may be two wishes: the first is superseded, which is no harm.
            let lost = releases.iter().find(|(_, j)| j.outcome.as_ref().is_some_and(|o| o.phase != Phase::Superseded));
            if let Some((release, journal)) = lost {
                return Err(Seen::never(format!("release {}: {}", release.name_any(), told(journal))));
            }
            let promoted = releases.iter().filter(|(_, j)| j.phase == Phase::Succeeded).count();
            let left = sight.unsettled();
            if left.is_empty() && promoted == SERVICES.len() { Ok(()) } else { Err(Seen::yet(left.join(" | "))) }
        })
        .await?;
    tell_steps(stage);
    Ok(())
}

fn tell_steps(stage: &mut Stage) {
    let mut text = String::from("new connections while each step was in force:");
    for step in &stage.steps.0 {
        let (split, (of, all)) = (step.split, step.share(&stage.identities));
        let pods = split.members + split.stable_pods;
        let by = if step.routed { "by its route".into() } else { format!("{} of {pods} pods", split.members) };
        let measured = percent(of, all)
            .map_or_else(|| "nothing measured".into(), |p| format!("measured {p:.0} % ({of} of {all})"));
        let _ = write!(text, "\n  {:<9} step {}: wanted {} %, {by}, {measured}", step.service, step.step, split.wanted);
    }
    stage.screen.say(&text);
}

async fn refuse(stage: &mut Stage) -> Result<Refused> {
    stage.begin("a bad frontend: it runs, is ready, and fails its conformance test").await?;
    stage.shop.apply("bad-conformance").await?;
    let mut counters = Counters::default();
    let what = "the frontend to be refused";
    let release = stage.until(what, secs(180), async |sight: &Sight, shop: &Shop| {
        let release = ended(sight, Cause::ConformanceFailed);
        if let Some(revision) = sight.service(FRONTEND).and_then(|s| s.release.as_ref()).and_then(revision) {
            counters.read(shop, FRONTEND, &revision).await?;
        }
        release
    });
    let release = release.await?;
    let (journal, revision) = (journal(&release), revision(&release).context("the revision that was refused")?);
    // The policy keeps the pods of a version that failed before it served, for looking at: they are asked once more.
    counters.read(&stage.shop, FRONTEND, &revision).await?;
    let gate = journal.gates.iter().find(|g| g.failures > 0).context("a gate that failed")?;
    let evidence = gate.evidence.clone().unwrap_or_default();
    let exit = evidence.exit_code.map_or("no exit code".into(), |code| format!("exit code {code}"));
    let (name, message) = (&gate.name, &gate.message);
    let mut text = format!("gate {name}: {message} ({exit})\nfrom release {}, its last lines:", release.name_any());
    for line in last_lines(evidence.log.as_deref().unwrap_or("(no log)"), LINES) {
        let _ = write!(text, "\n  | {line}");
    }
    let (pods, total, live) = (counters.pods(), counters.total(), counters.live());
    let _ = write!(text, "\nits pods ({pods}) have counted {} requests of the test and {live} live ones", total - live);
    stage.screen.say(&text);
    ensure!(!journal.served, "the release says that the version may have served");
    Ok(Refused { revision, counters })
}

async fn take_back(stage: &mut Stage) -> Result<TakenBack> {
    stage.begin("a worse frontend: it passes the test, and fails some live requests").await?;
    stage.shop.apply("bad-live").await?;
    let what = "the frontend to be taken back";
    let release =
        stage.until(what, secs(240), async |sight: &Sight, _: &Shop| ended(sight, Cause::AnalysisFailed)).await?;
    let report = stage.shop.report().await?;
    let (journal, revision) = (journal(&release), revision(&release).context("the revision that was taken back")?);
    let mut text = format!("from release {}:", release.name_any());
    let began = release.metadata.creation_timestamp.as_ref().map_or(0, |t| t.0.as_millisecond());
    for entry in &journal.timeline {
        let after = (entry.at.timestamp_millis() - began) as f64 / 1000.0;
        let _ = write!(text, "\n  {after:6.1} s  {:<18} {}", entry.reason, one_line(&entry.message, 100));
    }
    stage.screen.say(&text);
    ensure!(journal.served, "it was taken back before it had any live traffic");
    let zero = journal.applied_at.context("the moment at which its weight was 0")?;
    Ok(TakenBack {
        revision,
        weight_zero_ms: u64::try_from(zero.timestamp_millis())?,
        by_then: report.targets.get(FRONTEND).context("load on the frontend")?.counts.clone(),
    })
}

async fn clear_up(stage: &mut Stage) -> Result<()> {
    stage.begin("distribution 1.1.0 again, which has served all the time").await?;
    stage.shop.apply("1.1.0").await?;
    settled(stage, "all four services to be settled").await
}

/// A person is asked, looks, and agrees.
async fn approve(stage: &mut Stage) -> Result<()> {
    stage.begin("distribution 1.2.0: a new message, which goes live when a person agrees").await?;
    stage.shop.apply("1.2.0").await?;
    stage
        .until("the frontend to wait for a person", secs(180), async |sight: &Sight, _: &Shop| {
            let service = sight.service(FRONTEND).ok_or_else(|| Seen::yet("no frontend"))?;
            let asks = service.status().waiting.is_some_and(|w| w.reason == "Approval");
            if asks { Ok(()) } else { Err(Seen::yet(service.told())) }
        })
        .await?;
    typed(stage, "status frontend").await?;
    typed(stage, "approve frontend --gate signoff -m looks-good").await?;
    settled(stage, "all four services to be settled").await
}

/// What people were told of all this, caught by a receiver that stands for Slack and Teams.
async fn messages(stage: &mut Stage) -> Result<()> {
    stage.screen.head("what Slack and Teams were told");
    let last = stage.until("Slack to be told of the last release", secs(60), async |_: &Sight, shop: &Shop| {
        let slack = messages::taken(shop, "/hook/slack").await?;
        let says = |m: &Value, word: &str| m["text"].as_str().is_some_and(|t| t.contains(word));
        let asked = slack.iter().any(|m| says(m, "needs approval"));
        let done = asked && slack.last().is_some_and(|m| says(m, "is stable"));
        if done { Ok(slack) } else { Err(Seen::yet(messages::titles(&slack))) }
    });
    let slack = last.await?;
    stage.screen.say(&format!("{} messages for Slack, by their first lines:{}", slack.len(), messages::titles(&slack)));
    let about = |m: &&Value, word: &str| m["text"].as_str().is_some_and(|t| t.contains(word));
    let failed = slack.iter().rfind(|m| about(m, "at least")).context("Slack's message of the bad frontend")?;
    stage.screen.say(&messages::drawn("Slack", failed));
    let teams = messages::taken(&stage.shop, "/workflow/teams").await?;
    let asks = teams.last().context("a message for Teams")?;
    stage.screen.say(&messages::drawn("Teams", asks));
    Ok(())
}

/// Types a command and shows it with what it prints.
async fn typed(stage: &mut Stage, line: &str) -> Result<()> {
    let ended = cli::types(NAMESPACE, line).await?;
    ensure!(ended.code == Some(0), "kubectl sluice {line}: {ended:?}");
    let mut text = format!("$ kubectl sluice {line} -n {NAMESPACE}");
    for line in ended.err.lines().chain(ended.out.lines()) {
        let _ = write!(text, "\n  {line}");
    }
    stage.screen.say(&text);
    Ok(())
}

async fn settled(stage: &mut Stage, what: &str) -> Result<()> {
    stage
        .until(what, secs(300), async |sight: &Sight, _: &Shop| match sight.unsettled() {
            left if left.is_empty() => Ok(()),
            left => Err(Seen::yet(left.join(" | "))),
        })
        .await
}

/// The release of the frontend, once it is rolled back for this cause; it never can be when it ended otherwise.
fn ended(sight: &Sight, cause: Cause) -> Result<Release, Seen> {
    let service = sight.service(FRONTEND).ok_or_else(|| Seen::yet("no frontend"))?;
    let Some(release) = &service.release else { return Err(Seen::yet(service.told())) };
    let journal = journal(release);
    let other = || Err(Seen::never(format!("it was to be RolledBack for {cause:?}; {}", told(&journal))));
    match journal.outcome.as_ref().map(|o| (o.phase, o.reason)) {
        _ if journal.phase == Phase::Succeeded => other(),
        Some((Phase::RolledBack, reason)) if reason == cause && journal.finished() => Ok(release.clone()),
        Some((Phase::RolledBack, reason)) if reason == cause => Err(Seen::yet(told(&journal))),
        None | Some((Phase::Superseded, _)) => Err(Seen::yet(told(&journal))),
        Some(_) => other(),
    }
}

fn revision(release: &Release) -> Option<String> {
    release.spec.to.as_ref().map(|to| to.revision.to_string())
}

fn journal(release: &Release) -> Journal {
    release.status.clone().unwrap_or_default().journal
}

fn told(journal: &Journal) -> String {
    let step = journal.step.map(|s| format!(" step {s}")).unwrap_or_default();
    let outcome = journal
        .outcome
        .as_ref()
        .map(|o| format!(", {:?} for {:?}: {}", o.phase, o.reason, o.message.lines().next().unwrap_or("")));
    let waiting = journal.waiting.as_ref().map(|w| format!(", {}: {}", w.reason, alone(&w.reason, &w.message)));
    let failed = journal.gates.iter().filter(|g| g.failures > 0).filter_map(|g| g.evidence.as_ref()?.log.as_deref());
    let logs: String = failed.flat_map(|log| last_lines(log, 4 * LINES)).map(|line| format!("\n  | {line}")).collect();
    format!("{:?}{step}{}{}{logs}", journal.phase, outcome.unwrap_or_default(), waiting.unwrap_or_default())
}
