//! `history`: the past releases of a policy, newest first.

use chrono::{DateTime, TimeDelta, Utc};
use crds::{Decision, Release, journal::Purpose};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use planner::Emergency;
use serde::Serialize;

use crate::{
    app::App,
    args::History,
    document::print,
    facts::{Facts, journal, sequence},
    failure::{Exit, Failure},
    paint::{Paint, of_phase},
    read,
    table::{Cell, table},
    words::{age, short_images, span},
};

/// Lists them.
///
/// # Errors
/// What the API server says.
pub async fn run(app: &mut App, arguments: &History) -> Result<Exit, Failure> {
    let policy = read::policy(app, &arguments.name).await?;
    let facts = read::with_releases(app, policy).await?;
    // Of any action, also one that this program does not know.
    let kind = ApiResource::erase::<Decision>(&());
    let api = Api::<DynamicObject>::namespaced_with(app.client.clone(), &app.namespace, &kind);
    let decisions = match api.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => {
            app.screen
                .say(&format!("who decided is not shown: {}", crate::failure::refused("listing Decisions", &error)));
            Vec::new()
        }
    };
    let past = past(&facts, &decisions);
    let text = match arguments.output {
        Some(document) => print(&past, document.into())?,
        None => lines(&past, app.now(), app.screen.paint),
    };
    app.screen.data(&text)?;
    Ok(Exit::Done)
}

/// A release as history has it.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// The how-manieth release of the policy.
    pub number: u64,
    /// Its name.
    pub release: String,
    /// What for.
    pub purpose: Purpose,
    /// The revision that it delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The images of that.
    pub images: Vec<String>,
    /// Why it took the emergency way, or asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
    /// The phase in which it is, or ended.
    pub outcome: String,
    /// Why it ended otherwise than by success, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// What people decided about it, oldest first.
    pub decisions: Vec<Decided>,
}

/// What a person decided.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// What.
    pub action: String,
    /// At which gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// The releases, newest first.
pub fn past(facts: &Facts, decisions: &[DynamicObject]) -> Vec<Past> {
    facts.releases.iter().rev().map(|release| one(release, decisions)).collect()
}

fn one(release: &Release, decisions: &[DynamicObject]) -> Past {
    let journal = journal(release);
    let outcome = journal.outcome.as_ref();
    // Times of creation have whole seconds; within one, the controller knows in which order they came.
    let heard = |d: &DynamicObject| journal.orders.heeded.iter().position(|uid| Some(uid) == d.uid().as_ref());
    let mut decided: Vec<_> = decisions
        .iter()
        .filter_map(|d| Some((about(d, &release.name_any())?, heard(d).unwrap_or(usize::MAX))))
        .collect();
    decided.sort_by_key(|(decided, heard)| (decided.at, *heard));
    Past {
        number: sequence(release),
        release: release.name_any(),
        purpose: release.spec.purpose,
        revision: release.spec.to.as_ref().map(|to| to.revision.to_string()),
        images: release.spec.to.as_ref().map(|to| to.images.clone()).unwrap_or_default(),
        emergency: release.spec.emergency.clone(),
        outcome: format!("{:?}", journal.phase),
        reason: outcome.map(|o| format!("{:?}", o.reason)),
        message: outcome.map(|o| o.message.clone()),
        began: made_at(release),
        ended: journal.finished_at,
        decisions: decided.into_iter().map(|(decided, _)| decided).collect(),
    }
}

fn about(decision: &DynamicObject, release: &str) -> Option<Decided> {
    let spec = &decision.data["spec"];
    let text = |key: &str| spec[key].as_str().map(str::to_owned);
    (text("release")? == release).then(|| Decided {
        action: text("action").unwrap_or_default(),
        gate: text("gate"),
        by: text("by").unwrap_or_default(),
        comment: text("comment"),
        at: made_at(decision),
    })
}

fn made_at(object: &impl ResourceExt) -> Option<DateTime<Utc>> {
    object.creation_timestamp().and_then(|t| DateTime::from_timestamp(t.0.as_second(), 0))
}

/// The table.
pub fn lines(past: &[Past], now: DateTime<Utc>, paint: Paint) -> String {
    let none = || "-".to_owned();
    let rows: Vec<Vec<Cell>> = past
        .iter()
        .map(|p| {
            let decided: Vec<_> = p.decisions.iter().map(told).collect();
            let took = p.began.map(|began| p.ended.unwrap_or(now) - began).map(|t| span(t.max(TimeDelta::zero())));
            let urgent = p.emergency.as_ref().filter(|e| e.refused.is_none());
            let purpose = match (p.purpose, urgent) {
                (Purpose::Update, None) => String::new(),
                (Purpose::Update, Some(emergency)) => format!(" (emergency: {})", emergency.reason),
                (purpose, _) => format!(" ({purpose:?})"),
            };
            vec![
                p.number.to_string().into(),
                p.revision.clone().unwrap_or_else(none).into(),
                short_images(&p.images).into(),
                Cell::toned(of_phase(&p.outcome), format!("{}{purpose}", p.outcome)),
                p.reason.clone().unwrap_or_else(none).into(),
                p.began.map_or_else(none, |at| format!("{} ago", age(now, at))).into(),
                took.unwrap_or_else(none).into(),
                if decided.is_empty() { none() } else { decided.join("; ") }.into(),
            ]
        })
        .collect();
    table(&["NUMBER", "REVISION", "IMAGES", "OUTCOME", "REASON", "BEGAN", "TOOK", "DECISIONS"], &rows, paint)
}

fn told(decided: &Decided) -> String {
    let gate = decided.gate.as_ref().map(|gate| format!(" {gate}")).unwrap_or_default();
    let comment = decided.comment.as_ref().map(|comment| format!(" ({comment})")).unwrap_or_default();
    format!("{}{gate} by {}{comment}", decided.action, decided.by)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::fixtures::{Shop, decision, now};

    fn decisions() -> Vec<DynamicObject> {
        vec![decision("shop-00000002-1", "Pause", "lunch"), decision("other-00000002-1", "Abort", "not ours")]
    }

    #[test]
    fn the_newest_release_comes_first_with_what_people_decided() {
        assert_snapshot!(lines(&past(&Shop::rolled_back().facts(), &decisions()), now(), Paint(false)));
    }

    #[test]
    fn decisions_of_one_second_are_in_the_order_in_which_they_were_heard() {
        let made = |action: &str, uid: &str| {
            let mut made = decision("shop-00000002-1", action, "");
            made.metadata.uid = Some(uid.into());
            made
        };
        let journal = serde_json::json!({ "phase": "Shifting", "orders": { "heeded": ["first", "second"] } });
        let facts = Shop::settled().release(2, journal).facts();
        let past = past(&facts, &[made("Abort", "second"), made("Retry", "first"), made("Resume", "unheard")]);
        let actions: Vec<_> = past[0].decisions.iter().map(|d| d.action.as_str()).collect();
        assert_eq!(actions, ["Retry", "Abort", "Resume"]);
    }

    #[test]
    fn an_emergency_is_told_with_its_reason_and_one_that_was_refused_is_for_programs() {
        let of = |emergency| past(&Shop::rolled_back().urgent(emergency).facts(), &[]);
        let told = lines(&of(serde_json::json!({ "reason": "CVE-2026-1234" })), now(), Paint(false));
        assert!(told.contains("RolledBack (emergency: CVE-2026-1234)"), "{told}");
        let refused = of(serde_json::json!({ "reason": "hurry", "refused": "it is forbidden" }));
        assert!(!lines(&refused, now(), Paint(false)).contains("emergency"));
        let text = print(&refused, crate::document::Form::Yaml).unwrap();
        assert!(text.contains("refused: it is forbidden"), "{text}");
    }

    #[test]
    fn programs_get_all_of_it() {
        let past = past(&Shop::rolled_back().facts(), &decisions());
        let text = print(&past, crate::document::Form::Yaml).unwrap();
        for part in ["number: 2", "reason: AnalysisFailed", "comment: lunch", "ended: \"2026-03-01T11:59:15Z\""] {
            assert!(text.contains(part) || text.replace('"', "").contains(&part.replace('"', "")), "{part} in {text}");
        }
    }
}
