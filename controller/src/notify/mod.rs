//! Telling people of releases: a notice for each entry of a timeline, and a courier for each channel.
//!
//! Nothing here is waited for by a release. What was told is written down in Deliveries, so that a controller started anew goes on where
//! the last one stopped; what was sent and not yet written down then is sent once more, under the same id.

mod channel;
mod courier;
mod health;
mod notices;
mod queue;
mod records;
mod send;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use crds::{NotificationChannel, Release};
use futures::{Stream, StreamExt, pin_mut};
use kube::{Api, Client, Resource, ResourceExt, core::DeserializeGuard, runtime::watcher};
use planner::Journal;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use crate::{api::Kube, context::Clock, outbound::Post, telemetry::Telemetry, watch::supervised};
use courier::{Courier, News};
use notices::{Told, notices};

/// What every courier needs.
pub struct Office {
    /// The API server.
    pub kube: Kube,
    /// Carries messages.
    pub post: Arc<dyn Post>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub telemetry: Telemetry,
    /// The controller's own namespace, whose channels hear of all others.
    pub namespace: String,
    /// The name of the cluster, where it has one.
    pub cluster: Option<String>,
}

impl Office {
    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }
}

/// Where passes say what happened. Saying it takes no time; with nobody to hear it, it is forgotten.
#[derive(Clone, Default)]
pub struct Notifier {
    cluster: Option<String>,
    sender: Option<UnboundedSender<Arc<Vec<Told>>>>,
}

/// The other end of a [`Notifier`].
pub struct Happenings(UnboundedReceiver<Arc<Vec<Told>>>);

impl Notifier {
    /// A notifier and what comes out of it.
    pub fn new(cluster: Option<String>) -> (Self, Happenings) {
        let (sender, receiver) = unbounded_channel();
        (Self { cluster, sender: Some(sender) }, Happenings(receiver))
    }

    /// Tells what is new in a journal that was written.
    pub fn tell(&self, release: &Release, before: &Journal, next: &Journal) {
        let Some(sender) = &self.sender else { return };
        let told = notices(self.cluster.as_deref(), release, next, before.noted());
        if !told.is_empty() {
            // Nobody listens only while the controller ends.
            let _ = sender.send(Arc::new(told));
        }
    }
}

/// Keeps a courier for each channel, and gives them what happens; ends only when it is dropped, with all couriers.
pub async fn run(office: Arc<Office>, watches: Client, happenings: Happenings) {
    let api = Api::<DeserializeGuard<NotificationChannel>>::all(watches);
    let channels =
        supervised("notificationchannels", move || watcher(api.clone(), watcher::Config::default().timeout(55)));
    couriers(office, channels, happenings).await;
}

type Guarded = DeserializeGuard<NotificationChannel>;

async fn couriers(
    office: Arc<Office>,
    channels: impl Stream<Item = Result<watcher::Event<Guarded>, watcher::Error>>,
    Happenings(mut happenings): Happenings,
) {
    let (mut all, mut tasks) = (BTreeMap::<String, Desk>::new(), JoinSet::new());
    pin_mut!(channels);
    let mut listed = Vec::new();
    loop {
        tokio::select! {
            biased;
            event = channels.next() => match event {
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => {
                    listed.push(key(&object));
                    apply(&office, &mut all, &mut tasks, object);
                }
                Some(Ok(watcher::Event::InitDone)) => all.retain(|key, _| listed.contains(key)),
                Some(Ok(watcher::Event::Apply(object))) => apply(&office, &mut all, &mut tasks, object),
                Some(Ok(watcher::Event::Delete(object))) => drop(all.remove(&key(&object))),
                // It was told where the watch is supervised.
                Some(Err(_)) => {}
                None => return,
            },
            Some(told) = happenings.recv() => {
                for desk in all.values().filter(|desk| desk.hears_of(&office, &told)) {
                    let _ = desk.news.send(News::Happened(told.clone()));
                }
            }
            Some(ended) = tasks.join_next() => {
                if let Err(defect) = ended {
                    let error = &defect as &dyn std::error::Error;
                    tracing::error!(error, "a channel brings out a defect of the controller, and is not told until it is changed; please report it");
                    all.retain(|_, desk| !desk.news.is_closed());
                }
            }
        }
    }
}

/// A courier that works; without its desk it ends.
struct Desk {
    namespace: String,
    uid: Option<String>,
    generation: Option<i64>,
    news: UnboundedSender<News>,
}

impl Desk {
    /// All notices of one telling are of one release.
    fn hears_of(&self, office: &Office, told: &[Told]) -> bool {
        self.namespace == office.namespace || told.first().is_some_and(|t| t.notice.namespace == self.namespace)
    }
}

fn key(object: &Guarded) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn apply(office: &Arc<Office>, all: &mut BTreeMap<String, Desk>, tasks: &mut JoinSet<()>, object: Guarded) {
    let key = key(&object);
    let (uid, generation) = (object.uid(), object.meta().generation);
    let object = match object.0 {
        Ok(object) => object,
        Err(invalid) => {
            tracing::warn!(channel = key, error = invalid.error, "a NotificationChannel cannot be read");
            return;
        }
    };
    match all.get_mut(&key).filter(|desk| desk.uid == uid) {
        // Its status is the courier's own.
        Some(desk) if desk.generation == generation => {}
        Some(desk) => {
            desk.generation = generation;
            let _ = desk.news.send(News::Changed(Box::new(object)));
        }
        None => {
            let (news, heard) = unbounded_channel();
            let namespace = object.namespace().unwrap_or_default();
            tasks.spawn(Courier::new(office.clone(), object).run(heard));
            all.insert(key, Desk { namespace, uid, generation, news });
        }
    }
}
