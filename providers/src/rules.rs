//! A route's rules, its owner's and ours.
//!
//! What picks requests out, or copies them, takes rules of our own: each is made of one of the owner's and sends to the candidate
//! alone, or copies to it. By that they are known again. Where requests fail when a rule comes or goes under them, ours are laid
//! down asleep, such that they match nothing, put to use, put to sleep, and taken out, each in a write of its own.

use std::collections::BTreeSet;

use planner::{RevisionId, picks::Picks, world::Share};
use serde_json::{Value, json};

use crate::{
    Reading, Sleeping, Unusable, guarded, name,
    pair::{self, Spelling},
};

/// How a kind of route spells its rules.
pub(crate) trait Rules: Spelling {
    /// Where lists of rules are in the document.
    const PATHS: &'static [&'static str];
    /// Where a rule has its backends.
    const BACKENDS: &'static str;
    /// The most rules that a list may have.
    const MOST_RULES: usize;
    /// Whether ours stand before the rule that they are made of, since the first one that matches counts; else they come last.
    const FIRST_MATCH: bool;

    /// What picks out requests of an owner's rule of a list; the rule is as it is at rest.
    fn picking(&self, route: &Value, path: &str, rule: &Value, share: &Share) -> Result<Vec<Value>, Unusable>;

    /// The backends of an owner's rule with a share, where more than weights is written into them.
    fn marked(
        &self,
        _route: &Value,
        _path: &str,
        _rule: &Value,
        backends: Vec<Value>,
        _share: &Share,
    ) -> Result<Vec<Value>, Unusable> {
        Ok(backends)
    }

    /// A backend that is the Service that callers use.
    fn to_apex(&self, port: i64) -> Value;

    /// Whether a rule of the owner's needs no backend, since it answers itself or leaves that to another object.
    fn ends(&self, rule: &Value) -> bool;

    /// Whom a rule of ours is for.
    fn of(&self, rule: &Value) -> Option<RevisionId>;

    /// A rule of ours such that it matches nothing; `None` where rules come and go without harm.
    fn asleep(&self, rule: &Value) -> Option<Value>;
}

/// One list of rules with its path.
struct List<'a> {
    path: &'static str,
    all: Vec<&'a Value>,
}

impl<'a> List<'a> {
    fn of_route<S: Rules>(route: &'a Value) -> Vec<Self> {
        let list = |path: &&'static str| Some(List { path, all: route.pointer(path)?.as_array()?.iter().collect() });
        S::PATHS.iter().filter_map(list).collect()
    }

    /// The owner's rules and ours, each in order.
    fn parted<S: Rules>(&self, spelling: &S) -> (Vec<&'a Value>, Vec<&'a Value>) {
        self.all.iter().copied().partition(|rule| spelling.of(rule).is_none())
    }
}

/// The backends of a rule, where it sends something to the Service.
fn sends<'a, S: Rules>(spelling: &S, rule: &'a Value) -> Option<&'a Vec<Value>> {
    rule.get(S::BACKENDS)?.as_array().filter(|list| pair::read(spelling, list).is_some())
}

/// The owner's rules that send something to the Service, and those that do not.
pub(crate) fn owners<'a, S: Rules>(spelling: &S, route: &'a Value) -> (Vec<&'a Value>, Vec<&'a Value>) {
    let own = List::of_route::<S>(route).into_iter().flat_map(|list| list.parted(spelling).0);
    own.partition(|rule| sends(spelling, rule).is_some())
}

/// What the rules say. Requests are picked out as one of `known` says, or by rules that nobody knows.
pub(crate) fn read<S: Rules>(spelling: &S, route: &Value, known: &[Picks]) -> Reading {
    let (own, _) = owners(spelling, route);
    let said: Vec<_> = own.into_iter().filter_map(|r| pair::read(spelling, sends(spelling, r)?)).collect();
    let reading = Reading::together(&said);
    let rules: Vec<_> = List::of_route::<S>(route).into_iter().flat_map(|list| list.parted(spelling).1).collect();
    let sleeps = |rule: &&Value| spelling.asleep(rule).as_ref() == Some(*rule);
    let (sleeping, awake): (Vec<_>, Vec<_>) = rules.iter().copied().partition(sleeps);
    let asleep = (!sleeping.is_empty()).then(|| {
        let candidates: BTreeSet<_> = rules.iter().filter_map(|rule| spelling.of(rule)).collect();
        let pairs = candidates.iter().flat_map(|id| known.iter().map(move |picks| (id, picks)));
        let laid = |(id, picks): &(&RevisionId, &Picks)| {
            let wanted = wanted(spelling, route, id, picks);
            !wanted.is_empty() && Places::of(spelling, &rules, &wanted).new.is_empty()
        };
        Sleeping { laid: pairs.filter(laid).map(|(id, picks)| (id.clone(), picks.clone())).collect() }
    });
    let Some(candidate) = awake.first().and_then(|rule| spelling.of(rule)) else {
        return Reading { asleep, ..reading };
    };
    let is = |picks: &&Picks| same_rules(&wanted(spelling, route, &candidate, picks), &awake);
    let apart = reading.share.as_ref().is_some_and(|s| s.candidate != candidate);
    let percent = reading.share.as_ref().map_or(0, |s| s.percent);
    match known.iter().find(is).filter(|_| !apart) {
        Some(picks) => {
            let share = Share::of(candidate, percent, picks.clone());
            // What is marked may have been taken out of the backends, and their weights left.
            let marks = picks.sticky.is_some();
            let unmarked = marks && set(spelling, route, share.as_ref()).is_ok_and(|patch| !patch.is_empty());
            Reading { share, uneven: reading.uneven || unmarked, asleep, ..reading }
        }
        // Somebody may get anything by them.
        None => {
            let share = Share { candidate, percent: 100, picks: Picks::default() };
            Reading { share: Some(share), uneven: true, asleep, ..reading }
        }
    }
}

/// The rules that pick out requests of the route, in use.
fn wanted<S: Rules>(spelling: &S, route: &Value, candidate: &RevisionId, picks: &Picks) -> Vec<Value> {
    let share = Share { candidate: candidate.clone(), percent: 0, picks: picks.clone() };
    let mut all = Vec::new();
    for list in List::of_route::<S>(route) {
        for rule in list.parted(spelling).0.into_iter().filter(|rule| sends(spelling, rule).is_some()) {
            let made = spelling.picking(route, list.path, &at_rest(spelling, rule), &share);
            all.extend(made.unwrap_or_default());
        }
    }
    all
}

/// Whether they are the same, in whatever order: rules for a rule that its owner has added stand behind the others.
fn same_rules(wanted: &[Value], live: &[&Value]) -> bool {
    let mut left = live.to_vec();
    let taken = |rule: &Value| left.iter().position(|other| *other == rule).map(|at| left.swap_remove(at)).is_some();
    wanted.len() == live.len() && wanted.iter().all(taken)
}

/// Which of our rules that are there take which that are wanted. Rules are taken for the same when they differ in what they match
/// alone, in their order: proxies know them by their number, and by that what they send to.
struct Places<'a> {
    /// What each of those that are there becomes, where it is wanted.
    there: Vec<Option<&'a Value>>,
    /// Those for which there is none yet.
    new: Vec<&'a Value>,
}

impl<'a> Places<'a> {
    fn of<S: Rules>(spelling: &S, live: &[&Value], wanted: &'a [Value]) -> Self {
        let form = |rule: &Value| spelling.asleep(rule).unwrap_or_else(|| rule.clone());
        let mut new: Vec<&Value> = wanted.iter().collect();
        let mut place = |rule: &&Value| {
            let found = new.iter().position(|wanted| form(wanted) == form(rule))?;
            Some(new.remove(found))
        };
        let there = live.iter().map(&mut place).collect();
        Self { there, new }
    }
}

fn at_rest<S: Rules>(spelling: &S, rule: &Value) -> Value {
    let mut resting = rule.clone();
    if let Some(list) = sends(spelling, rule) {
        resting[S::BACKENDS] = pair::rest(spelling, list).into();
    }
    resting
}

/// What is to become of the rules that pick requests out.
enum Ours<'a> {
    /// Those of this share are in use and no others; what is not in use any more is asleep.
    InUse(Option<&'a Share>),
    /// Those of this share are there, asleep if they were not there before.
    There(&'a Share),
    /// Those that sleep are gone.
    Tidy,
}

/// The patch after which the share is in force.
pub(crate) fn set<S: Rules>(spelling: &S, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable> {
    write(spelling, route, &Ours::InUse(want))
}

/// The patch after which the rules that the share takes are there.
pub(crate) fn lay<S: Rules>(spelling: &S, route: &Value, share: &Share) -> Result<Vec<Value>, Unusable> {
    write(spelling, route, &Ours::There(share))
}

/// The patch after which no rule of ours sleeps.
pub(crate) fn tidy<S: Rules>(spelling: &S, route: &Value) -> Result<Vec<Value>, Unusable> {
    write(spelling, route, &Ours::Tidy)
}

fn write<S: Rules>(spelling: &S, route: &Value, to: &Ours<'_>) -> Result<Vec<Value>, Unusable> {
    let mut changed = Vec::new();
    for list in List::of_route::<S>(route) {
        let rules = written(spelling, route, &list, to)?;
        if rules.len() > S::MOST_RULES {
            let words = format!(
                "{} has no room for the rules that pick requests out ({} rules at most): put what does not name the Service into a route of its own",
                name(route),
                S::MOST_RULES
            );
            return Err(Unusable::new("RouteRules", words));
        }
        changed.extend(differences::<S>(&list, rules));
    }
    Ok(guarded(route, changed))
}

/// What has to be replaced: lists of backends where that is all, else the list of rules.
fn differences<S: Rules>(list: &List<'_>, rules: Vec<Value>) -> Vec<Value> {
    let replace = |path: String, value: Value| json!({ "op": "replace", "path": path, "value": value });
    let but_backends = |rule: &Value| {
        let mut rule = rule.clone();
        rule[S::BACKENDS].take();
        rule
    };
    let same_rule = |(new, old): (&Value, &&Value)| new == *old || but_backends(new) == but_backends(old);
    if rules.len() != list.all.len() || !rules.iter().zip(&list.all).all(same_rule) {
        return vec![replace(list.path.to_owned(), rules.into())];
    }
    let each = rules.into_iter().zip(&list.all).enumerate().filter(|(_, (new, old))| new != **old);
    let one =
        |(i, mut new): (usize, Value)| replace(format!("{}/{i}/{}", list.path, S::BACKENDS), new[S::BACKENDS].take());
    each.map(|(i, (new, _))| one((i, new))).collect()
}

/// One list of rules as it should be.
fn written<S: Rules>(spelling: &S, route: &Value, list: &List<'_>, to: &Ours<'_>) -> Result<Vec<Value>, Unusable> {
    let (own, live) = list.parted(spelling);
    let path = list.path;
    let (mut rules, mut picking) = (Vec::new(), Vec::new());
    for rule in own {
        let sends = sends(spelling, rule);
        let mut made = Vec::new();
        if let (Some(_), Ours::InUse(Some(share)) | Ours::There(share)) = (sends, to) {
            made = spelling.picking(route, list.path, &at_rest(spelling, rule), share)?;
        }
        let mut rule = rule.clone();
        if let (Some(list), Ours::InUse(want)) = (sends, to) {
            let mut backends = pair::write(spelling, route, list, *want)?;
            if let Some(share) = want {
                backends = spelling.marked(route, path, &rule, backends, share)?;
            }
            rule[S::BACKENDS] = backends.into();
        }
        let before = if S::FIRST_MATCH { &mut rules } else { &mut picking };
        before.extend(made);
        rules.push(rule);
    }
    if !S::FIRST_MATCH {
        rules.extend(kept(spelling, &live, &picking, to));
    }
    Ok(rules)
}

/// Our rules in their places.
fn kept<S: Rules>(spelling: &S, live: &[&Value], picking: &[Value], to: &Ours<'_>) -> Vec<Value> {
    let sleeping = |rule: &Value| spelling.asleep(rule).unwrap_or_else(|| rule.clone());
    let there = live.iter().map(|rule| (*rule).clone());
    let Places { there: places, new } = Places::of(spelling, live, picking);
    match to {
        Ours::Tidy => there.filter(|rule| sleeping(rule) != *rule).collect(),
        Ours::There(_) => there.chain(new.into_iter().map(sleeping)).collect(),
        Ours::InUse(_) => {
            let there =
                places.into_iter().zip(live).map(|(place, live)| place.cloned().unwrap_or_else(|| sleeping(live)));
            there.chain(new.into_iter().cloned()).collect()
        }
    }
}
