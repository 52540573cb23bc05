use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::{
    fixtures::{Shop, ago, digest, now},
    paint::Paint,
};

fn shown(shop: &Shop) -> String {
    tree(&shop.facts(), now(), "kubectl sluice").render(Paint(false))
}

fn commands(shop: &Shop) -> Vec<String> {
    let all = next::commands(&shop.facts(), "sluice");
    all.into_iter().map(|n| n.command.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_settled_policy_shows_what_serves() {
    assert_snapshot!(shown(&Shop::settled()));
}

#[test]
fn a_release_in_a_step_shows_its_way_its_gates_its_metrics_and_what_it_waits_for() {
    assert_snapshot!(shown(&Shop::shifting()));
}

#[test]
fn a_version_that_was_taken_back_shows_why_and_what_can_be_done() {
    assert_snapshot!(shown(&Shop::rolled_back()));
}

#[test]
fn pods_that_may_not_be_listed_are_said_to_be_unknown() {
    let mut facts = Shop::settled().facts();
    facts.pods = None;
    assert!(tree(&facts, now(), "sluice").render(Paint(false)).contains("you may not list them"));
}

#[test]
fn colours_change_nothing_but_colours() {
    let facts = Shop::shifting().facts();
    let coloured = tree(&facts, now(), "kubectl sluice").render(Paint(true));
    let colour = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_ne!(coloured, shown(&Shop::shifting()));
    assert_eq!(colour.replace_all(&coloured, ""), shown(&Shop::shifting()));
}

#[test]
fn the_command_that_lets_it_go_on_follows_from_what_it_waits_for() {
    let waits = |reason: &str| json!({ "waiting": { "reason": reason, "message": "x", "stalled": true } });
    assert_eq!(commands(&Shop::settled()), Vec::<String>::new());
    assert_eq!(commands(&Shop::shifting()), ["skip"]);
    assert_eq!(commands(&Shop::shifting().says(waits("PauseStep"))), ["resume"]);
    assert_eq!(commands(&Shop::rolled_back()), ["retry"]);
    let release = |journal| Shop::settled().release(2, journal);
    assert_eq!(commands(&release(json!({ "phase": "Shifting", "step": 1, "orders": { "paused": true } }))), ["resume"]);
    assert_eq!(commands(&release(json!({ "phase": "Held" }))), ["retry", "abort"]);
    assert_eq!(commands(&release(json!({ "phase": "Inconclusive" }))), ["retry", "promote", "abort"]);
    assert_eq!(commands(&release(json!({ "phase": "Warm" }))), Vec::<String>::new());
    let suspended = next::commands(&Shop::shifting().with("suspend", json!(true)).facts(), "sluice");
    assert!(suspended[0].command.starts_with("kubectl patch rolloutpolicy shop "), "{suspended:?}");
}

#[test]
fn a_gate_that_waits_for_an_approval_shows_the_command_that_gives_it() {
    let gate = json!({ "name": "signoff", "at": "promotion", "verdict": "Unknown", "attempt": 1, "since": ago(30) });
    let journal = json!({ "phase": "Shifting", "step": 2, "gates": [gate] });
    let plan = json!([{ "name": "signoff", "at": "promotion", "approval": { "groups": ["managers"] } }]);
    let facts = Shop::settled().release(2, journal).planned("/gates", plan).facts();
    let all = next::commands(&facts, "kubectl sluice");
    assert_eq!(all[0].command, "kubectl sluice approve shop --gate signoff -n team");
    assert_eq!(all[1].command, "kubectl sluice reject shop --gate signoff -n team");
}

#[test]
fn an_emergency_is_said_beside_the_release_and_so_is_one_that_was_refused() {
    let said = shown(&Shop::shifting().urgent(json!({ "reason": "CVE-2026-1234" })));
    assert!(said.contains(", attempt 1, began 10m ago, emergency: CVE-2026-1234\n"), "{said}");
    let refused = json!({ "reason": "hurry", "refused": "Namespace team forbids emergencies" });
    let said = shown(&Shop::shifting().urgent(refused));
    assert!(said.contains(", no emergency: Namespace team forbids emergencies\n"), "{said}");
}

#[test]
fn a_window_that_is_waited_for_is_told_without_an_end_of_the_wait() {
    let message = "gate office opens Mon 2026-03-02 09:00 UTC (2026-03-02T09:00Z)";
    let gate = json!({ "name": "office", "at": "start", "verdict": "Unknown", "attempt": 1, "since": ago(30), "message": message });
    let plan = json!([{ "name": "office", "at": "start", "window": { "schedule": "0 9 * * 1-5", "duration": "8h" } }]);
    let shop = Shop::settled().release(2, json!({ "phase": "Pending", "gates": [gate] })).planned("/gates", plan);
    let said = shown(&shop);
    assert!(said.contains("? office  Unknown at the start, asked 30s ago\n") && said.contains(message), "{said}");
}

#[test]
fn programs_get_the_objects_and_the_commands() {
    let document = document_of(&Shop::shifting().facts(), "sluice");
    assert_eq!(document["policy"]["status"]["candidate"]["digest"], digest(2));
    assert_eq!(document["release"]["status"]["step"], 1);
    assert_eq!(document["next"][0]["command"], "sluice skip shop -n team");
}

#[test]
fn without_a_terminal_every_change_is_one_line_and_nothing_is_said_twice() {
    let mut seen = watch::Seen::default();
    let first = seen.news(&Shop::shifting().facts(), now());
    assert_eq!(first.len(), 6, "four entries, the phase, what is waited for: {first:?}");
    assert_eq!(first[3], "2026-03-01T11:59:00Z shop-00000002-1 StepApplied: step 1 is in force: 20 %");
    assert_eq!(seen.news(&Shop::shifting().facts(), now()), Vec::<String>::new());
    let next = seen.news(&Shop::rolled_back().facts(), now());
    assert_eq!(next.len(), 4, "two entries, the phase, what is waited for: {next:?}");
}
