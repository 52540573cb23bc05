//! Objects by hand, as the user `user` and without delay.

use serde_json::{Value, json};

use super::{Cluster, Failure, Key, Kind, Store, object, patch, store::By};

impl Cluster {
    pub fn namespace(&self, name: &str) {
        self.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }

    /// One object, by the name of its resource.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.lock().store.get(resource, namespace, name).cloned()
    }

    /// The objects of a resource; of all namespaces if none is given.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let state = self.shared.lock();
        let within = |o: &&Value| namespace.is_empty() || o["metadata"]["namespace"] == namespace;
        state.store.list(resource).filter(within).cloned().collect()
    }

    /// Creates an object, or merges it into the one that is there. Panics when it is refused.
    #[track_caller]
    pub fn apply(&self, object: Value) -> Value {
        self.try_apply("user", object).unwrap_or_else(|failure| panic!("{}", failure.message))
    }

    /// The same as somebody else, who may be refused.
    pub fn try_apply(&self, identity: &str, body: Value) -> Result<Value, Failure> {
        self.with(|state| {
            let key = key_of(&state.store, &body)?;
            let by = |verb| user(identity, verb);
            let store = &mut state.store;
            let stored = match store.at(&key).cloned() {
                None => store.create(&by("create"), key.kind, &key.namespace, body)?,
                Some(old) => {
                    let mut merged = old.as_ref().clone();
                    patch::merge(&mut merged, &body);
                    store.update(&by("patch"), &key, merged)?
                }
            };
            Ok(stored.as_ref().clone())
        })
    }

    /// Merges a patch into an object that must exist; null removes.
    #[track_caller]
    pub fn patch(&self, resource: &str, namespace: &str, name: &str, change: &Value) -> Value {
        let patched = self.with(|state| {
            let kind = state.store.kind(resource).ok_or_else(Failure::no_such_path)?;
            let key = Key::new(kind, namespace, name);
            let old = state.store.at(&key).ok_or_else(|| Failure::not_found(kind, name))?;
            let mut object = old.as_ref().clone();
            patch::merge(&mut object, change);
            state.store.update(&user("user", "patch"), &key, object)
        });
        match patched {
            Ok(object) => object.as_ref().clone(),
            Err(failure) => panic!("{}", failure.message),
        }
    }

    /// Server-side apply as a field manager.
    pub fn server_side_apply(&self, manager: &str, body: Value, force: bool) -> Result<Value, Failure> {
        self.with(|state| {
            let key = key_of(&state.store, &body)?;
            let by = user(manager, "apply");
            let (object, _) = state.store.apply(&by, &key, body, force)?;
            Ok(object.as_ref().clone())
        })
    }

    /// Deletes an object, in the background. False when it is not there.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.delete_with(resource, namespace, name, &json!({"propagationPolicy": "Background"}))
    }

    pub fn delete_with(&self, resource: &str, namespace: &str, name: &str, options: &Value) -> bool {
        self.with(|state| {
            let Some(kind) = state.store.kind(resource) else {
                return false;
            };
            let key = Key::new(kind, namespace, name);
            state.store.delete(&user("user", "delete"), &key, options).is_ok()
        })
    }

    /// Serves one more kind.
    pub fn install(&self, kind: Kind) {
        self.with(|state| {
            state.store.install(kind);
        });
    }

    /// Removes a kind and its objects; its paths answer 404.
    pub fn uninstall(&self, resource: &str) {
        self.with(|state| {
            if let Some(kind) = state.store.kind(resource) {
                state.store.uninstall(kind);
            }
        });
    }
}

fn user(identity: &str, verb: &'static str) -> By {
    By { actor: identity.to_owned(), manager: identity.to_owned(), verb, ..By::default() }
}

/// The key that a whole object names.
fn key_of(store: &Store, object: &Value) -> Result<Key, Failure> {
    let api_version = object::text(object, "/apiVersion");
    let kind = object::text(object, "/kind");
    let fits = |k: &&&'static Kind| k.kind == kind && k.api_version() == api_version;
    let kind = store.kinds.iter().find(fits).copied();
    let kind = kind.ok_or_else(Failure::no_such_path)?;
    let namespace = match (kind.namespaced, object::text(object, "/metadata/namespace")) {
        (false, _) => "",
        (true, "") => "default",
        (true, stated) => stated,
    };
    Ok(Key::new(kind, namespace, object::name(object)))
}
