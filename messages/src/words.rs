//! The sentences about each kind of notice.

use crate::{Failure, Kind, Notice, Version, clean, images};

/// The first line, which is all that a phone shows: where, which version, what became of it, and why.
pub(crate) fn title(notice: &Notice) -> String {
    let new = version(notice);
    let why = why(notice);
    let happened = match (notice.kind, notice.purpose.as_str()) {
        (Kind::Started, "Adopt") => format!("Sluice takes over, with {new}"),
        (Kind::Started, "Remove") => "Sluice gives the workload back".into(),
        (Kind::Succeeded, "Adopt") => format!("taken over, {new} is stable"),
        (Kind::Succeeded, "Remove") => "given back".into(),
        (Kind::Started, _) if notice.emergency.is_some() => format!("emergency release of {new} began"),
        (Kind::Started, _) => format!("release of {new} began"),
        (Kind::Succeeded, _) => format!("{new} is stable"),
        (Kind::Promoted, _) => format!("{new} gets all traffic"),
        (Kind::Step, _) => match notice.step {
            Some(step) => format!("{new} at {} % (step {} of {})", step.weight, step.number, step.of),
            None => format!("{new} - {why}"),
        },
        (Kind::ApprovalNeeded, _) => format!("{new} needs approval - {why}"),
        (Kind::GatePassed | Kind::Decision | Kind::Other, _) => format!("{new} - {why}"),
        (Kind::Failed, _) => format!("{new} failed - {why}"),
        (Kind::RolledBack, _) => format!("{new} rolled back - {why}"),
        (Kind::Inconclusive, _) => format!("{new} inconclusive - {why}"),
        (Kind::Superseded, _) => format!("{new} ended - {why}"),
        (Kind::Stalled, _) => format!("{new} is stuck - {why}"),
    };
    // Prod or test is the first thing to know, where clusters have names.
    let cluster = notice.cluster.as_ref().map_or(String::new(), |cluster| format!("[{cluster}] "));
    format!("{cluster}{}/{}: {}", notice.namespace, notice.workload, happened.trim_end_matches([' ', '-']))
}

/// What people call the version that is delivered: the tag, where one image changed.
fn version(notice: &Notice) -> String {
    let Some(new) = &notice.new else { return "the new version".into() };
    let old: &[String] = notice.old.as_ref().map_or(&[], |old| &old.images);
    let changes = images::changes(old, &new.images);
    let mut changed = changes.iter().filter_map(|change| change.new.as_ref().map(|version| (change.called(), version)));
    match (changed.next(), changed.next(), changed.count()) {
        (Some((_, version)), None, _) => version.clone(),
        (Some((_, one)), Some((_, two)), 0) if one == two => one.clone(),
        (Some((name, version)), Some(_), more) => format!("{name} {version} (and {} more)", more + 1),
        (None, ..) => revision(new),
    }
}

/// What people call a version of which only the configuration differs.
pub(crate) fn revision(version: &Version) -> String {
    format!("revision {}", version.revision)
}

/// Why it happened, in part of a sentence.
fn why(notice: &Notice) -> String {
    // Of what a test printed the first line says least: the message sums it up.
    let printed = |f: &Failure| f.value.is_none() && f.detail.as_ref().is_none_or(|d| d.trim().lines().count() > 1);
    match notice.failures.as_slice() {
        [first, ..] if printed(first) && !notice.message.is_empty() => head(notice).trim_end_matches('.').to_owned(),
        [] => head(notice).trim_end_matches('.').to_owned(),
        [only] => missed(only),
        [first, rest @ ..] => format!("{}, and {} more", missed(first), rest.len()),
    }
}

/// `error rate 4.1 %, at most 1 % allowed (1,240 requests)`.
fn missed(failure: &Failure) -> String {
    match (&failure.value, &failure.bound, &failure.detail) {
        (None, None, Some(detail)) => format!("{}: {}", failure.what, first_line(detail).trim_end_matches('.')),
        _ => [failure.what.as_str(), &measured(failure)].join(" ").trim().to_owned(),
    }
}

/// `4.1 %, at most 1 % allowed (1,240 requests)`.
pub(crate) fn measured(failure: &Failure) -> String {
    let bound = failure.bound.as_ref().map(|bound| match bound.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["at", "most"] => format!("{bound} allowed"),
        ["at", "least"] => format!("{bound} needed"),
        _ => format!("should be {bound}"),
    });
    let parts: Vec<_> = failure.value.clone().into_iter().chain(bound).collect();
    let samples = match failure.samples {
        Some(1) => " (1 request)".into(),
        Some(samples) => format!(" ({} requests)", thousands(samples)),
        None => String::new(),
    };
    format!("{}{samples}", parts.join(", ")).trim().to_owned()
}

/// `1,240`.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How long a first line may be that every receiver shows as a whole.
const WHOLE: usize = 140;

/// What happened, unless the first line says it already, and what follows from it.
pub(crate) fn summary(notice: &Notice) -> String {
    let head = head(notice);
    let title = title(notice);
    let said = title.contains(head.trim_end_matches('.')) && clean::length(&title) <= WHOLE;
    let happened = if said { String::new() } else { happened(notice) };
    [happened, follows(notice).to_owned()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn happened(notice: &Notice) -> String {
    if notice.kind != Kind::Started || notice.purpose != "Update" {
        return sentence(&head(notice));
    }
    let of = |version: &Option<Version>| version.as_ref().map(revision);
    let from = of(&notice.old).map_or(String::new(), |old| format!(" in place of {old}"));
    let attempt = if notice.attempt > 1 { format!(", attempt {}", notice.attempt) } else { String::new() };
    format!(
        "{} is delivered{from}{attempt}.",
        sentence(&of(&notice.new).unwrap_or("A new version".into())).trim_end_matches('.')
    )
}

/// What follows, which is the same for every notice of its kind.
fn follows(notice: &Notice) -> &'static str {
    let update = notice.purpose == "Update";
    match (notice.kind, notice.phase.as_str()) {
        (Kind::Started, _) if notice.emergency.is_some() => "It is an emergency: bakes and analysis are skipped.",
        (Kind::Failed, "RollingBack") => "The candidate is being taken back.",
        (Kind::Failed | Kind::RolledBack, "Held") => {
            "The candidate gets no live traffic; its pods are kept until somebody decides."
        }
        (Kind::RolledBack, _) if update => {
            "Nothing starts until another version is deployed, or somebody decides Retry."
        }
        (Kind::Promoted, _) if update && notice.old.is_some() => "The old version's pods are kept for a while.",
        (Kind::Inconclusive, _) => "This is no verdict on the version.",
        (Kind::Stalled, _) => "Nothing happens until a person acts.",
        _ => "",
    }
}

/// The first line of what happened, without the commands that stand on lines of their own.
fn head(notice: &Notice) -> String {
    let mut head = first_line(&notice.message).to_owned();
    for command in notice.next.iter().filter_map(|next| next.command.as_ref()) {
        head = head.replace(&format!(": {command}"), "");
    }
    head
}

pub(crate) fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default().trim_end()
}

/// A capital letter at the beginning and a full stop at the end; names of things stay as they are.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let word = text.split(' ').next().unwrap_or_default();
    let mut out = String::new();
    let mut chars = text.chars();
    // `shop/front`, `error-rate` and `m1` are names.
    if word.trim_end_matches([',', ':']).chars().all(char::is_alphabetic) {
        out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
    }
    out.push_str(chars.as_str());
    if out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '%' | '"' | '`')) {
        out.push('.');
    }
    out
}
