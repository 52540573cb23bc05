//! Gates that ask people: who counts, how many it takes, and what is said while they are waited for.
//!
//! An approval opens one asking of one gate of one release of one digest. Given before the gate is asked, it is kept until then: it
//! names the digest, so that it cannot be about anything else.

use analysis::Verdict;
use chrono::{DateTime, Utc};

use crate::{
    events::end,
    gates::words,
    journal::{Approved, Cause, EarlyApproval, GateRecord, Journal, Phase, Purpose, cut},
    plan::Waiting,
    policy::{Approval, Gate, Place, Policy},
    world::{Decision, Release},
};

/// The gate of a name and whom it asks, or why a decision about it means nothing.
fn named<'a>(policy: &'a Policy, release: &Release, name: &str) -> Result<(&'a Gate, &'a Approval), String> {
    if release.purpose != Purpose::Update && !policy.gate_first {
        return Err("taking over what runs asks nobody".into());
    }
    let asks = |g: &'a Gate| g.approval().map(|a| (g, a));
    if let Some(gate) = policy.gates.iter().find(|g| g.name == name) {
        let what = if gate.window().is_some() { "a window" } else { "a test" };
        return asks(gate).ok_or_else(|| format!("gate {name} is {what} and asks nobody"));
    }
    let all: Vec<_> = policy.gates.iter().filter_map(asks).map(|(g, _)| g.name.as_str()).collect();
    Err(match all.as_slice() {
        [] => format!("the policy has no gate {name}, nor any other that asks people"),
        _ => format!("the policy has no gate {name}; those that ask people are {}", all.join(", ")),
    })
}

/// Whether the gate asks this person at all.
fn asked(approval: &Approval, decision: &Decision) -> Result<(), String> {
    let anybody = approval.users.is_empty() && approval.groups.is_empty();
    let named = approval.users.contains(&decision.by);
    let member = decision.groups.iter().any(|g| approval.groups.contains(g));
    if anybody || named || member {
        return Ok(());
    }
    Err(format!("the gate asks {}; a group counts when spec.groups of the decision names it", whom(approval)))
}

/// Whether the gate wants somebody else than this person, who may have changed the workload.
fn another(approval: &Approval, release: &Release, decision: &Decision) -> Result<(), String> {
    match &release.author {
        _ if !approval.not_author => Ok(()),
        Some(author) if *author != decision.by => Ok(()),
        Some(_) => Err("the gate wants somebody else than the one who changed the workload".into()),
        None => {
            Err("the gate wants somebody else than the one who changed the workload, and nobody knows who that is"
                .into())
        }
    }
}

/// Takes an approval up, or says why it means nothing; otherwise what it came to, in words.
pub(crate) fn give(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    name: &str,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let (gate, approval) = named(policy, release, name)?;
    if !matches!(journal.phase, Phase::Inconclusive) && journal.phase >= Phase::Promoting {
        return Err("nothing waits for it any more".into());
    }
    asked(approval, decision)?;
    another(approval, release, decision)?;
    let open = journal.gates.iter().position(|r| r.name == gate.name && r.verdict == Verdict::Unknown);
    let Some(open) = open else { return keep(gate, approval, journal, decision) };
    let record = &mut journal.gates[open];
    if record.approvals.iter().any(|a| a.by == decision.by) {
        return Err(again(approval, decision));
    }
    record.approvals.push(approved(decision));
    let count = record.approvals.len();
    if let Some(words) = count_up(approval, record, now) {
        journal.note(now, "GateApproved", words);
    }
    Ok(format!(" ({count} of {})", approval.needed))
}

/// Keeps an approval that came before its gate is asked.
fn keep(gate: &Gate, approval: &Approval, journal: &mut Journal, decision: &Decision) -> Result<String, String> {
    let asked_before = journal.gates.iter().any(|r| r.name == gate.name);
    let here = journal.step.filter(|k| gate.at == Place::Step && gate.covers(Some(*k)));
    let to_come = here.is_some_and(|k| journal.gate(&gate.name, Place::Step, Some(k)).is_none());
    if asked_before && !to_come {
        return Err("it has been approved already; where a later step asks again, approve it then".into());
    }
    if journal.orders.approvals.iter().any(|e| e.gate == gate.name && e.approved.by == decision.by) {
        return Err(again(approval, decision));
    }
    journal.orders.approvals.push(EarlyApproval { gate: gate.name.clone(), approved: approved(decision) });
    Ok(", kept until the gate is asked".into())
}

fn approved(decision: &Decision) -> Approved {
    Approved::new(&decision.by, decision.at, decision.comment.as_deref())
}

fn again(approval: &Approval, decision: &Decision) -> String {
    format!("{} has approved it already, and {} different people are needed", decision.by, approval.needed)
}

/// Opens the gate when enough people have approved; then with what is noted.
fn count_up(approval: &Approval, record: &mut GateRecord, now: DateTime<Utc>) -> Option<String> {
    let who = record.approvals.iter().map(|a| a.by.as_str()).collect::<Vec<_>>().join(", ");
    if record.approvals.len() < approval.needed {
        record.message = cut(format!("{} of {} approvals: {who}", record.approvals.len(), approval.needed), 512);
        return None;
    }
    record.verdict = Verdict::Pass;
    record.until = Some(now);
    record.message = cut(format!("approved by {who}"), 512);
    Some(format!("gate {}: {}", record.name, record.message))
}

/// The gate begins to be asked: approvals that came before count now.
pub(crate) fn begin(
    policy: &Policy,
    release: &Release,
    approval: &Approval,
    record: &mut GateRecord,
    journal: &mut Journal,
    now: DateTime<Utc>,
) {
    record.message = "nobody has approved it yet".into();
    let (early, others): (Vec<_>, Vec<_>) =
        journal.orders.approvals.drain(..).partition(|e: &EarlyApproval| e.gate == record.name);
    journal.orders.approvals = others;
    record.approvals.extend(early.into_iter().map(|e| e.approved).take(approval.needed));
    if record.approvals.is_empty() {
        journal.note(now, "ApprovalNeeded", missing(policy, release, approval, record));
    } else {
        let words = count_up(approval, record, now);
        let needed = || ("ApprovalNeeded", missing(policy, release, approval, record));
        let (reason, words) = words.map_or_else(needed, |w| ("GateApproved", w));
        journal.note(now, reason, words);
    }
}

/// A person refuses at a gate, asked or not: the release turns round.
pub(crate) fn reject(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    name: &str,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let (gate, approval) = named(policy, release, name)?;
    if journal.phase == Phase::Held {
        return Err("the version has failed already".into());
    }
    asked(approval, decision)?;
    let why = decision.comment.as_ref().map_or(String::new(), |c| format!(": {c}"));
    let message = format!("rejected by {}{why}", decision.by);
    refuse(journal, &gate.name, &message, now);
    end(policy, release, journal, Cause::Rejected, format!("gate {}: {message}", gate.name), now);
    Ok(String::new())
}

fn refuse(journal: &mut Journal, gate: &str, message: &str, now: DateTime<Utc>) {
    for record in journal.gates.iter_mut().filter(|r| r.name == gate && r.verdict == Verdict::Unknown) {
        (record.verdict, record.until) = (Verdict::Fail, Some(now));
        record.message = cut(message, 512);
    }
}

/// Ends a release whose gate was not approved in time. Decisions come first: one that was made in time counts, however late it is read.
pub(crate) fn late(policy: &Policy, release: &Release, journal: &mut Journal, now: DateTime<Utc>) {
    let open = journal.gates.iter().filter(|r| r.verdict == Verdict::Unknown);
    let due = open.filter_map(|r| {
        let gate = policy.gate(r)?;
        gate.approval().filter(|_| now >= r.since + gate.timeout).map(|a| (gate, a, r))
    });
    let Some((gate, approval, record)) = due.max_by_key(|(_, a, _)| a.late_is_reject) else { return };
    let message = format!(
        "gate {} was not approved within {}: {} of {} approvals",
        gate.name,
        words(gate.timeout),
        record.approvals.len(),
        approval.needed
    );
    let cause = if approval.late_is_reject { Cause::Rejected } else { Cause::GateTimeout };
    if cause == Cause::Rejected {
        refuse(journal, &gate.name, "too few approved in time, which is a reject here", now);
    }
    end(policy, release, journal, cause, message, now);
}

/// Why the release waits for people, and what they have to do.
pub(crate) fn waiting(
    policy: &Policy,
    release: &Release,
    gate: &Gate,
    approval: &Approval,
    record: &GateRecord,
) -> Waiting {
    let until = Some(record.since + gate.timeout);
    if approval.not_author && release.author.is_none() {
        let words = format!(
            "gate {} wants approval by somebody else than the one who changed the workload, and nobody knows who that is: set the annotation sluice.dev/author on the workload's pod template to their user name, which is a new version; or on the workload itself, and delete Release {}, so that a new one begins",
            gate.name, release.name
        );
        return Waiting { until, ..Waiting::for_person("AuthorUnknown", words) };
    }
    Waiting { until, ..Waiting::for_person("Approval", missing(policy, release, approval, record)) }
}

/// How many approvals are missing, how to give one, and who can.
fn missing(policy: &Policy, release: &Release, approval: &Approval, record: &GateRecord) -> String {
    let left = approval.needed.saturating_sub(record.approvals.len());
    let so_far = record.approvals.iter().map(|a| a.by.as_str()).collect::<Vec<_>>().join(", ");
    let so_far = if so_far.is_empty() { so_far } else { format!("; approved by {so_far}") };
    let not = release.author.as_ref().filter(|_| approval.not_author);
    let not = not.map_or(String::new(), |author| format!(", not {author}"));
    let needs = match approval.needed {
        1 => "an approval".into(),
        all => format!("{left} more of {all} approvals"),
    };
    // The command stands first, where no list of names can push it out.
    format!(
        "gate {} needs {needs}: kubectl sluice approve {} --gate {} -n {}; it asks {}{not}{so_far}",
        record.name,
        release.name,
        record.name,
        policy.namespace,
        whom(approval)
    )
}

fn whom(approval: &Approval) -> String {
    let users = approval.users.join(", ");
    let groups = approval.groups.join(", ");
    match (users.is_empty(), groups.is_empty()) {
        (true, true) => "everybody who has the right".into(),
        (false, true) => users,
        (true, false) => format!("members of {groups}"),
        (false, false) => format!("{users} and members of {groups}"),
    }
}
