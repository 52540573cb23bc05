//! Doing what a plan says.

use planner::{
    Action,
    journal::{Journal, Purpose},
    world::{Release, Selects},
};

use super::{Live, Model, Owner};

impl Model {
    /// Doing an effect twice equals doing it once.
    pub(super) fn twice(&self, action: &Action) {
        let mut once = self.clone();
        if once.perform(action) {
            let before = once.observe();
            once.perform(action);
            assert_eq!(before, once.observe(), "doing it twice differs: {action:?}");
        }
    }

    /// Whether it could be done.
    pub(super) fn perform(&mut self, action: &Action) -> bool {
        self.writes += 1;
        self.effects += 1;
        match action {
            Action::AddFinalizer => self.finalizer = true,
            Action::FillReplicas(n) => self.policy.replicas = Some(*n),
            Action::CreateRelease(new) => {
                let revision = new.to.as_ref().map_or("remove".into(), |t| t.revision.to_string());
                let name = format!("{}-{revision}-{}", self.policy.name, new.attempt);
                if self.release.as_ref().is_some_and(|r| r.name == name) {
                    return true;
                }
                assert!(self.release.is_none(), "two releases at once\n{}", self.story());
                let taken =
                    self.last.iter().map(|l| &l.name).chain(self.history.iter().map(|h| &h.name)).any(|n| *n == name);
                assert!(!taken || new.purpose == Purpose::Remove, "the name {name} is taken\n{}", self.story());
                self.oracle.begins(new);
                self.release = Some(Release {
                    name,
                    purpose: new.purpose,
                    from: new.from.clone(),
                    to: new.to.clone(),
                    attempt: new.attempt,
                    fast: new.fast,
                    emergency: new.emergency.clone(),
                    author: new.author.clone(),
                    rollback: new.rollback,
                    deleting: false,
                    journal: Journal::default(),
                });
            }
            Action::EnsureRevision { revision, replicas } => {
                if self.namespace_terminating || self.refused {
                    return false;
                }
                let wished = self.load.as_ref().is_some_and(|l| l.wish.digest == revision.digest);
                let live = self.live.get(&revision.revision);
                if !wished && !live.is_some_and(|l| l.recorded) {
                    return false;
                }
                let live = self.live.entry(revision.revision.clone()).or_insert_with(|| Live {
                    digest: revision.digest.clone(),
                    replicas: None,
                    complete: true,
                    recorded: true,
                    left_serving: false,
                });
                (live.complete, live.recorded, live.left_serving) = (true, true, false);
                live.replicas.get_or_insert(*replicas);
            }
            Action::ScaleRevision { revision, replicas } => match self.live.get_mut(revision) {
                Some(live) if live.replicas.is_some() => live.replicas = Some(*replicas),
                _ => return false,
            },
            Action::SetMembers { stable, candidate, pods } => {
                let mine = self.pods.iter_mut().filter(|(_, p)| p.owner == Owner::Revision(candidate.clone()));
                for (name, pod) in mine {
                    if pods.contains(name) {
                        pod.members_of.insert(stable.clone());
                    } else {
                        pod.members_of.remove(stable);
                    }
                }
            }
            Action::SetApex { selects, capacity } => {
                let Some(apex) = &mut self.apex else { return false };
                let users = *selects == Selects::Users;
                (apex.selects, apex.marked) = (selects.clone(), !users);
                apex.capacity = (!users).then_some(*capacity);
            }
            Action::MakeRoute if self.routes.trouble.is_some() => return false,
            Action::MakeRoute => self.routes.astray = false,
            Action::SetRoutes(Some(_)) if self.routes.trouble.is_some() => return false,
            Action::SetRoutes(share) => self.set_routes(share.as_ref()),
            Action::LayRoutes(_) if self.routes.trouble.is_some() => return false,
            Action::LayRoutes(share) => self.lay_routes(share),
            Action::TidyRoutes => self.tidy_routes(),
            Action::EnsureSettings(_) if self.routes.untreatable => return false,
            Action::EnsureSettings(None) => {}
            Action::EnsureSettings(Some(id)) => {
                let copy = self.routes.copies.entry(id.clone()).or_default();
                if copy.0 != self.routes.treated {
                    *copy = (self.routes.treated, self.clock);
                }
            }
            Action::ScaleWorkload(n) => match &mut self.load {
                Some(load) => load.replicas = *n,
                None => return false,
            },
            Action::StartRun(key) => {
                let release = self.release.as_ref().unwrap().name.clone();
                self.runs.entry((release, key.clone())).or_insert(self.clock);
            }
            Action::DeleteRevision(id) => {
                if let Some(live) = self.live.get_mut(id) {
                    (live.replicas, live.complete, live.recorded) = (None, false, false);
                    live.left_serving = false;
                }
                let pods = &self.pods;
                if !pods.values().any(|p| p.owner == Owner::Revision(id.clone())) {
                    self.live.remove(id);
                }
            }
            Action::LeaveServing(id) => {
                if let Some(live) = self.live.get_mut(id) {
                    (live.complete, live.left_serving) = (false, true);
                }
            }
            Action::DeleteRelease(name) => self.history.retain(|r| r.name != *name),
            Action::ReleaseFinalizers => {
                self.finalizer = false;
                self.gone = self.deleting;
            }
        }
        true
    }
}
