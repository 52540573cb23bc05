//! Good objects, and what comes of changing them.

use anyhow::{Context, Result, bail};
use http::Method;
use kind_tests::{
    app::set,
    cluster::connect,
    namespace::Namespace,
    raw,
    wait::{Seen, secs, wait_for},
};
use kube::{Client, core::Status};
use serde_json::{Value, json};

/// The files in `good/`, by name.
const GOOD: [(&str, &str); 27] = [
    ("policy-canary", include_str!("good/policy-canary.yaml")),
    ("policy-linear", include_str!("good/policy-linear.yaml")),
    ("policy-blue-green", include_str!("good/policy-blue-green.yaml")),
    ("policy-routes", include_str!("good/policy-routes.yaml")),
    ("policy-own-route", include_str!("good/policy-own-route.yaml")),
    ("policy-own-virtual-service", include_str!("good/policy-own-virtual-service.yaml")),
    ("policy-istio", include_str!("good/policy-istio.yaml")),
    ("policy-treated", include_str!("good/policy-treated.yaml")),
    ("policy-linkerd", include_str!("good/policy-linkerd.yaml")),
    ("policy-sticky", include_str!("good/policy-sticky.yaml")),
    ("policy-sticky-routes", include_str!("good/policy-sticky-routes.yaml")),
    ("policy-ab", include_str!("good/policy-ab.yaml")),
    ("policy-picks", include_str!("good/policy-picks.yaml")),
    ("policy-mirror", include_str!("good/policy-mirror.yaml")),
    ("policy-approvals", include_str!("good/policy-approvals.yaml")),
    ("policy-webhooks", include_str!("good/policy-webhooks.yaml")),
    ("policy-windows", include_str!("good/policy-windows.yaml")),
    ("policy-minimal", include_str!("good/policy-minimal.yaml")),
    ("release", include_str!("good/release.yaml")),
    ("decision", include_str!("good/decision.yaml")),
    ("decision-approve", include_str!("good/decision-approve.yaml")),
    ("suite", include_str!("good/suite.yaml")),
    ("source-token", include_str!("good/source-token.yaml")),
    ("source-password", include_str!("good/source-password.yaml")),
    ("template", include_str!("good/template.yaml")),
    ("channel-bot", include_str!("good/channel-bot.yaml")),
    ("delivery", include_str!("good/delivery.yaml")),
];

/// A channel whose endpoint has everything.
const CHANNEL: &str = include_str!("good/channel.yaml");

/// An object that nothing is wrong with.
#[derive(Clone, Debug)]
pub struct Good {
    pub file: &'static str,
    pub plural: String,
    pub object: Value,
}

/// All of them.
pub fn all() -> Vec<Good> {
    let definitions = crds::all();
    let good = GOOD.iter().map(|(file, text)| {
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let definition = definitions.iter().find(|d| object["kind"] == d.spec.names.kind).unwrap();
        Good { file, plural: definition.spec.names.plural.clone(), object }
    });
    good.chain(channels()).collect()
}

/// Channels of every kind, with the endpoint's address written out and from a Secret.
fn channels() -> Vec<Good> {
    let object: Value = serde_saphyr::from_str(CHANNEL).unwrap();
    let base = Good { file: "channel-webhook", plural: "notificationchannels".into(), object };
    let endpoint = base.object["spec"]["webhook"]["endpoint"].clone();
    let mut hidden = endpoint.clone();
    set(&mut hidden, "/url", Value::Null);
    set(&mut hidden, "/urlFrom", json!({ "name": "hooks", "key": "url" }));
    let to = |file, pointer: &str, endpoint: &Value| {
        let to = Good { file, ..base.clone() };
        to.with(&[("/spec/webhook", Value::Null), (pointer, endpoint.clone())])
    };
    vec![
        to("channel-webhook-secret", "/spec/webhook", &json!({ "endpoint": hidden })),
        to("channel-teams", "/spec/teams", &endpoint),
        to("channel-teams-secret", "/spec/teams", &hidden),
        to("channel-discord", "/spec/discord", &endpoint),
        to("channel-discord-secret", "/spec/discord", &hidden),
        to("channel-slack", "/spec/slack", &json!({ "webhook": endpoint })),
        to("channel-slack-secret", "/spec/slack", &json!({ "webhook": hidden })),
        base,
    ]
}

/// The one in that file.
pub fn good(file: &str) -> Good {
    all().into_iter().find(|g| g.file == file).unwrap_or_else(|| panic!("no good/{file}.yaml"))
}

impl Good {
    /// With changes at JSON pointers; `null` takes away.
    pub fn with(mut self, changes: &[(&str, Value)]) -> Self {
        for (pointer, value) in changes {
            set(&mut self.object, pointer, value.clone());
        }
        self
    }

    /// Creates it for show, as `kubectl` does it: unknown fields are an error.
    pub async fn try_on(&self, ns: &Namespace) -> Result<Result<Value, Box<Status>>> {
        let path = format!("{}?dryRun=All&fieldValidation=Strict", raw::sluice(&ns.name, &self.plural));
        raw::send(&ns.client, Method::POST, &path, &self.object).await
    }

    /// Creates it.
    pub async fn create_in(&self, ns: &Namespace) -> Result<Value> {
        let path = format!("{}?fieldValidation=Strict", raw::sluice(&ns.name, &self.plural));
        Ok(raw::send(&ns.client, Method::POST, &path, &self.object).await??)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap()
    }
}

/// What the API server has against an object: field and sentence, by which it is refused.
pub fn causes(status: &Status) -> Vec<(String, String)> {
    let causes = status.details.iter().flat_map(|d| &d.causes);
    causes.map(|c| (c.field.clone(), c.message.clone())).collect()
}

/// The definitions in place, as they are in this tree.
pub async fn installed() -> Result<Client> {
    let client = connect().await?;
    for definition in crds::all() {
        let name = format!("{}.sluice.dev", definition.spec.names.plural);
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        let mut definition = serde_json::to_value(definition)?;
        set(&mut definition, "/apiVersion", json!("apiextensions.k8s.io/v1"));
        set(&mut definition, "/kind", json!("CustomResourceDefinition"));
        // So that the chart can be installed afterwards as well as before.
        set(&mut definition, "/metadata/labels", json!({ "app.kubernetes.io/managed-by": "Helm" }));
        let release =
            json!({ "meta.helm.sh/release-name": "sluice", "meta.helm.sh/release-namespace": "sluice-system" });
        set(&mut definition, "/metadata/annotations", release);
        if let Err(status) = raw::apply(&client, "kind-tests", &path, &definition).await? {
            bail!("the API server refuses {name}: {}", status.message);
        }
        wait_for(&format!("{name} to be served"), secs(30), async || {
            let now = raw::send(&client, Method::GET, &path, &Value::Null).await?.map_err(|s| Seen::yet(s.message))?;
            let conditions = now["status"]["conditions"].as_array().cloned().unwrap_or_default();
            match conditions.iter().find(|c| c["type"] == "Established" && c["status"] == "True") {
                Some(_) => Ok(()),
                None => Err(Seen::yet(now["status"]["conditions"].to_string())),
            }
        })
        .await
        .context("custom resource definitions")?;
    }
    Ok(client)
}
