//! The sample distribution by itself: its manifests, and its conformance suites run by hand.
//!
//! Nothing here needs the controller: policies are left out, and each suite runs against the Service of the version that
//! is deployed.
#![forbid(unsafe_code)]

use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{Pod, Service},
};
use kind_tests::{kubectl::kubectl, prelude::*, prometheus};
use kube::api::{ListParams, LogParams};
use serde_json::{Value, json};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/distribution");

/// The documents of a version, for plain Kubernetes.
async fn documents(version: &str) -> anyhow::Result<Vec<Value>> {
    let text = kubectl(&["kustomize", &format!("{DIRECTORY}/overlays/kubernetes/{version}")], &[]).await?;
    Ok(serde_saphyr::from_multiple(&text)?)
}

/// Applies a version without its policies and suites, and waits until its pods are ready.
async fn deployed(ns: &Namespace, version: &str) -> anyhow::Result<()> {
    let workloads: Vec<_> =
        documents(version).await?.into_iter().filter(|d| d["apiVersion"] != "sluice.dev/v1alpha1").collect();
    kubectl(&["apply", "-n", &ns.name, "-f", "-"], &workloads).await?;
    wait_for(&format!("{version} to be rolled out"), secs(90), async || {
        let list = ns.api::<Deployment>().list(&ListParams::default()).await?;
        let waits: Vec<_> = list.iter().filter(|d| !rolled_out(d)).filter_map(|d| d.metadata.name.clone()).collect();
        if waits.is_empty() && list.items.len() == 4 { Ok(()) } else { Err(Seen::yet(format!("{waits:?} are not"))) }
    })
    .await
}

fn rolled_out(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = deployment.spec.as_ref().and_then(|s| s.replicas);
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == wanted
        && status.available_replicas == wanted
        && status.replicas == wanted
}

/// Runs a suite of a version against what is deployed until its result is as it should be: without Sluice nobody waits
/// until a change of endpoints has reached every node, so the first runs may still meet what was there before.
async fn conformance(
    ns: &Namespace,
    version: &str,
    service: &str,
    should: impl Fn(bool, &str) -> bool,
) -> anyhow::Result<()> {
    let mut said = String::new();
    for _ in 0..5 {
        let passed;
        (passed, said) = run(ns, version, service).await?;
        println!("{version} {service}:\n{said}");
        if should(passed, &said) {
            return Ok(());
        }
    }
    anyhow::bail!("the suite of {service} {version} does not end as it should:\n{said}")
}

/// One run: whether it passed, and what it printed.
async fn run(ns: &Namespace, version: &str, service: &str) -> anyhow::Result<(bool, String)> {
    let documents = documents(version).await?;
    let is_suite = |d: &&Value| d["kind"] == "ConformanceSuite" && d["metadata"]["name"] == service;
    let suite = documents.iter().find(is_suite).with_context(|| format!("a suite of {service}"))?;
    let runs = ns.api::<Job>().list(&ListParams::default()).await?.items.len();
    let name = format!("{service}-{}-{runs}", version.replace('.', "-"));
    ns.create_object::<Job>(job(&name, service, &suite["spec"])).await?;
    let passed = wait_for(&format!("the suite of {service}"), secs(60), async || {
        let status = ns.api::<Job>().get(&name).await?.status.unwrap_or_default();
        match (status.succeeded, status.failed) {
            (Some(1..), _) => Ok(true),
            (_, Some(1..)) => Ok(false),
            _ => Err(Seen::yet(format!("{} active", status.active.unwrap_or_default()))),
        }
    })
    .await?;
    let pods = ns.api::<Pod>().list(&ListParams::default().labels(&format!("job-name={name}"))).await?;
    let pod = pods.items.first().and_then(|p| p.metadata.name.clone()).context("the pod of the suite")?;
    Ok((passed, ns.api::<Pod>().logs(&pod, &LogParams::default()).await?))
}

/// A Job as the controller would make it of a suite, with the Service itself as candidate and as stable.
fn job(name: &str, service: &str, suite: &Value) -> Value {
    let (port_name, port, scheme) =
        if matches!(service, "cache" | "database") { ("REDIS", 6379, "redis") } else { ("HTTP", 9898, "http") };
    let mut environment = vec![
        json!({ "name": "SLUICE_CANDIDATE_URL", "value": format!("{scheme}://{service}:{port}") }),
        json!({ "name": "SLUICE_RELEASE", "value": name }),
    ];
    for role in ["CANDIDATE", "STABLE"] {
        environment.push(json!({ "name": format!("SLUICE_{role}_HOST"), "value": service }));
        environment.push(json!({ "name": format!("SLUICE_{role}_PORT_{port_name}"), "value": port.to_string() }));
    }
    for variable in suite["env"].as_array().into_iter().flatten() {
        environment.push(match &variable["configMap"] {
            Value::Null => variable.clone(),
            key => json!({ "name": variable["name"], "valueFrom": { "configMapKeyRef": key } }),
        });
    }
    let files: Vec<_> = suite["files"].as_array().cloned().unwrap_or_default();
    let mounts = files.iter().map(|f| json!({ "name": f["configMap"], "mountPath": f["mountPath"], "readOnly": true }));
    let volumes = files.iter().map(|f| json!({ "name": f["configMap"], "configMap": { "name": f["configMap"] } }));
    let mut container = json!({
        "name": "test",
        "image": suite["image"],
        "env": environment,
        "volumeMounts": mounts.collect::<Vec<_>>(),
        "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } },
    });
    for field in ["command", "args"] {
        if !suite[field].is_null() {
            container[field] = suite[field].clone();
        }
    }
    json!({
        "metadata": { "name": name },
        "spec": { "backoffLimit": 0, "template": { "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [container],
            "volumes": volumes.collect::<Vec<_>>(),
        } } },
    })
}

/// What the cache's MetricTemplate says, as Prometheus evaluates it.
async fn cache_errors(ns: &Namespace) -> Result<f64, Seen> {
    let template = documents("1.0.0").await?.into_iter().find(|d| d["kind"] == "MetricTemplate");
    let query = template.as_ref().and_then(|t| t["spec"]["query"].as_str()).unwrap_or_default();
    let query =
        query.replace("{{ namespace }}", &ns.name).replace("{{ user }}", "backend").replace("{{ window }}", "4s");
    let answer = prometheus::ask(&ns.client, &query).await.map_err(Seen::yet)?;
    let value = answer.pointer("/0/value/1").and_then(Value::as_str).and_then(|v| v.parse().ok());
    value.ok_or_else(|| Seen::yet(answer))
}

/// What the API server says to an overlay.
async fn tried(ns: &Namespace, overlay: &str) -> anyhow::Result<String> {
    let overlay = format!("{DIRECTORY}/overlays/{overlay}");
    kubectl(&["apply", "-n", &ns.name, "--dry-run=server", "--validate=strict", "-k", &overlay], &[]).await
}

#[tokio::test]
async fn every_version_of_every_provider_is_accepted_by_the_api_server() -> anyhow::Result<()> {
    with_namespace("versions", async |ns| {
        let routes = ["httproute", "virtualservice"];
        for (provider, services, count_of_routes) in
            [("kubernetes", 4, [0, 0]), ("gateway-api", 5, [1, 0]), ("istio", 4, [0, 2]), ("linkerd", 4, [2, 0])]
        {
            if provider == "istio" {
                ns.allows_sidecars().await?;
            }
            for version in ["1.0.0", "1.1.0", "1.2.0", "bad-conformance", "bad-live"] {
                let said = tried(&ns, &format!("{provider}/{version}")).await?;
                let kinds = [("rolloutpolicy", 4), ("conformancesuite", 4), ("deployment", 4), ("service/", services)];
                for (kind, wanted) in kinds.into_iter().chain(routes.into_iter().zip(count_of_routes)) {
                    let count = said.lines().filter(|line| line.contains(kind)).count();
                    ensure!(count == wanted, "{provider}/{version} has {count} of {kind}, not {wanted}:\n{said}");
                }
            }
            let load = tried(&ns, &format!("{provider}/load")).await?;
            ensure!(load.contains("pod/load"), "{provider}/load is {load}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_suites_pass_on_good_versions_and_fail_on_what_they_are_there_for() -> anyhow::Result<()> {
    with_namespace("suites", async |ns| {
        let passes = |passed: bool, _: &str| passed;
        for version in ["1.0.0", "1.1.0"] {
            deployed(&ns, version).await?;
            for service in ["database", "cache", "backend", "frontend"] {
                conformance(&ns, version, service, passes).await?;
            }
        }

        deployed(&ns, "bad-conformance").await?;
        conformance(&ns, "bad-conformance", "frontend", |passed, said| {
            let failed: Vec<_> = said.lines().filter(|line| line.starts_with("not ok")).collect();
            !passed && matches!(failed.as_slice(), [line] if line.contains("an order reaches the backend"))
        })
        .await?;

        // Only live traffic is to show that it is bad.
        deployed(&ns, "bad-live").await?;
        conformance(&ns, "bad-live", "frontend", passes).await
    })
    .await
}

#[tokio::test]
async fn a_broken_chain_is_found_although_podinfo_answers_2xx() -> anyhow::Result<()> {
    with_namespace("chain", async |ns| {
        deployed(&ns, "1.0.0").await?;
        conformance(&ns, "1.0.0", "frontend", |passed, _| passed).await?;
        ns.api::<Service>().delete("backend", &kube::api::DeleteParams::default()).await?;
        conformance(&ns, "1.0.0", "frontend", |passed, said| {
            !passed && said.contains("not ok 4 - an order reaches the backend")
        })
        .await
    })
    .await
}

#[tokio::test]
async fn the_load_gets_answers_from_all_four_services_and_the_use_of_the_cache_can_be_measured() -> anyhow::Result<()> {
    with_namespace("load", async |ns| {
        deployed(&ns, "1.0.0").await?;
        for service in ["database", "cache", "backend", "frontend"] {
            conformance(&ns, "1.0.0", service, |passed, _| passed).await?;
        }
        kubectl(&["apply", "-n", &ns.name, "-k", &format!("{DIRECTORY}/load")], &[]).await?;
        let path = format!("/api/v1/namespaces/{}/pods/load:8080/proxy/stats", ns.name);
        let report = wait_for("answers of all four", secs(60), async || {
            let request = http::Request::get(&path).body(Vec::new()).map_err(Seen::never)?;
            let text = ns.client.request_text(request).await?;
            let report: apps::report::Report = serde_json::from_str(&text).map_err(Seen::yet)?;
            let few = report.targets.iter().filter(|(_, t)| t.counts.total.ok < 50).map(|(name, _)| name.clone());
            let few: Vec<_> = few.collect();
            if few.is_empty() && report.targets.len() == 4 {
                Ok(report)
            } else {
                Err(Seen::yet(format!("few from {few:?}")))
            }
        })
        .await?;
        for (name, target) in &report.targets {
            let total = target.counts.total;
            ensure!(total.failed == 0 && total.errors == 0, "{name}: {total:?} {:?}", target.causes);
        }
        let orders = ns
            .api::<Pod>()
            .logs("load", &LogParams { container: Some("orders".into()), ..LogParams::default() })
            .await?;
        ensure!(orders.trim().is_empty(), "the cache behind the backend: {orders}");
        let errors = wait_for("a share of errors of the cache", secs(60), async || cache_errors(&ns).await).await?;
        ensure!(errors == 0.0, "{errors} %");
        Ok(())
    })
    .await
}
