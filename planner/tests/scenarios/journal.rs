//! A journal stays within its bounds.

use planner::{
    journal::{Evidence, Phase, TIMELINE},
    policy::{Place, Policy, Strategy},
    world::Run,
};

use crate::model::*;

#[test]
fn texts_of_others_are_cut_to_what_the_schema_allows() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Gating).run(5);
    let long = "ä".repeat(20_000);
    let mut world = m.observe();
    let key = world.runs.keys().next().unwrap().clone();
    let evidence =
        Evidence { job: long.clone(), exit_code: Some(1), summary: Some(long.clone()), log: Some(long.clone()) };
    for run in
        [Run::Going(long.clone()), Run::Broken(long.clone()), Run::Passed(evidence.clone()), Run::Failed(evidence)]
    {
        world.runs.insert(key.clone(), run);
        let journal = planner::plan(&m.policy, &world, m.now()).journal.unwrap();
        let record = &journal.gates[0];
        assert!(record.message.chars().count() <= 1024);
        if let Some(kept) = &record.evidence {
            assert!(kept.job.chars().count() <= 63 && kept.summary.as_ref().unwrap().chars().count() <= 512);
            assert!(kept.log.as_ref().unwrap().len() <= 4096);
        }
        assert!(journal.outcome.is_none_or(|o| o.message.chars().count() <= 1024));
        assert!(journal.timeline.iter().all(|e| e.message.chars().count() <= 512));
    }
    world.runs.clear();
    world.release = None;
    world.stable = None;
    world.blockers.push(planner::world::Blocker { reason: long.clone(), message: long });
    let waiting = planner::plan(&m.policy, &world, m.now()).waiting.unwrap();
    assert!(waiting.reason.chars().count() <= 64 && waiting.message.chars().count() <= 1024);
}

#[test]
fn the_longest_release_fits_its_object() {
    let steps = (1..=32).map(|w| step(w, 60)).collect();
    let mut gates: Vec<_> = (0..15).map(|i| gate(&format!("probe-{i}"), Place::Step)).collect();
    gates.push(gate("conformance", Place::Traffic));
    let mut m = Model::adopted(Policy { strategy: Strategy::Canary(steps), gates, ..canary() });
    m.policy.replicas = Some(10);
    m.settle();
    m.wish(2);
    let mut largest = 0;
    for _ in 0..4000 {
        m.tick();
        if let Some(journal) = m.journal() {
            largest = largest.max(serde_json::to_string(journal).unwrap().len());
        }
    }
    assert_eq!(m.finished.last().unwrap().1, Phase::Succeeded, "{}", m.story());
    let journal = m.last_journal();
    assert!(journal.gates.len() <= 64 && journal.timeline.len() <= TIMELINE);
    println!("largest journal: {largest} bytes");
    assert!(largest < 256 * 1024);
}
