//! What is written into routes, and into DestinationRules beside them, is valid in every version of their APIs.
//!
//! The providers' snapshots are the documents: each is a route as its owner wrote it, and the patch that divides it; or a rule of
//! ours, and the patch by which it follows another. Both,
//! and the routes of the sample distribution, are tried on a real API server that has one version's custom resource
//! definitions after the other. As they come and go, nothing in the cluster may use them: the test wants one without data
//! planes.
#![forbid(unsafe_code)]

use std::{collections::BTreeSet, fs, path::Path};

use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kind_tests::{
    kubectl::{kubectl, run},
    prelude::*,
    raw,
};
use kube::{Api, Client, ResourceExt, core::Status};
use serde_json::{Value, json};

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers/tests/snapshots");
const APIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/apis.sh");

/// Snapshots, by a part of their name, that take a newer version of the API than its first: in the standard channel, and in
/// the experimental one. docs/providers/gateway-api.md says so.
const SINCE: [(&str, Number, Number); 3] = [
    ("a_grpc_route", (1, 1), (1, 1)),
    // How many percent of the requests are copied.
    ("an_http_route_that_copies", (1, 3), (1, 2)),
    // The port of the Service that it is attached to.
    ("a_route_of_linkerds", (1, 1), (1, 0)),
];

/// Major and minor.
type Number = (u32, u32);

/// A version of an API.
struct Version {
    /// As people call it.
    name: String,
    group: &'static str,
    number: Number,
    experimental: bool,
    /// Its custom resource definitions.
    file: String,
}

/// The versions, with their definitions fetched.
async fn versions() -> anyhow::Result<Vec<Version>> {
    run(APIS, &[], "").await?.lines().map(version).collect()
}

/// From a line of `apis.sh`.
fn version(line: &str) -> anyhow::Result<Version> {
    let words: Vec<_> = line.split(' ').collect();
    let [api, number, channel, file] = words[..] else { anyhow::bail!("apis.sh prints {line:?}") };
    let group = match api {
        "gateway-api" => "gateway.networking.k8s.io",
        "istio" => "networking.istio.io",
        _ => anyhow::bail!("apis.sh prints {line:?}"),
    };
    let mut parts = number.trim_start_matches('v').split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
        anyhow::bail!("a version {number:?}")
    };
    let (name, experimental) = (format!("{api} {number} {channel}"), channel == "experimental");
    Ok(Version { name, group, number: (major, minor), experimental, file: file.to_owned() })
}

/// A route, and what is written into it.
struct Written {
    /// Where it comes from.
    snapshot: String,
    route: Value,
    patch: Value,
}

/// The routes of the sample distribution, as they are between releases.
async fn of_distribution() -> anyhow::Result<Vec<Written>> {
    let mut all = Vec::new();
    for provider in ["gateway-api", "istio"] {
        let overlay = format!("{}/distribution/overlays/{provider}/1.0.0", env!("CARGO_MANIFEST_DIR"));
        let documents: Vec<Value> = serde_saphyr::from_multiple(&kubectl(&["kustomize", &overlay], &[]).await?)?;
        let routes = documents.into_iter().filter(|d| d["kind"] == "HTTPRoute" || d["kind"] == "VirtualService");
        let before = all.len();
        all.extend(routes.map(|route| {
            let snapshot = format!("the distribution's {} {}", route["kind"], route["metadata"]["name"]);
            Written { snapshot, route, patch: json!([]) }
        }));
        ensure!(all.len() > before, "the distribution has no route for {provider}");
    }
    Ok(all)
}

/// All that are snapshots of the providers.
fn all_written() -> anyhow::Result<Vec<Written>> {
    let mut files: Vec<_> = fs::read_dir(SNAPSHOTS)?.map(|f| Ok(f?.path())).collect::<anyhow::Result<_>>()?;
    files.sort();
    files.iter().filter(|f| f.extension().is_some_and(|e| e == "snap")).map(|f| written(f)).collect()
}

fn written(file: &Path) -> anyhow::Result<Written> {
    let snapshot = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(file)?;
    let body = text.splitn(3, "---\n").nth(2).with_context(|| format!("{snapshot} is no snapshot"))?;
    let mut body: Value = serde_saphyr::from_str(body)?;
    let (route, patch) = (body["route"].take(), body["patch"].take());
    ensure!(
        route["apiVersion"].is_string() && patch.is_array(),
        "snapshot {snapshot} has to be a whole object and the patch of it: make it with `written` of documents.rs or destination_rules.rs"
    );
    Ok(Written { snapshot, route, patch })
}

impl Written {
    fn api_version(&self) -> &str {
        self.route["apiVersion"].as_str().unwrap_or_default()
    }

    fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// The first version that knows all of it, in this version's channel.
    fn since(&self, version: &Version) -> Number {
        let since = SINCE.iter().find(|(part, ..)| self.snapshot.contains(part));
        since.map_or((0, 0), |(_, standard, experimental)| if version.experimental { *experimental } else { *standard })
    }

    fn resource(&self) -> String {
        format!("{}s", self.route["kind"].as_str().unwrap_or_default().to_lowercase())
    }

    /// The name of its custom resource definition.
    fn definition(&self) -> String {
        format!("{}.{}", self.resource(), self.group())
    }

    /// Why the version does not take it.
    async fn refused_by(&self, ns: &Namespace, version: &Version) -> anyhow::Result<Option<String>> {
        let (resource, wanted) = (self.resource(), self.api_version());
        let definitions = Api::<CustomResourceDefinition>::all(ns.client.clone());
        let definition = definitions.get_opt(&self.definition()).await?;
        let served = definition.iter().flat_map(|d| &d.spec.versions).filter(|v| v.served);
        if !served.into_iter().any(|v| wanted == format!("{}/{}", version.group, v.name)) {
            return Ok(Some(format!("it does not know {resource} of {wanted}")));
        }
        let path = format!("/apis/{wanted}/namespaces/{}/{resource}", ns.name);
        let refused = self.tried(ns, &path).await?;
        let name = self.route["metadata"]["name"].as_str().unwrap_or_default();
        let _ = raw::send(&ns.client, Method::DELETE, &format!("{path}/{name}"), &Value::Null).await?;
        Ok(refused.err().map(|status| told(&status)))
    }

    /// Creates the route and has the patch tried on it.
    async fn tried(&self, ns: &Namespace, path: &str) -> anyhow::Result<Result<(), Box<Status>>> {
        let mut route = self.route.clone();
        route["metadata"] = json!({ "name": route["metadata"]["name"], "namespace": ns.name });
        let strict = format!("{path}?fieldValidation=Strict");
        // That a definition is established is not known everywhere at once.
        let created = wait_for("the API to be served", secs(20), async || {
            match raw::send(&ns.client, Method::POST, &strict, &route).await? {
                Err(status) if [404, 405, 503].contains(&status.code) => Err(Seen::yet(status.message)),
                answer => Ok(answer),
            }
        });
        let created = match created.await? {
            Ok(created) => created,
            Err(status) => return Ok(Err(status)),
        };
        let name = created["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{path}/{name}?dryRun=All&fieldValidation=Strict");
        let patch = of_version(&self.patch, &created["metadata"]["resourceVersion"]);
        if let Err(status) = raw::json_patch(&ns.client, &path, &patch).await? {
            return Ok(Err(status));
        }
        // That unknown fields are refused at all is tried each time.
        let unknown = json!([{ "op": "add", "path": "/spec/unheardOf", "value": "x" }]);
        let answer = raw::json_patch(&ns.client, &path, &unknown).await?;
        ensure!(
            matches!(&answer, Err(status) if status.message.contains("unheardOf")),
            "a field that no version knows is not refused: {answer:?}"
        );
        Ok(Ok(()))
    }
}

/// What is wrong; the message has the whole object in it.
fn told(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|d| &d.causes);
    let causes: Vec<_> = causes.map(|c| c.message.rsplit("}\": ").next().unwrap_or(&c.message)).collect();
    if causes.is_empty() { status.message.clone() } else { causes.join("; ") }
}

/// The patch for this version of the object.
fn of_version(patch: &Value, version: &Value) -> Value {
    let mut patch = patch.clone();
    for change in patch.as_array_mut().into_iter().flatten() {
        if change["path"] == "/metadata/resourceVersion" {
            change["value"] = version.clone();
        }
    }
    patch
}

/// Fails where gateways or meshes are: their definitions are not to be replaced under them.
async fn nobody_uses_them(client: &Client) -> anyhow::Result<()> {
    let all = Api::<CustomResourceDefinition>::all(client.clone()).list(&kube::api::ListParams::default()).await?;
    let names: BTreeSet<_> = all.iter().map(ResourceExt::name_any).collect();
    for name in ["gateways.gateway.networking.k8s.io", "gateways.networking.istio.io"] {
        ensure!(
            !names.contains(name),
            "the cluster has {name}, so somebody may use it: take one of its own for this test (kind-tests/cluster/cluster.sh up NAME)"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_written_into_routes_is_valid_in_every_version_of_their_apis() -> anyhow::Result<()> {
    let (versions, mut all) = (versions().await?, all_written()?);
    all.extend(of_distribution().await?);
    for written in &all {
        let known = versions.iter().any(|v| v.group == written.group());
        ensure!(known, "{} is of {}, of which apis.sh has no version", written.snapshot, written.group());
    }
    for (part, ..) in SINCE {
        ensure!(all.iter().any(|w| w.snapshot.contains(part)), "no snapshot is called {part}");
    }
    with_namespace("apis", async |ns| {
        nobody_uses_them(&ns.client).await?;
        // Of a run that was killed.
        let definitions: BTreeSet<_> = all.iter().map(Written::definition).collect();
        let definitions: Vec<_> = definitions.iter().map(String::as_str).collect();
        kubectl(&[&["delete", "crd", "--ignore-not-found"], &definitions[..]].concat(), &[]).await?;
        let (mut tried, mut wrong) = (0, Vec::new());
        for version in &versions {
            kubectl(&["create", "-f", &version.file], &[]).await?;
            for written in all.iter().filter(|w| w.group() == version.group) {
                tried += 1;
                let (refused, since) = (written.refused_by(&ns, version).await?, written.since(version));
                match refused {
                    Some(why) if version.number >= since => {
                        wrong.push(format!("{} refuses {}: {why}", version.name, written.snapshot));
                    }
                    None if version.number < since => wrong.push(format!(
                        "{} takes {}, which is said to need {}.{}",
                        version.name, written.snapshot, since.0, since.1
                    )),
                    _ => {}
                }
            }
            kubectl(&["delete", "-f", &version.file], &[]).await?;
        }
        println!("{tried} routes and patches in {} versions", versions.len());
        ensure!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    })
    .await
}
