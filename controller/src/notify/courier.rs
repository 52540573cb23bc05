//! One channel's courier: takes what happened, and sends it for as long as it takes. It is in no release's way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use crds::{Delivery, NotificationChannel, NotificationChannelStatus, Release, delivery::Told as Progressed};
use kube::{Api, ResourceExt};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    Office,
    channel::{Channel, since},
    health::{Health, worth_writing},
    notices::{Told, notices},
    queue::{Key, Queue},
    records,
    send::{Outcome, send},
};
use crate::{
    api::{self, Error},
    observe::journal,
};

/// Releases that are read at a time.
const PAGE: u32 = 50;
/// Between attempts to learn what was told before.
const AGAIN: Duration = Duration::from_secs(5);

/// What a courier hears.
pub enum News {
    /// Something happened in a release.
    Happened(Arc<Vec<Told>>),
    /// The channel was written anew.
    Changed(Box<NotificationChannel>),
}

/// One channel's courier.
pub struct Courier {
    office: Arc<Office>,
    object: NotificationChannel,
    channel: Result<Channel, String>,
    queue: Queue,
    health: Health,
    status: NotificationChannelStatus,
    status_written: Option<DateTime<Utc>>,
}

impl Courier {
    /// A courier who knows nothing yet.
    pub fn new(office: Arc<Office>, object: NotificationChannel) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let mut courier = Self {
            office,
            channel: Err(String::new()),
            queue: Queue::default(),
            health: Health::default(),
            status,
            status_written: None,
            object: object.clone(),
        };
        courier.change(object);
        courier
    }

    /// Works until nobody has news for it any more.
    pub async fn run(mut self, mut news: UnboundedReceiver<News>) {
        while let Err(error) = self.catch_up().await {
            if news.is_closed() {
                return;
            }
            let title = self.title();
            tracing::warn!(
                channel = title,
                error = &error as &dyn std::error::Error,
                "what was told before is not known yet"
            );
            tokio::time::sleep(AGAIN).await;
        }
        loop {
            self.tell_status().await;
            let now = self.office.now();
            let due = self.queue.due(now).map(|at| (at - now).max(TimeDelta::zero()).to_std().unwrap_or_default());
            let idle = due.is_none();
            tokio::select! {
                biased;
                heard = news.recv() => match heard {
                    Some(News::Happened(told)) => self.hear(&told),
                    Some(News::Changed(object)) => self.change(*object),
                    None => return,
                },
                () = tokio::time::sleep(due.unwrap_or_default()), if !idle => self.deliver().await,
            }
            self.write_down().await;
        }
    }

    /// What happened while nobody could be told, after what is written down.
    async fn catch_up(&mut self) -> Result<(), Error> {
        let (releases, deliveries) = match self.reach() {
            Some(namespace) => (self.office.kube.of::<Release>(namespace), self.office.kube.of::<Delivery>(namespace)),
            None => (Api::all(self.office.kube.client()), Api::all(self.office.kube.client())),
        };
        let told = records::read(&api::list(&deliveries, "").await?, &self.key());
        let mut next = None;
        loop {
            // Releases are large, and there may be thousands.
            let page = api::page(&releases, PAGE, next.as_deref()).await?;
            self.look_through(page.items, &told);
            next = page.metadata.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(());
            }
        }
    }

    fn look_through(&mut self, releases: Vec<Release>, told: &BTreeMap<Key, Progressed>) {
        let since = since(&self.object);
        for release in releases {
            let key = (release.namespace().unwrap_or_default(), release.uid().unwrap_or_default());
            let journal = journal(&release);
            let (known, thread) = match told.get(&key) {
                Some(told) => (told.up_to, told.thread.clone()),
                // What happened before there was a channel is not told.
                None => (
                    journal.entries_after(0).take_while(|(_, e)| e.at < since).count() as u64 + journal.forgotten,
                    None,
                ),
            };
            if journal.finished() && known >= journal.noted() {
                continue;
            }
            self.queue.remember(key, known, thread, self.office.now());
            self.hear(&notices(self.office.cluster.as_deref(), &release, journal, known));
        }
    }

    /// The namespace whose releases it tells of; `None` for all.
    fn reach(&self) -> Option<&str> {
        let own = self.object.metadata.namespace.as_deref().unwrap_or_default();
        (own != self.office.namespace).then_some(own)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.object.namespace().unwrap_or_default(), self.object.name_any())
    }

    fn title(&self) -> String {
        format!("NotificationChannel {}", self.key())
    }

    fn hear(&mut self, all: &[Told]) {
        for told in all {
            let takes = self.channel.as_ref().map_or(true, |c| c.takes(&told.notice));
            self.queue.add(told.clone(), takes);
        }
    }

    fn change(&mut self, object: NotificationChannel) {
        self.channel = Channel::parse(&object);
        self.object = object;
        match &self.channel {
            Ok(_) => self.health.changed(),
            Err(why) => self.health = Health::broken(why),
        }
        self.queue.hopeful();
    }

    /// Sends what is due, once.
    async fn deliver(&mut self) {
        let now = self.office.now();
        let Some((notice, thread)) = self.queue.next(now) else { return };
        let outcome = match &self.channel {
            // It waited while the channel said otherwise, or could not be read.
            Ok(channel) if !channel.takes(&notice) => return self.queue.delivered(&notice, None),
            Ok(channel) => {
                let plainly = self.queue.was_refused(&notice);
                let what = (&notice, thread.as_deref());
                send(self.office.post.as_ref(), channel, what, plainly, now).await
            }
            Err(why) => Outcome::Misconfigured(why.clone()),
        };
        let now = self.office.now();
        match &outcome {
            Outcome::Delivered(thread) => self.queue.delivered(&notice, thread.clone()),
            Outcome::Failed(_, after) => self.queue.failed(now, *after),
            Outcome::Misconfigured(_) => self.queue.failed(now, None),
            Outcome::Refused(_) => self.queue.refused(&notice, now),
        }
        self.office.telemetry.notified(self.channel.as_ref().map_or("none", |c| c.target.word()), outcome.word());
        self.log(&notice.id, &outcome);
        self.health.sent(&outcome, now);
    }

    fn log(&self, id: &str, outcome: &Outcome) {
        let title = self.title();
        match outcome {
            Outcome::Delivered(_) => tracing::info!(channel = title, notice = id, "told"),
            Outcome::Failed(why, _) | Outcome::Misconfigured(why) | Outcome::Refused(why) => {
                tracing::warn!(channel = title, notice = id, why, outcome = outcome.word(), "not told yet");
            }
        }
    }

    /// Writes down how far it came; what cannot be written now is written with the next.
    async fn write_down(&mut self) {
        for progress in self.queue.unwritten() {
            match records::write(&self.office.kube, &self.key(), &progress, self.office.now()).await {
                Ok(()) => self.queue.written(&progress),
                Err(error) => {
                    let (title, release) = (self.title(), &progress.release);
                    tracing::warn!(
                        channel = title,
                        release,
                        error = &error as &dyn std::error::Error,
                        "how far it was told could not be written down"
                    );
                    return;
                }
            }
        }
    }

    async fn tell_status(&mut self) {
        let (now, generation) = (self.office.now(), self.object.metadata.generation.unwrap_or_default());
        let numbers = (self.queue.pending(), self.queue.dropped());
        let next = self.health.status(&self.status, numbers, generation, now);
        if !worth_writing(&self.status, &next, self.status_written, now) {
            return;
        }
        self.status_written = Some(now);
        match records::tell(&self.office.kube, &self.object, &next).await {
            Ok(()) => self.status = next,
            Err(error) => {
                let title = self.title();
                tracing::warn!(
                    channel = title,
                    error = &error as &dyn std::error::Error,
                    "the channel's status could not be written"
                );
            }
        }
    }
}
