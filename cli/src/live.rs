//! A policy and what belongs to it, kept up to date by watches.

use std::collections::BTreeMap;

use crds::{Release, RolloutPolicy, names};
use futures::{
    StreamExt,
    stream::{BoxStream, SelectAll, select_all},
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;

use crate::{
    app::App,
    facts::Facts,
    failure::{Failure, refused},
};

/// Something of the policy changed.
enum Change {
    Policy(Box<Event<RolloutPolicy>>),
    Release(Box<Event<Release>>),
    Workload(Box<Event<Deployment>>),
    Pod(Box<Event<Pod>>),
    /// A watch of this failed; it begins again by itself.
    Failed(&'static str, watcher::Error),
}

/// The objects of one kind, as a watch tells them.
struct Shelf<K> {
    /// None before the first list.
    there: Option<BTreeMap<String, K>>,
    coming: BTreeMap<String, K>,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self { there: None, coming: BTreeMap::new() }
    }
}

impl<K: ResourceExt> Shelf<K> {
    fn take(&mut self, event: Event<K>) {
        match event {
            Event::Init => self.coming.clear(),
            Event::InitApply(object) => drop(self.coming.insert(object.name_any(), object)),
            Event::InitDone => self.there = Some(std::mem::take(&mut self.coming)),
            Event::Apply(object) => drop(self.there.get_or_insert_default().insert(object.name_any(), object)),
            Event::Delete(object) => drop(self.there.get_or_insert_default().remove(&object.name_any())),
        }
    }
}

/// What is watched besides the policy and its releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Besides {
    /// Nothing.
    Nothing,
    /// The workload; it must be allowed.
    Workload,
    /// Workload and pods, as far as they may be read.
    Pods,
}

/// Watches of one policy.
pub struct Live {
    name: String,
    changes: SelectAll<BoxStream<'static, Change>>,
    policies: Shelf<RolloutPolicy>,
    releases: Shelf<Release>,
    workloads: Shelf<Deployment>,
    pods: Shelf<Pod>,
    besides: Besides,
    unseen: Vec<&'static str>,
    trouble: Option<String>,
}

impl Live {
    /// Begins to watch a policy and the workload that it names.
    pub fn start(app: &App, name: &str, workload: &str, besides: Besides) -> Self {
        let own = format!("{}={name}", names::POLICY);
        let by_name = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut streams = vec![
            watched("RolloutPolicies", app.api(), by_name(name), Change::Policy),
            watched("Releases", app.api(), watcher::Config::default().labels(&own), Change::Release),
        ];
        if besides != Besides::Nothing {
            streams.push(watched("Deployments", app.api(), by_name(workload), Change::Workload));
        }
        if besides == Besides::Pods {
            let labels = format!("{own},{}", names::REVISION);
            streams.push(watched("Pods", app.api(), watcher::Config::default().labels(&labels), Change::Pod));
        }
        Self {
            name: name.into(),
            changes: select_all(streams),
            policies: Shelf::default(),
            releases: Shelf::default(),
            workloads: Shelf::default(),
            pods: Shelf::default(),
            besides,
            unseen: Vec::new(),
            trouble: None,
        }
    }

    /// Waits for the next change. Never ends while the watches can go on.
    ///
    /// # Errors
    /// When something may not be watched that must be, or is not known to the cluster.
    pub async fn changed(&mut self) -> Result<(), Failure> {
        let Some(change) = self.changes.next().await else {
            return Err(Failure::error(format!("watching RolloutPolicy {}: the watches ended", self.name)));
        };
        match change {
            Change::Failed(kind, error) => return self.failed(kind, &error),
            Change::Policy(event) => self.policies.take(*event),
            Change::Release(event) => self.releases.take(*event),
            Change::Workload(event) => self.workloads.take(*event),
            Change::Pod(event) => self.pods.take(*event),
        }
        self.trouble = None;
        Ok(())
    }

    fn failed(&mut self, kind: &'static str, error: &watcher::Error) -> Result<(), Failure> {
        let denied = denied(error);
        let optional = self.besides == Besides::Pods && matches!(kind, "Pods" | "Deployments");
        match denied {
            Some(_) if optional => {
                self.unseen.push(kind);
                Ok(())
            }
            Some(denied) => Err(refused(&format!("watching {kind}"), denied)),
            // The connection broke, or the server restarts: the watch goes on by itself.
            None => {
                self.trouble = Some(format!("watching {kind}: {}", crate::failure::causes(error)));
                Ok(())
            }
        }
    }

    /// Why nothing may be coming, while that is so.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What is known; none before everything was seen once. The policy is none where it is gone.
    pub fn facts(&self) -> Option<Option<Facts>> {
        let seen = |kind, there| there || self.unseen.contains(&kind);
        let workload = self.besides == Besides::Nothing || seen("Deployments", self.workloads.there.is_some());
        let pods = self.besides != Besides::Pods || seen("Pods", self.pods.there.is_some());
        let (policies, releases) = (self.policies.there.as_ref()?, self.releases.there.as_ref()?);
        if !workload || !pods {
            return None;
        }
        let Some(policy) = policies.get(&self.name) else { return Some(None) };
        let mut facts = Facts::new(policy.clone(), releases.values().cloned().collect());
        facts.workload = self.workloads.there.as_ref().and_then(|w| w.values().next().cloned());
        facts.pods = self.pods.there.as_ref().map(|pods| pods.values().cloned().collect());
        Some(Some(facts))
    }
}

fn watched<K>(
    kind: &'static str,
    api: Api<K>,
    config: watcher::Config,
    change: fn(Box<Event<K>>) -> Change,
) -> BoxStream<'static, Change>
where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    // Shorter than the connection's own limit for silence.
    let stream = watcher(api, config.timeout(280)).default_backoff();
    stream
        .map(move |event| event.map_or_else(|error| Change::Failed(kind, error), |event| change(Box::new(event))))
        .boxed()
}

/// The answer of the API server, where trying again changes nothing.
fn denied(error: &watcher::Error) -> Option<&kube::Error> {
    let source = match error {
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => source,
        _ => return None,
    };
    matches!(source, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404)).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_made_anew_replaces_what_was_known_once_it_is_complete() {
        let named = |name: &str| Pod {
            metadata: kube::api::ObjectMeta { name: Some(name.into()), ..Default::default() },
            ..Pod::default()
        };
        let names =
            |shelf: &Shelf<Pod>| shelf.there.as_ref().map(|there| there.keys().cloned().collect::<Vec<_>>().join(" "));
        let mut shelf = Shelf::default();
        shelf.take(Event::Init);
        shelf.take(Event::InitApply(named("a")));
        assert_eq!(names(&shelf), None, "there may be more");
        shelf.take(Event::InitDone);
        shelf.take(Event::Apply(named("b")));
        assert_eq!(names(&shelf).as_deref(), Some("a b"));
        // The watch was away while a went and c came.
        shelf.take(Event::Init);
        shelf.take(Event::InitApply(named("c")));
        assert_eq!(names(&shelf).as_deref(), Some("a b"));
        shelf.take(Event::InitDone);
        assert_eq!(names(&shelf).as_deref(), Some("c"));
        shelf.take(Event::Delete(named("c")));
        assert_eq!(names(&shelf).as_deref(), Some(""));
    }
}
