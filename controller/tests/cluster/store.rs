//! The objects, their versions, and everyone who is told when they change.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    clock::{Clock, Rng},
    failure::Failure,
    kinds::{self, Key, Kind},
    object,
    observers::{Admission, Observer, Write},
    watch::Hub,
};

/// How many events a watch can go back; an older version is answered with 410.
const HISTORY: usize = 20_000;

/// One change. `old` and `new` are absent at creation and at removal.
#[derive(Clone)]
pub struct Event {
    pub version: u64,
    pub key: Key,
    pub old: Option<Arc<Value>>,
    pub new: Option<Arc<Value>>,
}

/// Who writes, and how.
#[derive(Clone, Debug, Default)]
pub struct By {
    pub actor: String,
    /// The field manager; empty for models, whose fields are not tracked.
    pub manager: String,
    pub verb: &'static str,
    pub subresource: String,
    pub dry_run: bool,
}

impl By {
    /// A controller that is part of the cluster.
    pub fn model(actor: &str, verb: &'static str) -> Self {
        Self { actor: actor.to_owned(), verb, ..Self::default() }
    }
}

pub struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    by_uid: BTreeMap<String, Key>,
    pub kinds: Vec<&'static Kind>,
    history: VecDeque<Event>,
    /// Watches from before this version are answered with 410.
    pub floor: u64,
    pub version: u64,
    /// The version of the last change of an EndpointSlice, for the proxies.
    pub slices: u64,
    pub clock: Clock,
    pub rng: Rng,
    pub hub: Hub,
    pub dirty: Arc<Notify>,
    pub observers: Vec<Observer>,
    pub admission: Vec<Admission>,
    pub violations: Vec<String>,
}

impl Store {
    pub fn new(clock: Clock, mut rng: Rng, dirty: Arc<Notify>) -> Self {
        let hub = Hub::new(clock, rng.fork());
        let mut store = Self {
            objects: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            kinds: kinds::all(),
            history: VecDeque::new(),
            floor: 0,
            version: 100,
            slices: 0,
            clock,
            rng,
            hub,
            dirty,
            observers: Vec::new(),
            admission: Vec::new(),
            violations: Vec::new(),
        };
        for name in ["default", "kube-system"] {
            let body = json!({"metadata": {"name": name}});
            let by = By::model("apiserver", "create");
            store.create(&by, &kinds::NAMESPACES, "", body).unwrap();
        }
        store
    }

    /// The same without clients. Admission is not taken along.
    pub fn branch(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            by_uid: self.by_uid.clone(),
            kinds: self.kinds.clone(),
            history: self.history.clone(),
            violations: self.violations.clone(),
            observers: self.observers.iter().map(|o| o.branch()).collect(),
            admission: Vec::new(),
            dirty: self.dirty.clone(),
            hub: self.hub.branch(),
            rng: self.rng.clone(),
            ..*self
        }
    }

    /// Goes on under another clock, with another loop of models.
    pub fn rebase(&mut self, clock: Clock, dirty: Arc<Notify>) {
        self.clock = clock;
        self.hub.rebase(clock);
        self.dirty = dirty;
    }

    /// The kind of a resource: `pods`, or `events.events.k8s.io` where the short name is taken.
    pub fn kind(&self, resource: &str) -> Option<&'static Kind> {
        let (short, group) = resource.split_once('.').unwrap_or((resource, "*"));
        let fits = |kind: &&&Kind| kind.resource == short && (group == "*" || kind.group == group);
        self.kinds.iter().find(fits).copied()
    }

    /// The kind that an API path names.
    pub fn served(&self, group: &str, version: &str, resource: &str) -> Option<&'static Kind> {
        let mut kinds = self.kinds.iter().copied();
        kinds.find(|k| k.group == group && k.version == version && k.resource == resource)
    }

    /// Serves one more kind.
    pub fn install(&mut self, kind: Kind) -> &'static Kind {
        let kind = Box::leak(Box::new(kind));
        self.kinds.retain(|known| *known != kind);
        self.kinds.push(kind);
        kind
    }

    /// As if the definition of a kind were removed: its objects go and its paths answer 404.
    pub fn uninstall(&mut self, kind: &'static Kind) {
        for key in self.keys(kind) {
            let by = By::model("apiserver", "delete");
            self.commit(&by, &key, None);
        }
        self.kinds.retain(|known| *known != kind);
    }

    pub fn at(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// One object, by its resource.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        let key = Key::new(self.kind(resource)?, namespace, name);
        self.objects.get(&key).map(Arc::as_ref)
    }

    /// All objects of a resource, in all namespaces, by namespace and name.
    pub fn list(&self, resource: &str) -> impl Iterator<Item = &Value> {
        let kind = self.kind(resource);
        kind.into_iter().flat_map(|kind| self.of(kind, "").map(|(_, object)| object.as_ref()))
    }

    /// The objects of a kind; of one namespace unless it is empty.
    pub fn of<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        self.objects.range(Key::first(kind, namespace)..).take_while(move |(key, _)| {
            std::ptr::eq(key.kind, kind) && (namespace.is_empty() || key.namespace == namespace)
        })
    }

    pub fn keys(&self, kind: &'static Kind) -> Vec<Key> {
        self.of(kind, "").map(|(key, _)| key.clone()).collect()
    }

    pub fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    pub fn with_uid(&self, uid: &str) -> Option<&Key> {
        self.by_uid.get(uid)
    }

    /// The objects that a controller owns through `controller: true`.
    pub fn controlled<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
        owner: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        self.of(kind, namespace).filter(move |(_, object)| object::is_controlled_by(object, owner))
    }

    /// The events after a version, oldest first; 410 when they are no longer known.
    pub fn since(&self, version: u64) -> Result<impl Iterator<Item = &Event>, Failure> {
        if version < self.floor {
            return Err(Failure::expired());
        }
        let start = self.history.partition_point(|e| e.version <= version);
        Ok(self.history.range(start..))
    }

    /// Forgets the history: watches from older versions are answered with 410.
    pub fn compact(&mut self) {
        self.history.clear();
        self.floor = self.version;
    }

    pub fn write<'a>(&self, by: &'a By, key: &'a Key, old: Option<&'a Value>, new: Option<&'a Value>) -> Write<'a> {
        Write { at: self.clock.now(), actor: &by.actor, verb: by.verb, subresource: &by.subresource, key, old, new }
    }

    /// Makes a change: a new version, an event, the observers. `None` removes the object.
    pub fn commit(&mut self, by: &By, key: &Key, new: Option<Value>) -> Arc<Value> {
        self.version += 1;
        let old = self.objects.get(key).cloned();
        let new = new.map(|mut object| {
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            Arc::new(object)
        });
        match &new {
            Some(object) => {
                self.by_uid.insert(object::uid(object).to_owned(), key.clone());
                self.objects.insert(key.clone(), object.clone());
            }
            None => {
                self.objects.remove(key);
                self.by_uid.remove(old.as_deref().map_or("", object::uid));
            }
        }
        if *key.kind == kinds::ENDPOINT_SLICES {
            self.slices = self.version;
        }
        let event = Event { version: self.version, key: key.clone(), old, new };
        self.hub.tell(&event);
        self.observe(by, &event);
        let result = event.new.clone().or_else(|| event.old.clone());
        self.history.push_back(event);
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.floor = oldest.version;
        }
        self.dirty.notify_one();
        result.unwrap_or_default()
    }

    fn observe(&mut self, by: &By, event: &Event) {
        if self.observers.is_empty() {
            return;
        }
        let mut observers = std::mem::take(&mut self.observers);
        let write = self.write(by, &event.key, event.old.as_deref(), event.new.as_deref());
        let mut found = Vec::new();
        for observer in &mut observers {
            found.append(&mut observer.observe(&write, self));
        }
        self.violations.append(&mut found);
        self.observers = observers;
    }

    /// Asks admission; models are not asked.
    pub fn admit(&mut self, by: &By, key: &Key, old: Option<&Value>, new: Option<&Value>) -> Result<(), Failure> {
        if by.manager.is_empty() || self.admission.is_empty() {
            return Ok(());
        }
        let mut admission = std::mem::take(&mut self.admission);
        let write = self.write(by, key, old, new);
        let answer = admission.iter_mut().try_for_each(|ask| ask(&write, self));
        self.admission = admission;
        answer.map_err(|why| Failure::forbidden(key, &why))
    }

    /// A model's change of an object; nothing is written when nothing changes.
    pub fn modify(&mut self, actor: &str, key: &Key, change: impl FnOnce(&mut Value)) -> bool {
        let Some(old) = self.objects.get(key) else {
            return false;
        };
        let mut new = old.as_ref().clone();
        change(&mut new);
        if new == **old {
            return false;
        }
        let by = By::model(actor, "update");
        self.commit(&by, key, Some(new));
        true
    }

    /// A model's report; nothing is written when it says nothing new.
    pub fn report(&mut self, actor: &str, key: &Key, status: Value) {
        if self.objects.get(key).is_some_and(|object| object["status"] != status) {
            self.modify(actor, key, |object| object["status"] = status);
        }
    }

    /// The finalizers and owners that still hold something, for dumps.
    pub fn terminating(&self) -> BTreeSet<String> {
        let held = self.objects.iter().filter(|(_, o)| object::is_terminating(o));
        held.map(|(key, o)| format!("{key} {:?}", object::items(o, "/metadata/finalizers"))).collect()
    }
}
