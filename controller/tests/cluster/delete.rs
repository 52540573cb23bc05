//! Deletion, finalizers, and the garbage collector.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    clock::stamp,
    failure::Failure,
    kinds::{self, Key},
    object,
    store::{By, Store},
    write::ends_by_itself,
};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

impl Store {
    /// Deletes an object, or marks it when something holds it. `options` is the body of the request.
    pub fn delete(&mut self, by: &By, key: &Key, options: &Value) -> Result<Arc<Value>, Failure> {
        let Some(old) = self.at(key).cloned() else {
            return Err(Failure::not_found(key.kind, &key.name));
        };
        for field in ["uid", "resourceVersion"] {
            let wanted = object::text(&options["preconditions"], &format!("/{field}"));
            let found = object::text(&old["metadata"], &format!("/{field}"));
            if !wanted.is_empty() && wanted != found {
                let why = format!("Precondition failed: {field} in precondition: {wanted}, in object meta: {found}");
                return Err(Failure::conflict(key, &why));
            }
        }
        self.admit(by, key, Some(&old), None)?;
        if by.dry_run {
            return Ok(old);
        }
        let mut finalizers = object::items(&old, "/metadata/finalizers").to_vec();
        let policy = match object::text(options, "/propagationPolicy") {
            // The API server's default for batch/v1, kept for old clients.
            "" if *key.kind == kinds::JOBS => "Orphan",
            stated => stated,
        };
        let hold = match policy {
            "Foreground" => Some(FOREGROUND),
            "Orphan" => Some(ORPHAN),
            _ => None,
        };
        if let Some(hold) = hold.filter(|hold| !finalizers.contains(&json!(hold))) {
            finalizers.push(json!(hold));
        }
        let grace = match object::number(options, "/gracePeriodSeconds") {
            Some(seconds) => seconds,
            None if *key.kind == kinds::PODS => {
                object::number(&old, "/spec/terminationGracePeriodSeconds").unwrap_or(30)
            }
            None => 0,
        };
        // A pod that no node has begun to run needs no time to end.
        let never_ran = object::text(&old, "/spec/nodeName").is_empty();
        let lingers = match *key.kind == kinds::PODS {
            true => grace > 0 && !never_ran,
            false => *key.kind == kinds::NAMESPACES,
        };
        if finalizers.is_empty() && !lingers {
            return Ok(self.commit(by, key, None));
        }
        if object::is_terminating(&old) && json!(finalizers) == old["metadata"]["finalizers"] {
            return Ok(old);
        }
        Ok(self.mark(by, key, &old, finalizers, grace))
    }

    fn mark(&mut self, by: &By, key: &Key, old: &Value, finalizers: Vec<Value>, grace: i64) -> Arc<Value> {
        let mut new = old.clone();
        if !object::is_terminating(old) {
            let ends = self.clock.now() + chrono::TimeDelta::seconds(grace);
            new["metadata"]["deletionTimestamp"] = json!(stamp(ends));
            new["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            if key.kind.generation {
                let generation = object::count(old, "/metadata/generation");
                new["metadata"]["generation"] = json!(generation + 1);
            }
        }
        if !finalizers.is_empty() {
            new["metadata"]["finalizers"] = json!(finalizers);
        }
        if *key.kind == kinds::NAMESPACES {
            object::set(&mut new, "/status/phase", json!("Terminating"));
        }
        self.commit(by, key, Some(new))
    }

    /// Removes a finalizer, and the object when it was the last.
    fn release(&mut self, by: &By, key: &Key, finalizer: &str) {
        let Some(old) = self.at(key).cloned() else {
            return;
        };
        let mut left = object::items(&old, "/metadata/finalizers").to_vec();
        left.retain(|found| found != finalizer);
        if left.is_empty() && !ends_by_itself(key.kind) {
            self.commit(by, key, None);
            return;
        }
        let mut new = old.as_ref().clone();
        if left.is_empty() {
            object::unset(&mut new, "/metadata/finalizers");
        } else {
            new["metadata"]["finalizers"] = json!(left);
        }
        self.commit(by, key, Some(new));
    }

    /// One pass of the garbage collector and of the namespace controller.
    pub fn collect_garbage(&mut self) {
        let by = By::model("garbage-collector", "delete");
        let (mut orphans, mut held, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
        for (key, object) in self.all() {
            let owners = object::items(object, "/metadata/ownerReferences");
            let lives = |owner: &Value| self.owner_lives(key, owner);
            if !owners.is_empty() && !object::is_terminating(object) && !owners.iter().any(lives) {
                orphans.push(key.clone());
            }
            if object::is_terminating(object) {
                let finalizers = object::items(object, "/metadata/finalizers");
                if finalizers.iter().any(|f| f == FOREGROUND || f == ORPHAN) {
                    held.push(key.clone());
                }
                if *key.kind == kinds::NAMESPACES {
                    leaving.push(key.clone());
                }
            }
        }
        for key in orphans {
            let _ = self.delete(&by, &key, &json!({"propagationPolicy": "Background"}));
        }
        for key in held {
            self.finish_held(&by, &key);
        }
        for key in leaving {
            self.empty_namespace(&key);
        }
    }

    /// An owner counts in the dependent's namespace or without one, and only by its UID.
    fn owner_lives(&self, dependent: &Key, owner: &Value) -> bool {
        let found = self.with_uid(object::text(owner, "/uid"));
        found.is_some_and(|k| !k.kind.namespaced || k.namespace == dependent.namespace)
    }

    fn finish_held(&mut self, by: &By, key: &Key) {
        let Some(owner) = self.at(key).cloned() else {
            return;
        };
        let uid = object::uid(&owner);
        let owns = |o: &Value| object::items(o, "/metadata/ownerReferences").iter().any(|r| r["uid"] == *uid);
        let dependents: Vec<Key> = self.all().filter(|(_, o)| owns(o)).map(|(k, _)| k.clone()).collect();
        let finalizers = object::items(&owner, "/metadata/finalizers");
        if finalizers.iter().any(|f| f == ORPHAN) {
            for dependent in dependents {
                self.modify("garbage-collector", &dependent, |object| {
                    let owners = object["metadata"]["ownerReferences"].as_array_mut().unwrap();
                    owners.retain(|owner| owner["uid"] != *uid);
                    if owners.is_empty() {
                        object::unset(object, "/metadata/ownerReferences");
                    }
                });
            }
            self.release(by, key, ORPHAN);
            return;
        }
        if dependents.is_empty() {
            self.release(by, key, FOREGROUND);
        }
        for dependent in dependents {
            let is_new = self.at(&dependent).is_some_and(|o| !object::is_terminating(o));
            if is_new {
                let _ = self.delete(by, &dependent, &json!({"propagationPolicy": "Foreground"}));
            }
        }
    }

    fn empty_namespace(&mut self, key: &Key) {
        let by = By::model("namespace-controller", "delete");
        let inside: Vec<Key> = self.all().filter(|(k, _)| k.namespace == key.name).map(|(k, _)| k.clone()).collect();
        let is_free = |o: &Arc<Value>| object::items(o, "/metadata/finalizers").is_empty();
        if inside.is_empty() && self.at(key).is_some_and(is_free) {
            self.commit(&by, key, None);
        }
        for dependent in inside {
            if self.at(&dependent).is_some_and(|o| !object::is_terminating(o)) {
                let _ = self.delete(&by, &dependent, &json!({"propagationPolicy": "Background"}));
            }
        }
    }
}
