//! Creating and changing objects: what the API server checks and sets on every write.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    apply, defaults,
    failure::Failure,
    kinds::{self, Key, Kind},
    object,
    store::{By, Store},
};

/// Metadata that only the API server writes.
const OWNED: [&str; 5] = ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"];

impl Store {
    /// Stores a new object.
    pub fn create(
        &mut self,
        by: &By,
        kind: &'static Kind,
        namespace: &str,
        mut body: Value,
    ) -> Result<Arc<Value>, Failure> {
        let name = self.name_for(&body)?;
        let key = Key::new(kind, namespace, &name);
        self.check_creation(&key, &body)?;
        object::without_nulls(&mut body);
        body["apiVersion"] = json!(kind.api_version());
        body["kind"] = json!(kind.kind);
        let metadata = body["metadata"].as_object_mut().unwrap();
        metadata.retain(|field, _| !OWNED.contains(&field.as_str()));
        metadata.remove("resourceVersion");
        metadata.insert("name".into(), json!(name));
        if kind.namespaced {
            metadata.insert("namespace".into(), json!(namespace));
        }
        metadata.insert("uid".into(), json!(self.rng.uid()));
        metadata.insert("creationTimestamp".into(), json!(self.clock.stamp()));
        if kind.generation {
            metadata.insert("generation".into(), json!(1));
        }
        if kind.status {
            object::unset(&mut body, "/status");
        }
        defaults::fill(kind, &mut body, &mut self.rng);
        if by.verb != "apply" {
            apply::record_update(None, &mut body, by, &self.clock.stamp());
        }
        self.admit(by, &key, None, Some(&body))?;
        if by.dry_run {
            return Ok(Arc::new(body));
        }
        Ok(self.commit(by, &key, Some(body)))
    }

    fn name_for(&mut self, body: &Value) -> Result<String, Failure> {
        if !body["metadata"].is_object() {
            return Err(Failure::bad_request("metadata is missing"));
        }
        let name = match object::name(body) {
            "" => match object::text(body, "/metadata/generateName") {
                "" => String::new(),
                prefix => format!("{prefix}{}", self.rng.suffix()),
            },
            name => name.to_owned(),
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
        if name.is_empty() || name.len() > 253 || !name.chars().all(fits) {
            let message = format!("metadata.name: Invalid value: \"{name}\"");
            return Err(Failure::new(422, "Invalid", message));
        }
        Ok(name)
    }

    fn check_creation(&self, key: &Key, body: &Value) -> Result<(), Failure> {
        let stated = object::text(body, "/metadata/namespace");
        if !stated.is_empty() && stated != key.namespace {
            return Err(Failure::bad_request(
                "the namespace of the object does not match the namespace of the request",
            ));
        }
        if !object::version(body).is_empty() {
            return Err(Failure::bad_request("resourceVersion should not be set on objects to be created"));
        }
        if key.kind.namespaced {
            let namespace = Key::new(&kinds::NAMESPACES, "", &key.namespace);
            match self.at(&namespace) {
                None => return Err(Failure::not_found(namespace.kind, &key.namespace)),
                Some(found) if object::is_terminating(found) => {
                    let why = format!(
                        "unable to create new content in namespace {} because it is being terminated",
                        key.namespace
                    );
                    let failure = Failure::forbidden(key, &why);
                    return Err(failure.with_cause("NamespaceTerminating", &why, "metadata.namespace"));
                }
                Some(_) => {}
            }
        }
        match self.at(key) {
            Some(_) => Err(Failure::already_exists(key)),
            None => Ok(()),
        }
    }

    /// Stores a changed object. `new` is the whole object as the client wants it; a resourceVersion or uid in it is a
    /// precondition.
    pub fn update(&mut self, by: &By, key: &Key, mut new: Value) -> Result<Arc<Value>, Failure> {
        let Some(old) = self.at(key).cloned() else {
            return Err(Failure::not_found(key.kind, &key.name));
        };
        check_preconditions(by, key, &old, &new)?;
        object::without_nulls(&mut new);
        let mut new = self.prepared(by, key, &old, new)?;
        if key.kind.generation && intent_changed(&old, &new) {
            let generation = object::count(&old, "/metadata/generation");
            new["metadata"]["generation"] = json!(generation + 1);
        }
        if by.verb != "apply" {
            apply::record_update(Some(&old), &mut new, by, &self.clock.stamp());
        }
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        if new == *old {
            return Ok(old);
        }
        self.admit(by, key, Some(&old), Some(&new))?;
        if by.dry_run {
            return Ok(Arc::new(new));
        }
        let free = object::items(&new, "/metadata/finalizers").is_empty();
        let stored = self.commit(by, key, Some(new));
        if free && object::is_terminating(&stored) && !ends_by_itself(key.kind) {
            self.commit(&By { verb: "delete", ..by.clone() }, key, None);
        }
        Ok(stored)
    }

    /// The object as it will be stored: parts that this endpoint does not write are taken from the old one.
    fn prepared(&mut self, by: &By, key: &Key, old: &Value, mut new: Value) -> Result<Value, Failure> {
        if by.subresource == "status" {
            let mut kept = old.clone();
            match new.get_mut("status") {
                Some(status) => kept["status"] = status.take(),
                None => object::unset(&mut kept, "/status"),
            }
            if by.verb == "apply" {
                kept["metadata"]["managedFields"] = new["metadata"]["managedFields"].take();
            }
            return Ok(kept);
        }
        if key.kind.status {
            match old.get("status") {
                Some(status) => new["status"] = status.clone(),
                None => object::unset(&mut new, "/status"),
            }
        }
        for field in OWNED {
            match old["metadata"].get(field) {
                Some(value) => new["metadata"][field] = value.clone(),
                None => object::unset(&mut new, &format!("/metadata/{field}")),
            }
        }
        new["metadata"]["name"] = json!(key.name);
        for field in ["apiVersion", "kind"] {
            new[field] = old[field].clone();
        }
        if key.kind.namespaced {
            new["metadata"]["namespace"] = json!(key.namespace);
        }
        if *key.kind == kinds::SERVICES {
            object::default(&mut new, "/spec/clusterIP", old["spec"]["clusterIP"].clone());
        }
        object::without_nulls(&mut new);
        defaults::fill(key.kind, &mut new, &mut self.rng);
        check_immutable(key, old, &new)?;
        Ok(new)
    }
}

/// Pods end when their kubelet says so, namespaces when they are empty.
pub fn ends_by_itself(kind: &Kind) -> bool {
    *kind == kinds::PODS || *kind == kinds::NAMESPACES
}

fn check_preconditions(by: &By, key: &Key, old: &Value, new: &Value) -> Result<(), Failure> {
    let stated = object::version(new);
    if stated.is_empty() && key.kind.custom && by.verb == "update" {
        return Err(Failure::invalid(
            key,
            "metadata.resourceVersion",
            "Invalid value: 0: must be specified for an update",
        ));
    }
    if !stated.is_empty() && stated != object::version(old) {
        return Err(Failure::stale(key));
    }
    let uid = object::uid(new);
    if !uid.is_empty() && uid != object::uid(old) {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", object::uid(old));
        return Err(Failure::conflict(key, &why));
    }
    let name = object::name(new);
    if !name.is_empty() && name != key.name {
        return Err(Failure::bad_request("the name of the object does not match the name on the URL"));
    }
    Ok(())
}

fn check_immutable(key: &Key, old: &Value, new: &Value) -> Result<(), Failure> {
    let fixed: &[&str] = match key.kind.resource {
        "configmaps" | "secrets" if object::flag(old, "/immutable") => {
            &["/data", "/binaryData", "/stringData", "/immutable"]
        }
        "deployments" | "replicasets" => &["/spec/selector"],
        "jobs" => &["/spec/template", "/spec/selector", "/spec/completions"],
        "controllerrevisions" => &["/data"],
        "endpointslices" => &["/addressType"],
        "services" => &["/spec/clusterIP"],
        _ if key.kind.frozen => &["/spec"],
        _ => &[],
    };
    for pointer in fixed {
        if old.pointer(pointer) != new.pointer(pointer) {
            let field = pointer[1..].replace('/', ".");
            return Err(Failure::invalid(key, &field, "field is immutable"));
        }
    }
    let held = object::items(old, "/metadata/finalizers");
    let added = |f: &&Value| !held.contains(f);
    if object::is_terminating(old) && object::items(new, "/metadata/finalizers").iter().any(|f| added(&f)) {
        let why = "Forbidden: no new finalizers can be added if the object is being deleted";
        return Err(Failure::invalid(key, "metadata.finalizers", why));
    }
    Ok(())
}

/// Whether anything but metadata and status differs.
fn intent_changed(old: &Value, new: &Value) -> bool {
    let intent = |object: &Value| {
        let mut object = object.as_object().cloned().unwrap_or_default();
        object.remove("metadata");
        object.remove("status");
        object
    };
    intent(old) != intent(new)
}
