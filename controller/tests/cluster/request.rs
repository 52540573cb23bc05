//! One request to the API server, understood and performed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, request::Parts};
use serde_json::{Value, json};

use super::{
    State,
    failure::Failure,
    kinds::{self, Key, Kind},
    object, patch,
    path::{self, Path},
    scale,
    selector::Selector,
    store::{By, Store},
    texts::Wire,
    watch::Interest,
};

pub enum Reply {
    Json(u16, Bytes),
    Text(String),
    Watch { interest: Interest, first: Vec<Value>, bookmarks: bool, lasts: Duration },
}

pub struct ApiRequest {
    pub identity: String,
    pub verb: &'static str,
    pub group: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
    kind: Option<&'static Kind>,
    query: BTreeMap<String, String>,
    media: String,
    partial: bool,
    body: Value,
}

impl ApiRequest {
    pub fn parse(store: &Store, identity: &str, parts: &Parts, body: &Bytes) -> Result<Self, Failure> {
        let path = Path::parse(parts.uri.path()).ok_or_else(Failure::no_such_path)?;
        let header = |name: &str| {
            let value = parts.headers.get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or("").to_owned()
        };
        let query = path::query(parts.uri.query().unwrap_or(""));
        let watches = query.get("watch").is_some_and(|v| v == "true" || v == "1");
        let verb = match (&parts.method, path.name.is_empty()) {
            (&Method::GET, true) if watches => "watch",
            (&Method::GET, true) => "list",
            (&Method::GET, false) => "get",
            (&Method::POST, _) => "create",
            (&Method::PUT, false) => "update",
            (&Method::PATCH, false) => "patch",
            (&Method::DELETE, false) => "delete",
            _ => return Err(Failure::new(405, "MethodNotAllowed", "the server does not allow this method")),
        };
        let body = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(body)
                .map_err(|error| Failure::bad_request(format!("the body is no JSON: {error}")))?,
        };
        Ok(Self {
            identity: identity.to_owned(),
            verb,
            kind: store.served(path.group, path.version, path.resource),
            group: path.group.to_owned(),
            resource: path.resource.to_owned(),
            namespace: path.namespace.to_owned(),
            name: path.name.to_owned(),
            subresource: path.subresource.to_owned(),
            query,
            media: header("content-type"),
            partial: header("accept").contains("as=PartialObjectMetadata"),
            body,
        })
    }

    /// Whether fault plans count it: writes, without dry runs, leases, events and access reviews.
    pub fn is_counted_write(&self) -> bool {
        let changes = matches!(self.verb, "create" | "update" | "patch" | "delete");
        let apart = ["coordination.k8s.io", "events.k8s.io", "authorization.k8s.io", "authentication.k8s.io"];
        let is_event = self.group.is_empty() && self.resource == "events";
        changes && !self.is_dry_run() && !is_event && !apart.contains(&self.group.as_str())
    }

    fn is_dry_run(&self) -> bool {
        self.param("dryRun") == "All" || self.body["dryRun"] == json!(["All"])
    }

    fn param(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn is_apply(&self) -> bool {
        self.media.starts_with("application/apply-patch")
    }

    fn by(&self) -> By {
        let manager = match self.param("fieldManager") {
            "" if self.verb == "patch" && self.is_apply() => String::new(),
            "" => self.identity.clone(),
            stated => stated.to_owned(),
        };
        By {
            actor: self.identity.clone(),
            manager,
            verb: if self.verb == "patch" && self.is_apply() { "apply" } else { self.verb },
            subresource: self.subresource.clone(),
            dry_run: self.is_dry_run(),
        }
    }

    pub fn perform(&self, state: &mut State) -> Result<Reply, Failure> {
        if self.group == "authorization.k8s.io" && self.verb == "create" {
            let allowed = (state.allows)(&self.body["spec"]);
            let mut review = self.body.clone();
            review["status"] = json!({"allowed": allowed});
            return Ok(made(201, &review));
        }
        if self.group == "authentication.k8s.io" && self.resource == "selfsubjectreviews" {
            let mut review = self.body.clone();
            review["status"] = json!({"userInfo": {"username": self.identity, "groups": ["system:authenticated"]}});
            return Ok(made(201, &review));
        }
        let kind = self.kind.ok_or_else(Failure::no_such_path)?;
        if self.subresource == "log" && *kind == kinds::PODS {
            return self.log(state, kind);
        }
        let known = match self.subresource.as_str() {
            "" => true,
            "status" => kind.status,
            "scale" => kind.scale,
            _ => false,
        };
        if !known || (kind.namespaced && self.namespace.is_empty() && !matches!(self.verb, "list" | "watch")) {
            return Err(Failure::no_such_path());
        }
        let (store, wire) = (&mut state.store, &mut state.wire);
        let key = Key::new(kind, &self.namespace, &self.name);
        match self.verb {
            "get" => self.get(store, wire, &key),
            "list" => self.list(store, wire, kind),
            "watch" => self.watch(store, kind),
            "create" => {
                let object = store.create(&self.by(), kind, &self.namespace, self.body.clone())?;
                Ok(made(201, &object))
            }
            "delete" => Ok(made(200, &*store.delete(&self.by(), &key, &self.body)?)),
            _ => self.change(store, &key),
        }
    }

    fn get(&self, store: &Store, wire: &mut Wire, key: &Key) -> Result<Reply, Failure> {
        let found = store.at(key).ok_or_else(|| Failure::not_found(key.kind, &key.name))?;
        match self.subresource.as_str() {
            "scale" => Ok(made(200, &scale::of(found))),
            _ if self.partial => Ok(made(200, &self.interest(key.kind)?.shape(found))),
            _ => Ok(Reply::Json(200, wire.whole(key, found))),
        }
    }

    fn change(&self, store: &mut Store, key: &Key) -> Result<Reply, Failure> {
        let by = self.by();
        if self.is_apply() && self.verb == "patch" {
            let force = self.param("force") == "true";
            let (object, created) = store.apply(&by, key, self.body.clone(), force)?;
            return Ok(made(if created { 201 } else { 200 }, &object));
        }
        let old = store.at(key).cloned();
        let old = old.ok_or_else(|| Failure::not_found(key.kind, &key.name))?;
        let scales = self.subresource == "scale";
        let seen = if scales { Arc::new(scale::of(&old)) } else { old.clone() };
        let wanted = self.wanted(&seen)?;
        if !scales {
            return Ok(made(200, &*store.update(&by, key, wanted)?));
        }
        let object = store.update(&by, key, scale::onto(&old, &wanted))?;
        Ok(made(200, &scale::of(&object)))
    }

    /// The whole object as a PUT or a patch asks for it.
    fn wanted(&self, seen: &Value) -> Result<Value, Failure> {
        if self.verb == "update" {
            return Ok(self.body.clone());
        }
        match self.media.as_str() {
            "application/merge-patch+json" => {
                let mut wanted = seen.clone();
                patch::merge(&mut wanted, &self.body);
                Ok(wanted)
            }
            "application/json-patch+json" => patch::json_patch(seen, &self.body),
            other => Err(Failure::new(
                415,
                "UnsupportedMediaType",
                format!("this API server does not take {other}: use a merge patch, a JSON patch or apply"),
            )),
        }
    }

    fn interest(&self, kind: &'static Kind) -> Result<Interest, Failure> {
        Ok(Interest {
            identity: self.identity.clone(),
            kind,
            namespace: self.namespace.clone(),
            selector: Selector::parse(self.param("labelSelector"), self.param("fieldSelector"))?,
            partial: self.partial,
        })
    }

    /// Pages go by key; what changes between two pages is seen as it is then.
    fn list(&self, store: &Store, wire: &mut Wire, kind: &'static Kind) -> Result<Reply, Failure> {
        let interest = self.interest(kind)?;
        let limit: usize = self.param("limit").parse().ok().filter(|n| *n > 0).unwrap_or(usize::MAX);
        let after = self.param("continue");
        let place = |key: &Key| format!("{}/{}", key.namespace, key.name);
        let mut found = store
            .of(kind, &self.namespace)
            .filter(|(key, object)| interest.selector.matches(object) && (after.is_empty() || *place(key) > *after))
            .peekable();
        let (mut items, mut last) = (Vec::<Bytes>::new(), String::new());
        while items.len() < limit
            && let Some((key, object)) = found.next()
        {
            let item = if self.partial { interest.shape(object).to_string().into() } else { wire.item(key, object) };
            items.push(item);
            last = place(key);
        }
        let mut metadata = json!({"resourceVersion": store.version.to_string()});
        if found.peek().is_some() {
            metadata["continue"] = json!(last);
        }
        let (api_version, list) = match self.partial {
            true => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
            false => (kind.api_version(), format!("{}List", kind.kind)),
        };
        let head = json!({"apiVersion": api_version, "kind": list, "metadata": metadata}).to_string();
        let head = head.strip_suffix('}').unwrap().as_bytes();
        let text = [head, br#","items":["#, &items.join(&b","[..]), b"]}"].concat();
        Ok(Reply::Json(200, text.into()))
    }

    fn watch(&self, store: &Store, kind: &'static Kind) -> Result<Reply, Failure> {
        let interest = self.interest(kind)?;
        let bookmarks = self.param("allowWatchBookmarks") == "true";
        let streams = self.param("sendInitialEvents") == "true";
        let from = self.param("resourceVersion");
        let mut first = Vec::new();
        if streams || matches!(from, "" | "0") {
            let objects = store.of(kind, &self.namespace);
            for (_, object) in objects.filter(|(_, object)| interest.selector.matches(object)) {
                first.push(json!({"type": "ADDED", "object": interest.shape(object)}));
            }
            if streams && bookmarks {
                first.push(interest.bookmark(store.version, true));
            }
        } else {
            let from = from.parse().map_err(|_| Failure::bad_request("resourceVersion is no number"))?;
            match store.since(from) {
                Ok(events) => first.extend(events.filter_map(|event| interest.line(event))),
                Err(expired) => {
                    let line = json!({"type": "ERROR", "object": expired.body()});
                    let lasts = Duration::ZERO;
                    return Ok(Reply::Watch { interest, first: vec![line], bookmarks, lasts });
                }
            }
        }
        let lasts = self.param("timeoutSeconds").parse().unwrap_or(1800);
        Ok(Reply::Watch { interest, first, bookmarks, lasts: Duration::from_secs(lasts) })
    }

    fn log(&self, state: &State, kind: &'static Kind) -> Result<Reply, Failure> {
        let key = Key::new(kind, &self.namespace, &self.name);
        let pod = state.store.at(&key).ok_or_else(|| Failure::not_found(kind, &self.name))?;
        let log = state.world.log(object::uid(pod)).map_err(Failure::bad_request)?;
        let lines: Vec<_> = log.lines().collect();
        let tail = self.param("tailLines").parse().unwrap_or(lines.len());
        let mut text = lines[lines.len().saturating_sub(tail)..].join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        if let Ok(limit) = self.param("limitBytes").parse::<usize>() {
            text.truncate(text.floor_char_boundary(limit));
        }
        Ok(Reply::Text(text))
    }
}

fn made(code: u16, object: &Value) -> Reply {
    Reply::Json(code, object.to_string().into())
}
