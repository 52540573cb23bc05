//! Many objects at rest, each with a Deployment, a Service and one pod on a node that runs nothing.

mod figures;
mod keeper;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{self as core, Service},
};
use kind_tests::prelude::*;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::sleep;

pub use figures::image;
pub use keeper::Keeper;

use crate::{node, peer::create, progress::say};

/// Objects in one namespace.
const TOGETHER: usize = 200;
/// Objects that are created at the same time.
const AT_ONCE: usize = 8;
/// Between two looks at all of them.
const PAUSE: Duration = secs(2);

/// Applications in the care of one controller.
pub struct Fleet {
    client: Client,
    keeper: Keeper,
    size: usize,
}

impl Fleet {
    /// None yet.
    pub fn new(client: Client, keeper: Keeper) -> Self {
        Self { client, keeper, size: 0 }
    }

    /// Adds applications until there are so many, and waits until all are settled.
    ///
    /// # Errors
    ///
    /// When one does not settle.
    pub async fn grow(&mut self, size: usize) -> Result<()> {
        say(&format!("{} until there are {size}, their pods on a node that runs nothing", self.keeper.things()));
        for number in self.size.div_ceil(TOGETHER)..size.div_ceil(TOGETHER) {
            let namespace = json!({ "metadata": { "name": self.namespace(number).name } });
            let api = Api::<core::Namespace>::all(self.client.clone());
            api.create(&PostParams::default(), &serde_json::from_value(namespace)?)
                .await
                .context("adding a namespace")?;
        }
        let all = stream::iter(self.size..size).map(|number| self.add(number));
        all.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        self.size = size;
        say(&format!("  {size} made; waiting until all are settled"));
        let mut told = 0;
        wait_for("all to be settled", secs(600), async || {
            sleep(PAUSE).await;
            let (settled, why) = self.keeper.settled(&self.client).await?;
            if settled == size {
                return Ok(());
            }
            if settled >= told + 100 {
                told = settled;
                say(&format!("  {told} settled"));
            }
            Err(Seen::yet(format!("{settled} of {size}{why}")))
        })
        .await
    }

    fn namespace(&self, number: usize) -> Namespace {
        Namespace { client: self.client.clone(), name: format!("{}{number}", self.keeper.prefix()) }
    }

    async fn add(&self, number: usize) -> Result<()> {
        let (name, ns) = (format!("app-{number}"), self.namespace(number / TOGETHER));
        let app = self.keeper.app(&name);
        let mut deployment = app.deployment();
        let template = &mut deployment["spec"]["template"];
        // There is nothing to scrape.
        template["metadata"]["annotations"] = Value::Null;
        template["spec"]["nodeName"] = node::NAME.into();
        template["spec"]["terminationGracePeriodSeconds"] = 0.into();
        ns.create_object::<Service>(app.service()).await?;
        ns.create_object::<Deployment>(deployment).await?;
        for object in self.keeper.objects(&app, &name) {
            create(&ns, &object).await?;
        }
        Ok(())
    }

    /// Deletes all of it and waits until it is gone, so that it costs nothing while others are measured.
    ///
    /// # Errors
    ///
    /// When it does not go.
    pub async fn remove(self) -> Result<()> {
        say(&format!("  removing {} {}", self.size, self.keeper.things()));
        let api = Api::<core::Namespace>::all(self.client.clone());
        for number in 0..self.size.div_ceil(TOGETHER) {
            api.delete(&self.namespace(number).name, &DeleteParams::background()).await?;
        }
        wait_for("their namespaces to be gone", secs(600), async || {
            sleep(PAUSE).await;
            let namespaces = api.list(&ListParams::default()).await?;
            let left = namespaces.iter().filter_map(|n| n.metadata.name.as_deref());
            match left.filter(|name| name.starts_with(self.keeper.prefix())).count() {
                0 => Ok(()),
                left => Err(Seen::yet(format!("{left} namespaces"))),
            }
        })
        .await
    }
}
