//! What wakes a policy up: changes of anything that its plan looks at. Nothing is polled while nothing happens.
//!
//! Watches carry metadata only, but for the policies themselves; whatever decides is read afresh in the pass.

use std::{fmt::Debug, sync::Arc, time::Duration};

use crds::{Decision, Release, RolloutPolicy, names};
use futures::{Stream, StreamExt, channel::mpsc::UnboundedReceiver, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Namespace, Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, Predicate as _, WatchStreamExt as _, controller, predicates, reflector,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;

use crate::{
    context::Context,
    reconcile::{pause_after, reconcile},
};

/// A policy, or what could be read of one: a single object that cannot be parsed must not end the watch.
type Guarded = DeserializeGuard<RolloutPolicy>;
type Wake = ObjectRef<Guarded>;

/// Passes that may run at the same time.
const CONCURRENCY: u16 = 16;
/// Changes that come together are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Errors in a row after which a watch is begun anew, with a list: a watcher that is refused with 410 at its start never lists again.
const PATIENCE: u32 = 3;

/// The controller's loop; it ends only when it is dropped.
pub fn run(
    watches: Client,
    context: Arc<Context>,
    woken: UnboundedReceiver<ObjectRef<RolloutPolicy>>,
) -> impl Stream<Item = ()> {
    let (reader, writer) = reflector::store::<Guarded>();
    let main = {
        let api = Api::<Guarded>::all(watches.clone());
        supervised("rolloutpolicies", move || watcher(api.clone(), config()))
    };
    let others = wakers(&watches, &reader, &context.home);
    let woken = woken.map(|policy| Wake::new(&policy.name).within(policy.namespace.as_deref().unwrap_or_default()));
    let errors = context.clone();
    // The status of a policy is ours: writing it is no reason to look again.
    let wished = predicates::generation.combine(predicates::finalizers);
    let slim = main.modify(|policy| {
        policy.meta_mut().managed_fields = None; // Larger than all the rest, and nobody asks for them.
    });
    let policies = reflector(writer, slim).applied_objects().predicate_filter(wished, Default::default());
    Controller::for_stream(policies, reader)
        .with_config(controller::Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .reconcile_on(stream::select(woken, others))
        .run(
            |policy, context| async move {
                match policy.0.clone() {
                    Ok(policy) => reconcile(Arc::new(policy), context).await,
                    Err(invalid) => {
                        Err(crate::api::Error::Invalid(format!("policy cannot be read: {}", invalid.error)))
                    }
                }
            },
            move |policy, error, _| {
                pause_after(&policy.name_any(), &policy.namespace().unwrap_or_default(), error, &errors)
            },
            context,
        )
        .map(|_| ())
}

fn config() -> watcher::Config {
    watcher::Config::default().timeout(55)
}

/// Every watch besides the one on policies, as a stream of the policies that it concerns.
fn wakers(client: &Client, policies: &Store<Guarded>, home: &str) -> impl Stream<Item = Wake> + Send + 'static {
    let ours = || config().labels(names::POLICY);
    let by = |wakes: fn(&RolloutPolicy, &str) -> bool| {
        let policies = policies.clone();
        move |object: &dyn Named| matching(&policies, object, wakes)
    };
    let frozen = {
        let (policies, home) = (policies.clone(), home.to_owned());
        move |namespace: &dyn Named| within(&policies, &namespace.name(), &home)
    };
    let labelled = |object: &dyn Named| object.policy_label().into_iter().collect::<Vec<_>>();
    stream::select_all([
        waker::<Pod>(client, ours(), labelled),
        waker::<Job>(client, ours(), labelled),
        waker::<EndpointSlice>(client, ours(), labelled),
        waker::<Release>(client, ours(), labelled),
        waker::<Deployment>(client, config(), both(labelled, by(|p, name| p.spec.workload.name == name))),
        waker::<Service>(client, config(), both(labelled, by(|p, name| p.spec.service.name == name))),
        waker::<Namespace>(client, config(), frozen),
        waker::<ConfigMap>(client, config(), by(tracks)),
        waker::<Decision>(client, config(), by(|p, _| p.status.as_ref().is_some_and(|s| s.release.is_some()))),
        waker::<RolloutPolicy>(client, config(), by(|p, name| p.spec.depends_on.iter().flatten().any(|d| d == name))),
    ])
}

/// Whether a ConfigMap belongs to the revisions of a policy, or one that is missing holds it up.
fn tracks(policy: &RolloutPolicy, name: &str) -> bool {
    let Some(status) = &policy.status else { return false };
    let tracked = status.workload.as_ref().is_some_and(|w| w.config_maps.iter().any(|c| c == name));
    tracked || status.waiting.as_ref().is_some_and(|w| w.reason == "ConfigMissing")
}

fn both(
    one: impl Fn(&dyn Named) -> Vec<Wake> + Send + 'static,
    other: impl Fn(&dyn Named) -> Vec<Wake> + Send + 'static,
) -> impl Fn(&dyn Named) -> Vec<Wake> + Send + 'static {
    move |object| one(object).into_iter().chain(other(object)).collect()
}

/// What a mapper may ask of an object.
trait Named {
    fn name(&self) -> String;
    fn namespace(&self) -> String;
    fn policy_label(&self) -> Option<Wake>;
}

impl<K> Named for PartialObjectMeta<K>
where
    PartialObjectMeta<K>: Resource,
{
    fn name(&self) -> String {
        self.name_any()
    }

    fn namespace(&self) -> String {
        ResourceExt::namespace(self).unwrap_or_default()
    }

    fn policy_label(&self) -> Option<Wake> {
        let policy = self.meta().labels.as_ref()?.get(names::POLICY)?;
        Some(Wake::new(policy).within(&Named::namespace(self)))
    }
}

fn matching(policies: &Store<Guarded>, object: &dyn Named, wakes: fn(&RolloutPolicy, &str) -> bool) -> Vec<Wake> {
    let (name, namespace) = (object.name(), object.namespace());
    let all = policies.state();
    let near = all.iter().filter(|p| ResourceExt::namespace(p.as_ref()).as_deref() == Some(&namespace));
    near.filter(|p| p.0.as_ref().is_ok_and(|p| wakes(p, &name))).map(|p| Wake::from_obj(p.as_ref())).collect()
}

/// The policies that a freeze of a namespace holds: all of them, where it is the controller's own.
fn within(policies: &Store<Guarded>, namespace: &str, home: &str) -> Vec<Wake> {
    let all = policies.state();
    let held =
        all.iter().filter(|p| namespace == home || ResourceExt::namespace(p.as_ref()).as_deref() == Some(namespace));
    held.map(|p| Wake::from_obj(p.as_ref())).collect()
}

fn waker<K>(
    client: &Client,
    config: watcher::Config,
    map: impl Fn(&dyn Named) -> Vec<Wake> + Send + 'static,
) -> stream::BoxStream<'static, Wake>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api = Api::<PartialObjectMeta<K>>::all(client.clone());
    let events = supervised(std::any::type_name::<K>(), move || watcher(api.clone(), config.clone()));
    events
        .touched_objects()
        .filter_map(|object| std::future::ready(object.ok()))
        .flat_map(move |object| stream::iter(map(&object)))
        .boxed()
}

/// A watch that is begun anew, with a list, after some errors in a row.
pub(crate) fn supervised<T, S>(
    what: &'static str,
    make: impl Fn() -> S + Send + 'static,
) -> impl Stream<Item = Result<watcher::Event<T>, watcher::Error>> + Send
where
    T: Send + 'static,
    S: Stream<Item = Result<watcher::Event<T>, watcher::Error>> + Send + 'static,
{
    let begin = move || make().default_backoff().boxed();
    let first = begin();
    stream::unfold((first, begin, 0u32), move |(mut events, begin, mut errors)| async move {
        let item = events.next().await?;
        match &item {
            Ok(_) => errors = 0,
            Err(error) => {
                errors += 1;
                tracing::warn!(what, errors, error = error as &dyn std::error::Error, "a watch failed");
            }
        }
        if errors >= PATIENCE {
            events = begin();
            errors = 0;
        }
        Some((item, (events, begin, errors)))
    })
}
