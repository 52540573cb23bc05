//! Watch streams: who listens to what, delivered in order with a small lag.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep_until, timeout_at},
};

use super::{
    Shared,
    clock::{Clock, Moment, Rng},
    failure::Failure,
    kinds::Kind,
    selector::Selector,
    store::Event,
};

/// How often an idle watch says which version it has reached.
const BOOKMARK: Duration = Duration::from_secs(60);

/// A line of a stream and when it arrives.
pub struct Line {
    due: Moment,
    text: Bytes,
}

/// What a watch asks for.
#[derive(Clone)]
pub struct Interest {
    pub identity: String,
    pub kind: &'static Kind,
    /// Empty for all namespaces.
    pub namespace: String,
    pub selector: Selector,
    /// Only metadata, as for `as=PartialObjectMetadata`.
    pub partial: bool,
}

impl Interest {
    pub fn covers(&self, kind: &Kind, namespace: &str) -> bool {
        *self.kind == *kind && (self.namespace.is_empty() || self.namespace == namespace)
    }

    /// The line for a change; leaving the selector is a deletion, entering it an addition.
    pub fn line(&self, event: &Event) -> Option<Value> {
        if !self.covers(event.key.kind, &event.key.namespace) {
            return None;
        }
        let seen = |o: &Option<Arc<Value>>| o.clone().filter(|o| self.selector.matches(o));
        let (kind, object) = match (seen(&event.old), seen(&event.new)) {
            (None, Some(new)) => ("ADDED", new),
            (Some(_), Some(new)) => ("MODIFIED", new),
            (Some(old), None) => ("DELETED", old),
            (None, None) => return None,
        };
        let mut object = self.shape(&object);
        object["metadata"]["resourceVersion"] = json!(event.version.to_string());
        Some(json!({"type": kind, "object": object}))
    }

    /// The object as this client asked for it.
    pub fn shape(&self, object: &Value) -> Value {
        if self.partial {
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
        } else {
            object.clone()
        }
    }

    pub fn bookmark(&self, version: u64, initial_end: bool) -> Value {
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (api_version, kind) = if self.partial {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata")
        } else {
            (self.kind.api_version(), self.kind.kind)
        };
        json!({"type": "BOOKMARK", "object": {"apiVersion": api_version, "kind": kind, "metadata": metadata}})
    }
}

struct Watcher {
    interest: Interest,
    lines: UnboundedSender<Line>,
}

/// All open watches.
pub struct Hub {
    clock: Clock,
    rng: Rng,
    /// The longest time an event is under way.
    pub lag: Duration,
    watchers: BTreeMap<u64, Watcher>,
    next: u64,
    frozen: BTreeSet<String>,
    held: Vec<(u64, Bytes)>,
}

impl Hub {
    pub fn new(clock: Clock, rng: Rng) -> Self {
        Self {
            clock,
            rng,
            lag: Duration::from_millis(20),
            watchers: BTreeMap::new(),
            next: 0,
            frozen: BTreeSet::new(),
            held: Vec::new(),
        }
    }

    /// The same without anyone who listens.
    pub fn branch(&self) -> Self {
        Self { lag: self.lag, next: self.next, ..Self::new(self.clock, self.rng.clone()) }
    }

    pub fn rebase(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Opens a watch that begins with the given lines.
    pub fn open(&mut self, interest: Interest, first: Vec<Value>) -> UnboundedReceiver<Line> {
        let (lines, receiver) = unbounded_channel();
        self.next += 1;
        self.watchers.insert(self.next, Watcher { interest, lines });
        for line in first {
            self.send(self.next, text(&line));
        }
        receiver
    }

    fn send(&mut self, id: u64, text: Bytes) {
        let due = self.clock.elapsed() + self.rng.between(Duration::ZERO, self.lag);
        let Some(watcher) = self.watchers.get(&id) else {
            return;
        };
        if self.frozen.contains(&watcher.interest.identity) {
            self.held.push((id, text));
        } else if watcher.lines.send(Line { due, text }).is_err() {
            self.watchers.remove(&id);
        }
    }

    pub fn tell(&mut self, event: &Event) {
        let lines: Vec<_> =
            self.watchers.iter().filter_map(|(id, w)| Some((*id, text(&w.interest.line(event)?)))).collect();
        for (id, line) in lines {
            self.send(id, line);
        }
    }

    /// Ends every stream of a client.
    pub fn cut(&mut self, identity: &str) {
        self.watchers.retain(|_, w| w.interest.identity != identity);
    }

    /// Tells every stream of a client that it is too old, and ends it.
    pub fn expire(&mut self, identity: &str) {
        let line = text(&json!({"type": "ERROR", "object": Failure::expired().body()}));
        let ids = self.ids(identity);
        for id in ids {
            self.send(id, line.clone());
        }
        self.cut(identity);
    }

    /// Holds back all events of a client: its view of the world stays what it is.
    pub fn freeze(&mut self, identity: &str) {
        self.frozen.insert(identity.to_owned());
    }

    /// Delivers what was held back.
    pub fn thaw(&mut self, identity: &str) {
        self.frozen.remove(identity);
        for (id, text) in std::mem::take(&mut self.held) {
            self.send(id, text);
        }
    }

    pub fn is_frozen(&self, identity: &str) -> bool {
        self.frozen.contains(identity)
    }

    /// How many watches a client has open.
    pub fn open_watches(&self, identity: &str) -> usize {
        let open = |id: &u64| !self.watchers[id].lines.is_closed();
        self.ids(identity).iter().filter(|id| open(id)).count()
    }

    fn ids(&self, identity: &str) -> Vec<u64> {
        let of = |w: &Watcher| w.interest.identity == identity;
        let mine = self.watchers.iter().filter(|(_, w)| of(w));
        mine.map(|(id, _)| *id).collect()
    }
}

fn text(line: &Value) -> Bytes {
    let mut text = line.to_string();
    text.push('\n');
    Bytes::from(text)
}

struct Pump {
    shared: Arc<Shared>,
    interest: Interest,
    lines: UnboundedReceiver<Line>,
    bookmarks: bool,
    bookmark: Moment,
    deadline: Moment,
}

/// The body of a watch: its lines as they arrive, until its time is over or it is cut.
pub fn stream(
    shared: Arc<Shared>,
    interest: Interest,
    lines: UnboundedReceiver<Line>,
    bookmarks: bool,
    lasts: Duration,
) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> {
    let now = shared.clock.elapsed();
    let pump = Pump { shared, interest, lines, bookmarks, bookmark: now + BOOKMARK, deadline: now + lasts };
    futures::stream::unfold(pump, |mut pump| async move {
        let line = pump.next().await?;
        Some((Ok(Frame::data(line)), pump))
    })
}

impl Pump {
    async fn next(&mut self) -> Option<Bytes> {
        let clock = self.shared.clock;
        loop {
            let wake = self.deadline.min(self.bookmark);
            match timeout_at(clock.instant(wake), self.lines.recv()).await {
                Ok(line) => {
                    let line = line?;
                    sleep_until(clock.instant(line.due)).await;
                    return Some(line.text);
                }
                Err(_) if clock.elapsed() >= self.deadline => return None,
                Err(_) => {
                    self.bookmark = clock.elapsed() + BOOKMARK;
                    let state = self.shared.lock();
                    let behind = state.store.hub.is_frozen(&self.interest.identity);
                    if self.bookmarks && self.lines.is_empty() && !behind {
                        return Some(text(&self.interest.bookmark(state.store.version, false)));
                    }
                }
            }
        }
    }
}
