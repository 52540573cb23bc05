//! Looking at everything, showing it, and waiting for what must come.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use apps::clock;
use chrono::{DateTime, Utc};
use crds::Release;
use kind_tests::wait::{Seen, wait_for};
use kube::{ResourceExt, api::ListParams};
use tokio::time::sleep;

use crate::{
    identity::Identities,
    row::Row,
    screen::Screen,
    shares::{Recent, Steps},
    shop::Shop,
    sight::Sight,
};

/// Between two looks.
const TICK: Duration = Duration::from_millis(400);

/// Where the story is played.
pub struct Stage {
    /// The namespace.
    pub shop: Shop,
    /// What the user sees.
    pub screen: Screen,
    /// Who answered.
    pub identities: Identities,
    /// What was measured while each step was in force.
    pub steps: Steps,
    /// Whether the load is there.
    pub loaded: bool,
    recent: Recent,
    /// Releases of earlier parts of the story.
    known: BTreeSet<String>,
}

impl Stage {
    /// An empty one.
    pub fn new(shop: Shop, screen: Screen) -> Self {
        Self {
            shop,
            screen,
            identities: Identities::default(),
            steps: Steps::default(),
            loaded: false,
            recent: Recent::default(),
            known: BTreeSet::new(),
        }
    }

    /// Begins a part of the story: the releases there are belong to those before.
    pub async fn begin(&mut self, title: &str) -> Result<()> {
        let releases = self.shop.ns.api::<Release>().list(&ListParams::default()).await?;
        self.known = releases.iter().map(ResourceExt::name_any).collect();
        self.steps = Steps::default();
        self.screen.head(title);
        Ok(())
    }

    /// Looks and shows what is seen until what is waited for is there.
    pub async fn until<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        mut there: impl AsyncFnMut(&Sight, &Shop) -> Result<T, Seen>,
    ) -> Result<T> {
        wait_for(what, deadline, async || {
            let sight = self.look().await?;
            let seen = there(&sight, &self.shop).await;
            if let Err(Seen::Yet(_)) = seen {
                sleep(TICK).await;
            }
            seen
        })
        .await
    }

    async fn look(&mut self) -> Result<Sight> {
        let sight = Sight::read(&self.shop, self.loaded, &self.known).await?;
        if let Some(report) = &sight.report {
            self.recent.take(report);
            for (service, target) in &report.targets {
                self.identities.learn(&self.shop, service, &target.counts).await;
            }
        }
        let now =
            i64::try_from(clock::unix_ms()).ok().and_then(DateTime::<Utc>::from_timestamp_millis).unwrap_or_default();
        let mut rows = Vec::new();
        for service in &sight.services {
            let release = service.release.as_ref();
            let candidate = release.and_then(|r| r.spec.to.as_ref()).map(|to| to.revision.to_string());
            if let (Some(candidate), Some(status)) = (&candidate, release.and_then(|r| r.status.as_ref())) {
                self.steps.take(service, candidate, &status.journal, &self.recent);
            }
            let counts = self.recent.counts(&service.name);
            let measured = candidate.zip(counts).map(|(id, counts)| self.identities.share(&service.name, &id, &counts));
            rows.push(Row::new(service, measured, now));
        }
        self.screen.show(&rows, sight.report.as_ref());
        Ok(sight)
    }
}
