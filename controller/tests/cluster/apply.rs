//! Server-side apply and the record of who owns which field.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    failure::Failure,
    fields::{self, Fields},
    kinds::Key,
    object,
    store::{By, Store},
};

struct Owner {
    manager: String,
    operation: String,
    subresource: String,
    api_version: String,
    time: String,
    fields: Fields,
}

impl Owner {
    fn new(by: &By, operation: &str, object: &Value, now: &str) -> Self {
        Self {
            manager: by.manager.clone(),
            operation: operation.to_owned(),
            subresource: by.subresource.clone(),
            api_version: object::text(object, "/apiVersion").to_owned(),
            time: now.to_owned(),
            fields: Fields::new(),
        }
    }

    fn is(&self, by: &By, operation: &str) -> bool {
        self.manager == by.manager && self.operation == operation && self.subresource == by.subresource
    }

    fn parse(entry: &Value) -> Self {
        let text = |pointer| object::text(entry, pointer).to_owned();
        Self {
            manager: text("/manager"),
            operation: text("/operation"),
            subresource: text("/subresource"),
            api_version: text("/apiVersion"),
            time: text("/time"),
            fields: fields::parse(&entry["fieldsV1"]),
        }
    }

    fn render(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": fields::render(&self.fields),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = json!(self.subresource);
        }
        entry
    }
}

fn owners(object: &Value) -> Vec<Owner> {
    let entries = object::items(object, "/metadata/managedFields");
    entries.iter().map(Owner::parse).collect()
}

fn render(mut owners: Vec<Owner>) -> Value {
    owners.retain(|owner| !owner.fields.is_empty());
    owners.iter().map(Owner::render).collect()
}

/// The owner of this request; made if it is new.
fn mine<'a>(owners: &'a mut Vec<Owner>, by: &By, operation: &str, object: &Value, now: &str) -> &'a mut Owner {
    let found = owners.iter().position(|owner| owner.is(by, operation));
    let index = found.unwrap_or_else(|| {
        owners.push(Owner::new(by, operation, object, now));
        owners.len() - 1
    });
    &mut owners[index]
}

/// After a create, update or patch: what changed belongs to whoever changed it.
pub fn record_update(old: Option<&Value>, new: &mut Value, by: &By, now: &str) {
    let kept = old.map_or(Value::Null, |old| old["metadata"]["managedFields"].clone());
    if kept.is_null() {
        object::unset(new, "/metadata/managedFields");
    } else {
        new["metadata"]["managedFields"] = kept;
    }
    if by.manager.is_empty() {
        return;
    }
    let nothing = json!({});
    let before = old.unwrap_or(&nothing);
    let stated = fields::leaves(new);
    let changed: Fields =
        stated.into_iter().filter(|path| fields::get(before, path) != fields::get(new, path)).collect();
    let mut owners = owners(new);
    for owner in &mut owners {
        owner.fields.retain(|path| !changed.contains(path) && fields::get(new, path).is_some());
    }
    if !changed.is_empty() {
        let me = mine(&mut owners, by, "Update", new, now);
        me.fields.extend(changed);
        now.clone_into(&mut me.time);
    }
    let rendered = render(owners);
    if rendered != json!([]) || new["metadata"].get("managedFields").is_some() {
        new["metadata"]["managedFields"] = rendered;
    }
}

impl Store {
    /// Server-side apply. Says whether the object was created.
    pub fn apply(&mut self, by: &By, key: &Key, mut config: Value, force: bool) -> Result<(Arc<Value>, bool), Failure> {
        if by.manager.is_empty() {
            return Err(Failure::bad_request("fieldManager is required for apply patch"));
        }
        if !object::items(&config, "/metadata/managedFields").is_empty() {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        object::without_nulls(&mut config);
        for (field, wanted) in [("apiVersion", key.kind.api_version()), ("kind", key.kind.kind.to_owned())] {
            if config[field] != wanted {
                let message = format!("{field} of the patch is {}, not {wanted}", config[field]);
                return Err(Failure::bad_request(message));
            }
        }
        if key.kind.status {
            let kept = if by.subresource == "status" { "status" } else { "" };
            let fields = config.as_object_mut().unwrap();
            let common = ["apiVersion", "kind", "metadata"];
            fields
                .retain(|f, _| if kept.is_empty() { f != "status" } else { f == kept || common.contains(&f.as_str()) });
        }
        let now = self.clock.stamp();
        let Some(live) = self.at(key).cloned() else {
            if !by.subresource.is_empty() {
                return Err(Failure::not_found(key.kind, &key.name));
            }
            let mut owners = Vec::new();
            mine(&mut owners, by, "Apply", &config, &now).fields = fields::leaves(&config);
            object::default(&mut config, "/metadata/name", json!(key.name));
            config["metadata"]["managedFields"] = render(owners);
            return Ok((self.create(by, key.kind, &key.namespace, config)?, true));
        };
        let merged = merge(&live, &config, by, force, &now)?;
        Ok((self.update(by, key, merged)?, false))
    }
}

fn merge(live: &Value, config: &Value, by: &By, force: bool, now: &str) -> Result<Value, Failure> {
    let mut stated = fields::leaves(config);
    if by.subresource == "status" {
        stated.retain(|path| path[0] == "f:status");
    }
    let mut owners = owners(live);
    let taken: Fields = stated
        .iter()
        .filter(|path| {
            let current = fields::get(live, path);
            let is_item = path.last().is_some_and(|step| step.starts_with("k:"));
            current.is_some() && !is_item && current != fields::get(config, path)
        })
        .cloned()
        .collect();
    if !force {
        refuse_conflicts(&owners, &taken, by)?;
    }
    for owner in owners.iter_mut().filter(|owner| !owner.is(by, "Apply")) {
        owner.fields.retain(|path| !taken.contains(path));
    }
    let me = mine(&mut owners, by, "Apply", config, now);
    let dropped: Vec<_> = me.fields.difference(&stated).cloned().collect();
    if me.fields != stated {
        now.clone_into(&mut me.time);
        me.fields = stated;
    }
    let mut merged = live.clone();
    let mut over = config.clone();
    for field in ["name", "namespace", "creationTimestamp"] {
        object::unset(&mut over, &format!("/metadata/{field}"));
    }
    fields::overlay("", &mut merged, &over);
    // An item of a list comes before its fields, and goes as a whole when nobody owns anything in it.
    for path in &dropped {
        let within = |other: &Vec<String>| other.starts_with(path);
        if !fields::is_key(path) && !owners.iter().any(|owner| owner.fields.iter().any(within)) {
            fields::remove(&mut merged, path);
        }
    }
    for owner in &mut owners {
        owner.fields.retain(|path| fields::get(&merged, path).is_some());
    }
    merged["metadata"]["managedFields"] = render(owners);
    Ok(merged)
}

fn refuse_conflicts(owners: &[Owner], taken: &Fields, by: &By) -> Result<(), Failure> {
    let others = owners.iter().filter(|owner| !owner.is(by, "Apply"));
    let mut conflicts = Vec::new();
    for owner in others {
        for path in owner.fields.intersection(taken) {
            conflicts.push((owner.manager.clone(), fields::display(path)));
        }
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Apply failed with {} conflict(s): {}",
        conflicts.len(),
        conflicts
            .iter()
            .map(|(manager, field)| format!("conflict with \"{manager}\": {field}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let failure = Failure::new(409, "Conflict", message);
    Err(conflicts.iter().fold(failure, |failure, (manager, field)| {
        let message = format!("conflict with \"{manager}\"");
        failure.with_cause("FieldManagerConflict", &message, field)
    }))
}
