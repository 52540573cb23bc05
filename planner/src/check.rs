//! The invariants of a release, over any plan. Every test calls [`check`].

mod calendar;

use std::collections::BTreeSet;

use analysis::Verdict;
use chrono::{DateTime, Utc};

use crate::{
    apex::member_pods,
    id::RevisionId,
    journal::{Journal, Phase, Purpose},
    plan::{Action, Plan},
    policy::{Asks, Place, Policy},
    split,
    world::{Release, Revision, Routes, Selects, Share, World},
};

/// Every invariant that the plan would break, in words; empty when it breaks none.
pub fn check(policy: &Policy, world: &World, plan: &Plan, now: DateTime<Utc>) -> Vec<String> {
    let mut broken = Vec::new();
    for action in &plan.actions {
        match action {
            Action::SetApex { selects: Selects::Serving(id) | Selects::Only(id), .. } => {
                apex(policy, world, id, &mut broken)
            }
            Action::SetMembers { stable, candidate, pods } if !pods.is_empty() => {
                members(policy, world, stable, candidate, pods, &mut broken);
            }
            Action::MakeRoute if world.deleting || world.routes.as_ref().is_none_or(|r| r.trouble.is_some()) => {
                broken.push("18: a route is made for a policy that goes, or whose route cannot be made".into());
            }
            Action::SetRoutes(Some(share)) => shared(policy, world, share, &mut broken),
            Action::ScaleRevision { revision, replicas } => scale(world, revision, *replicas, &mut broken),
            Action::EnsureRevision { revision, replicas } => {
                raise_after_fail(world, &revision.revision, *replicas, &mut broken);
            }
            Action::ScaleWorkload(0)
                if world.apex.as_ref().is_some_and(|a| matches!(a.selects, Selects::Users | Selects::Hash(_))) =>
            {
                broken.push("3: the workload is scaled to zero while callers reach its pods".into());
            }
            Action::DeleteRevision(id) => serving(world, id, "deleted", &mut broken),
            _ => {}
        }
    }
    if let (Some(release), Some(journal)) = (&world.release, &plan.journal) {
        calendar::held_back(release, plan, &mut broken);
        let frozen = world.freezes.iter().any(|f| f.holds(now));
        let mut before = release.clone();
        for next in plan.between.iter().chain([journal]) {
            moved(policy, &before, next, now, &mut broken);
            if frozen {
                calendar::stood_still(&before, next, &mut broken);
            }
            before.journal.clone_from(next);
        }
    }
    broken
}

fn release_to<'a>(world: &'a World, id: &RevisionId) -> Option<&'a Release> {
    world.release.as_ref().filter(|r| r.to.as_ref().is_some_and(|t| t.revision == *id))
}

/// 4 and 6: whether a candidate may have live requests at all.
fn may_serve(policy: &Policy, release: &Release, broken: &mut Vec<String>) {
    let trusted = release.purpose == Purpose::Adopt && !policy.gate_first;
    let asked = policy.gates.iter().filter(|g| g.at == Place::Traffic && (!release.fast || g.always) && !trusted);
    let asked = asked.filter(|g| !calendar::past(release, g));
    for gate in asked {
        let passed = release.journal.gate(&gate.name, Place::Traffic, None).is_some_and(|r| r.verdict == Verdict::Pass);
        if !passed {
            broken.push(format!("4: live traffic before gate {} has passed", gate.name));
        }
    }
    let failed = release.journal.gates.iter().any(|g| g.verdict == Verdict::Fail);
    if failed || release.journal.condemned {
        broken.push("6: live traffic for a revision that has failed".into());
    }
}

fn apex(policy: &Policy, world: &World, id: &RevisionId, broken: &mut Vec<String>) {
    let ready = world.revisions.get(id).map_or(0, |r| r.ready().len());
    let already =
        world.apex.as_ref().is_some_and(|a| matches!(&a.selects, Selects::Serving(s) | Selects::Only(s) if s == id));
    if ready == 0 && !already {
        broken.push(format!("2: the Service is pointed at revision {id}, which has no ready pod"));
    }
    if let Some(release) = release_to(world, id) {
        may_serve(policy, release, broken);
        let phase = release.journal.phase;
        let over = release.journal.split.is_some_and(|s| s.wanted == 100);
        if !matches!(phase, Phase::Promoting | Phase::Warm) && !(phase == Phase::Inconclusive && (over || already)) {
            broken.push(format!("5: all traffic to revision {id} in phase {phase:?}"));
        }
    }
}

fn members(
    policy: &Policy,
    world: &World,
    stable: &RevisionId,
    candidate: &RevisionId,
    pods: &BTreeSet<String>,
    broken: &mut Vec<String>,
) {
    let Some(release) = release_to(world, candidate) else {
        broken.push(format!("1: revision {candidate} gets traffic and is no candidate"));
        return;
    };
    let live = world.revisions.get(candidate);
    let now = live.map(|r| member_pods(r, stable)).unwrap_or_default();
    let ready = live.map(Revision::ready).unwrap_or_default();
    for pod in pods.difference(&now).filter(|p| !ready.contains(p.as_str())) {
        broken.push(format!("2: pod {pod} is let in and is not ready"));
    }
    if pods.len() <= now.len() {
        return;
    }
    may_serve(policy, release, broken);
    let phase = release.journal.phase;
    if phase != Phase::Shifting {
        broken.push(format!("5: members are added in phase {phase:?}"));
    }
    let step = release.journal.step.and_then(|k| policy.steps().get((k as usize).saturating_sub(1)));
    let stable_pods = world.revisions.get(stable).map_or(0, |r| r.ready().len() as u32);
    let most = step.map_or(0, |s| split::members(stable_pods, s.weight));
    if pods.len() as u32 > most {
        broken.push(format!(
            "1: {} members beside {stable_pods} ready stable pods, where {most} are asked for",
            pods.len()
        ));
    }
}

fn shared(policy: &Policy, world: &World, share: &Share, broken: &mut Vec<String>) {
    let candidate = &share.candidate;
    let Some(release) = release_to(world, candidate) else {
        broken.push(format!("1: routes send traffic to revision {candidate}, which is no candidate"));
        return;
    };
    let live = world.routes.as_ref().and_then(|r| r.share.as_ref());
    if live.is_some_and(|live| share.within(live)) {
        return;
    }
    if world.revisions.get(candidate).is_none_or(|r| r.ready().is_empty()) {
        broken.push(format!("2: routes send traffic to revision {candidate}, which has no ready pod"));
    }
    let untreated = |routes: &Routes| {
        routes.settings.differ.contains(candidate)
            || (live.is_none() && routes.settings.known_at.contains_key(candidate))
    };
    if world.routes.as_ref().is_some_and(untreated) {
        broken.push(format!("2: routes send traffic to revision {candidate}, which is not treated as what serves"));
    }
    may_serve(policy, release, broken);
    let step = release.journal.step.and_then(|k| policy.steps().get((k as usize).saturating_sub(1)));
    if release.journal.phase != Phase::Shifting {
        broken.push(format!("5: a share is raised in phase {:?}", release.journal.phase));
    }
    if step.is_none_or(|s| share.percent > s.weight.percent() || !share.picks.within(&s.picks)) {
        broken.push(format!("1: a share of {share}, which no step asks for now"));
    }
}

fn scale(world: &World, id: &RevisionId, replicas: u32, broken: &mut Vec<String>) {
    let have = world.revisions.get(id).and_then(|r| r.replicas).unwrap_or(0);
    if replicas > have {
        raise_after_fail(world, id, replicas, broken);
        return;
    }
    let stable = world.stable.as_ref().is_some_and(|s| s.revision == *id);
    let phase = world.release.as_ref().map(|r| r.journal.phase);
    if world.release.as_ref().is_some_and(|r| r.from.as_ref().is_some_and(|f| f.revision == *id))
        && phase != Some(Phase::Warm)
    {
        broken.push(format!("12: the stable revision {id} is scaled down in phase {phase:?}"));
    }
    if !stable || world.release.is_some() {
        serving(world, id, "scaled down", broken);
    }
}

/// 6: after a Fail, nothing of that revision is raised.
fn raise_after_fail(world: &World, id: &RevisionId, replicas: u32, broken: &mut Vec<String>) {
    let Some(release) = release_to(world, id) else {
        return;
    };
    let have = world.revisions.get(id).and_then(|r| r.replicas).unwrap_or(0);
    if replicas > have && release.journal.condemned {
        broken.push(format!("6: revision {id} has failed and gets more pods"));
    }
}

/// 3: no capacity is cut under possible live traffic.
fn serving(world: &World, id: &RevisionId, what: &str, broken: &mut Vec<String>) {
    if world.deleting && world.workload.is_none() {
        return; // The application is being uninstalled: its callers go with it.
    }
    let unswitched = world.release.as_ref().is_some_and(|r| r.purpose == Purpose::Adopt)
        && world.apex.as_ref().is_some_and(|a| a.selects == Selects::Users);
    if unswitched && world.workload.as_ref().is_none_or(|w| !w.rolled_out || w.ready == 0) {
        return; // The workload's own pods cannot be told from our copies of them yet, or are gone.
    }
    let (Some(apex), Some(revision)) = (&world.apex, world.revisions.get(id)) else {
        return;
    };
    let routed = world.routes.as_ref().and_then(|r| r.share.as_ref()).is_some_and(|s| s.candidate == *id);
    if routed || revision.pods.keys().any(|p| apex.endpoints.contains(p)) {
        broken.push(format!("3: revision {id} is {what} while callers reach its pods"));
    }
}

/// 5, 6 and 11: how the journal may move.
fn moved(policy: &Policy, release: &Release, next: &Journal, now: DateTime<Utc>, broken: &mut Vec<String>) {
    let before = &release.journal;
    if before.finished() && before != next {
        broken.push("14: a finished release moves on".into());
    }
    if before.condemned && !next.condemned {
        broken.push("6: a failed release forgets that it failed".into());
    }
    calendar::opened(policy, before, next, now, broken);
    if release.purpose != Purpose::Update || !matches!(next.phase, Phase::Shifting | Phase::Promoting) {
        return;
    }
    if before.phase == Phase::Shifting && (next.step != before.step || next.phase != before.phase) {
        step_left(policy, release, next, now, broken);
    }
    if before.phase == Phase::Gating {
        may_serve(policy, release, broken);
    }
    if next.phase == Phase::Promoting && matches!(before.phase, Phase::Gating | Phase::Shifting) {
        passed(policy, release, Place::Promotion, None, broken);
        approved(policy, release, broken);
    }
}

/// 8: no order goes past people, or a window, that were to be asked in a step; and no emergency past a test.
fn approved(policy: &Policy, release: &Release, broken: &mut Vec<String>) {
    let all = policy.steps().len() as u32;
    let asks = policy
        .gates
        .iter()
        .filter(|g| g.at == Place::Step && (calendar::free(release) || !matches!(g.asks, Asks::Test { .. })));
    let asks = asks.filter(|g| !release.fast && !calendar::past(release, g));
    for gate in asks.filter(|g| (1..=all).any(|k| g.covers(Some(k)))) {
        if !release.journal.gates.iter().any(|r| r.name == gate.name && r.verdict == Verdict::Pass) {
            broken.push(format!("8: promoted past gate {}, which is never skipped", gate.name));
        }
    }
}

/// 4: all gates of a place have passed, whatever a person ordered.
fn passed(policy: &Policy, release: &Release, at: Place, step: Option<u32>, broken: &mut Vec<String>) {
    let here = policy.gates.iter().filter(|g| g.at == at && (!release.fast || g.always || at == Place::Promotion));
    for gate in here.filter(|g| g.covers(step) && !calendar::past(release, g)) {
        if release.journal.gate(&gate.name, at, step).is_none_or(|r| r.verdict != Verdict::Pass) {
            broken.push(format!("4: onward before gate {} has passed at {at:?} {step:?}", gate.name));
        }
    }
}

/// 5 and 11: a step is left only when it was held long enough and its evidence is in favour, or a person ordered it.
fn step_left(policy: &Policy, release: &Release, next: &Journal, now: DateTime<Utc>, broken: &mut Vec<String>) {
    let before = &release.journal;
    let k = before.step.unwrap_or(0);
    let Some(step) = policy.steps().get((k as usize).saturating_sub(1)) else {
        return;
    };
    let ordered = before.orders.promote || before.orders.skipped == Some(k);
    let baked = before.applied_at.is_some_and(|at| now >= at + policy.propagation + step.bake);
    if !ordered && !baked {
        broken.push(format!("11: step {k} is left before its bake is over"));
    }
    let measured = &before.analysis;
    let last = k as usize == policy.steps().len();
    let favourable = if last { measured.verdict == Verdict::Pass } else { measured.steady };
    if !ordered && policy.analysis.is_some() && !favourable {
        broken.push(format!("5: step {k} is left without evidence in its favour"));
    }
    if next.phase == Phase::Shifting && next.step != Some(k + 1) {
        broken.push(format!("5: from step {k} to {:?}", next.step));
    }
    passed(policy, release, Place::Step, Some(k), broken);
}
