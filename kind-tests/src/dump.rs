//! What is printed when a test fails: everything that may explain it, and no more than fits a few screens.

use std::{collections::BTreeMap, fmt::Display};

use anyhow::Result;
use crds::{Release, RolloutPolicy};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Event, Pod, Service},
};
use kube::{ResourceExt, api::ListParams};

use crate::{controller, namespace::Namespace, planes, program::SLUICE};

/// Prints it to standard error; what cannot be read is said and left out.
pub async fn print(ns: &Namespace) {
    eprintln!("======== {}", ns.name);
    part("policies", policies(ns).await);
    part("releases", releases(ns).await);
    part("services", services(ns).await);
    part("deployments", deployments(ns).await);
    part("pods", pods(ns).await);
    part("jobs", jobs(ns).await);
    part("configmaps", configs(ns).await);
    part("events", events(ns).await);
    part("controller", logs(ns).await);
    part("data planes", planes::lines(&ns.client).await);
    eprintln!("========");
}

fn part(name: &str, lines: Result<Vec<String>>) {
    match lines {
        Ok(lines) => lines.iter().for_each(|line| eprintln!("{name}: {line}")),
        Err(error) => eprintln!("{name}: cannot be read: {error:#}"),
    }
}

async fn policies(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<RolloutPolicy>().list(&ListParams::default()).await?;
    let line = |p: &RolloutPolicy| {
        let status = p.status.clone().unwrap_or_default();
        let conditions = status.conditions.iter().map(|c| format!("{}={}({})", c.type_, c.status, c.reason));
        format!(
            "{} generation {} deleting {} phase {} stable {} candidate {} weight {} release {} waiting {} [{}]",
            p.name_any(),
            text(p.metadata.generation),
            p.metadata.deletion_timestamp.is_some(),
            text(status.phase),
            text(status.stable.map(|r| r.revision)),
            text(status.candidate.map(|r| r.revision)),
            text(status.weight),
            text(status.release),
            text(status.waiting.map(|w| format!("{}: {}", w.reason, w.message))),
            conditions.collect::<Vec<_>>().join(" "),
        )
    };
    Ok(list.iter().map(line).collect())
}

async fn releases(ns: &Namespace) -> Result<Vec<String>> {
    let mut list = ns.api::<Release>().list(&ListParams::default()).await?.items;
    list.sort_by_key(|r| (r.creation_timestamp(), r.name_any()));
    let mut lines = Vec::new();
    for release in &list {
        let journal = release.status.clone().unwrap_or_default().journal;
        lines.push(format!(
            "{} {:?} phase {:?} step {} split {} waiting {} outcome {}",
            release.name_any(),
            release.spec.purpose,
            journal.phase,
            text(journal.step),
            text(
                journal
                    .split
                    .map(|s| format!("{}/{} % {} of {} pods", s.effective, s.wanted, s.members, s.stable_pods))
            ),
            text(journal.waiting.map(|w| format!("{}: {}", w.reason, w.message))),
            text(journal.outcome.map(|o| format!("{:?} {:?}: {}", o.phase, o.reason, o.message))),
        ));
        for gate in &journal.gates {
            let log = gate.evidence.as_ref().and_then(|e| e.log.clone()).unwrap_or_default();
            lines.push(format!(
                "  gate {} {:?} attempt {}: {} {log}",
                gate.name, gate.verdict, gate.attempt, gate.message
            ));
        }
        let metrics = journal.analysis.metrics.iter();
        lines.extend(metrics.map(|m| format!("  metric {} {:?} {}: {}", m.name, m.verdict, text(m.value), m.message)));
        lines.extend(
            journal.timeline.iter().map(|e| format!("  {} {}: {}", e.at.format("%T%.3f"), e.reason, e.message)),
        );
    }
    Ok(lines)
}

async fn services(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<Service>().list(&ListParams::default()).await?;
    let line =
        |s: &Service| format!("{} selects {}", s.name_any(), keys(s.spec.as_ref().and_then(|s| s.selector.as_ref())));
    Ok(list.iter().map(line).collect())
}

async fn deployments(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<Deployment>().list(&ListParams::default()).await?;
    let line = |d: &Deployment| {
        let status = d.status.clone().unwrap_or_default();
        let wanted = d.spec.as_ref().and_then(|s| s.replicas);
        format!(
            "{} wants {} has {} ready {} generation {} of {}",
            d.name_any(),
            text(wanted),
            text(status.replicas),
            text(status.ready_replicas),
            text(status.observed_generation),
            text(d.metadata.generation),
        )
    };
    Ok(list.iter().map(line).collect())
}

async fn pods(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<Pod>().list(&ListParams::default()).await?;
    let line = |p: &Pod| {
        let status = p.status.clone().unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let states = containers.iter().map(|c| {
            let waiting = c.state.as_ref().and_then(|s| s.waiting.as_ref()).and_then(|w| w.reason.clone());
            format!("{} ready {} restarts {} {}", c.name, c.ready, c.restart_count, waiting.unwrap_or_default())
        });
        format!(
            "{} {} deleting {} [{}] {}",
            p.name_any(),
            text(status.phase),
            p.metadata.deletion_timestamp.is_some(),
            states.collect::<Vec<_>>().join(", "),
            keys(Some(p.labels())),
        )
    };
    Ok(list.iter().map(line).collect())
}

async fn jobs(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<Job>().list(&ListParams::default()).await?;
    let line = |j: &Job| {
        let status = j.status.clone().unwrap_or_default();
        format!(
            "{} active {} succeeded {} failed {}",
            j.name_any(),
            text(status.active),
            text(status.succeeded),
            text(status.failed)
        )
    };
    Ok(list.iter().map(line).collect())
}

async fn configs(ns: &Namespace) -> Result<Vec<String>> {
    let list = ns.api::<ConfigMap>().list(&ListParams::default()).await?;
    let of_tests = list.iter().filter(|c| c.name_any() != "kube-root-ca.crt");
    Ok(of_tests.map(|c| format!("{} immutable {}", c.name_any(), c.immutable.unwrap_or_default())).collect())
}

async fn events(ns: &Namespace) -> Result<Vec<String>> {
    let mut list = ns.api::<Event>().list(&ListParams::default()).await?.items;
    let at = |e: &Event| e.last_timestamp.clone().map(|t| t.0).or_else(|| e.event_time.clone().map(|t| t.0));
    list.sort_by_key(at);
    let line = |e: &Event| {
        let object = &e.involved_object;
        let name = object.name.as_deref().unwrap_or_default();
        format!(
            "{} {} {name}: {} {}",
            text(at(e)),
            object.kind.as_deref().unwrap_or_default(),
            text(e.reason.clone()),
            text(e.message.clone())
        )
    };
    Ok(list.iter().rev().take(40).rev().map(line).collect())
}

/// The controller's last lines about this namespace.
async fn logs(ns: &Namespace) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for pod in SLUICE.pods(&ns.client).await? {
        let name = pod.name_any();
        let log = controller::log(&ns.client, &name, 2000).await?;
        let of_us: Vec<_> = log.lines().filter(|line| line.contains(&ns.name)).collect();
        lines.extend(of_us.iter().skip(of_us.len().saturating_sub(60)).map(|line| format!("{name} {line}")));
    }
    Ok(lines)
}

fn text(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".into(), |v| v.to_string())
}

fn keys(map: Option<&BTreeMap<String, String>>) -> String {
    let pairs = map.into_iter().flatten().map(|(k, v)| format!("{k}={v}"));
    pairs.collect::<Vec<_>>().join(",")
}
