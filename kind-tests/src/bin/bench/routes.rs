//! Releases by routes: how long a weight takes to reach the callers, what a step writes, and how much code a translator is.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use apps::report::Report;
use crds::journal::Phase;
use kind_tests::{
    app::{App, Front},
    audit::Request,
    kubectl::{kubectl, run as program},
    load::Load,
    namespace::{Namespace, with_namespace},
    program::SLUICE,
};

use crate::{
    column::{Cell, Column},
    figure::Figure,
    progress::say,
    trail::{Trail, kinds},
};

const NAME: &str = "shop";
/// Requests a second, each on a connection of its own.
const RATE: u32 = 100;
/// The first is large, so that the first answer of the candidate soon follows the moment from which it has its share.
const STEPS: [i32; 3] = [80, 90, 99];
/// Versions that are released, one after the other.
const VERSIONS: [&str; 3] = ["1.1.0", "1.2.0", "1.3.0"];
const DATAPLANE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/dataplane.sh");
const PROVIDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers/src");

/// Measures all of it. The data planes are installed for the time of it.
///
/// # Errors
///
/// When a release does not end well, or the data planes cannot be installed.
pub async fn run(column: &mut Column) -> Result<()> {
    column.put(Figure::Lines, Cell::text(translators(Path::new(PROVIDERS))?));
    say("data planes: Envoy Gateway and Istio");
    let folder =
        std::env::var("LOCALK8S_DIR").context("LOCALK8S_DIR must name a local cluster; run kind-tests/bench.sh")?;
    let cluster = Path::new(&folder).file_name().and_then(|n| n.to_str()).context("the name of the cluster")?;
    program(DATAPLANE, &[cluster, "gateway-api", "istio"], "").await?;
    for (front, seen, writes) in
        [(Front::Gateway, Figure::SeenGateway, Figure::StepGateway), (Front::Mesh, Figure::SeenMesh, Figure::StepMesh)]
    {
        let measured = with_namespace("bench-routes", async |ns| measure(&ns, front).await).await?;
        column.put(seen, measured.seen());
        column.put(writes, measured.writes());
    }
    // What is measured next is measured without them.
    for namespace in ["gateways", "envoy-gateway-system", "istio-system"] {
        kubectl(&["scale", "deployment", "--all", "--replicas=0", "-n", namespace], &[]).await?;
    }
    Ok(())
}

/// Of releases through one data plane.
#[derive(Default)]
struct Measured {
    /// Seconds from a weight's arrival at the API server to the first answer by it, for each release.
    seconds: Vec<f64>,
    /// Writes of a step, for each release.
    writes: Vec<f64>,
}

async fn measure(ns: &Namespace, front: Front) -> Result<Measured> {
    say(&format!("{} releases by {}", VERSIONS.len(), front.kind().plural));
    let app = App::testapp(NAME).drains("3s").canary(STEPS).bake("5s").no_gates().behind(front);
    if front == Front::Mesh {
        ns.allows_sidecars().await?;
    }
    let shop = ns.taken_over(&app).await?;
    let load = Load::on(ns, &app).rate(RATE).fresh(1.0).start().await?;
    let mut measured = Measured::default();
    for version in VERSIONS {
        let trail = Trail::of(&SLUICE)?;
        let release = shop.update(&app.clone().version(version)).await?;
        release.ends_as(Phase::Succeeded).await?;
        shop.settled_on(version).await?;
        let steps = Steps::of(&trail, ns, &front.kind().plural)?;
        let first = first_answer(&load.report().await?, version)?;
        measured.seconds.push(steps.until(first)?);
        measured.writes.push(steps.writes()?);
    }
    load.stop().await?.no_request_failed()?;
    Ok(measured)
}

/// When a version first answered, in Unix milliseconds.
fn first_answer(report: &Report, version: &str) -> Result<u64> {
    let counts = &report.targets.get(NAME).context("the load's counts")?.counts;
    let first = counts.identities.iter().filter(|i| i.version == version).map(|i| i.first_ms).min();
    first.with_context(|| format!("finding an answer of version {version}"))
}

/// What was written for a release, in the order in which it arrived.
struct Steps {
    writes: Vec<Request>,
    /// Places of the route's writes among them.
    routes: Vec<usize>,
}

impl Steps {
    fn of(trail: &Trail, ns: &Namespace, resource: &str) -> Result<Self> {
        let mut writes = trail.requests()?;
        writes.retain(|r| r.is_write() && r.namespace == ns.name && !r.is_of_event());
        writes.sort_by_key(|r| r.at);
        let routes = writes.iter().enumerate().filter(|(_, r)| r.resource == resource).map(|(i, _)| i).collect();
        Ok(Self { writes, routes })
    }

    /// Seconds from the last write of the route before a moment to that moment.
    fn until(&self, moment_ms: u64) -> Result<f64> {
        let at = |i: &usize| self.writes[*i].at.timestamp_millis() as f64;
        let before = self.routes.iter().map(at).filter(|at| *at <= moment_ms as f64).max_by(f64::total_cmp);
        Ok((moment_ms as f64 - before.context("finding the write of the route before the first answer")?) / 1000.0)
    }

    /// Writes of one step: from a step's route to the next one's.
    fn writes(&self) -> Result<f64> {
        // One for each step, and one that puts the route back.
        ensure!(self.routes.len() == STEPS.len() + 1, "the route was written {} times", self.routes.len());
        let steps = &self.writes[self.routes[0]..self.routes[STEPS.len() - 1]];
        say(&format!("  {} steps wrote: {}", STEPS.len() - 1, kinds(steps.iter())));
        Ok(steps.len() as f64 / (STEPS.len() - 1) as f64)
    }
}

impl Measured {
    fn seen(&self) -> Cell {
        let most = self.seconds.iter().copied().fold(0.0, f64::max);
        Cell::hundredths(median(&self.seconds)).note(&format!("(at most {most:.2}, {} releases)", self.seconds.len()))
    }

    fn writes(&self) -> Cell {
        Cell::decimal(median(&self.writes))
    }
}

/// The one in the middle; 0 without any.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// How many lines each file of the translators has.
fn translators(folder: &Path) -> Result<String> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut told = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "rs")) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        told.push(format!("{name} {}", lines(&fs::read_to_string(file)?)));
    }
    Ok(told.join(", "))
}

/// Lines of code: without empty ones, comments, and tests at the end.
fn lines(source: &str) -> usize {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: &str, resource: &str) -> Request {
        Request {
            at: at.parse().unwrap(),
            pod: String::new(),
            verb: "patch".into(),
            resource: resource.into(),
            namespace: NAME.into(),
        }
    }

    #[test]
    fn a_weight_is_seen_after_the_last_write_before_it_and_steps_reach_from_route_to_route() {
        let all = [
            ("00", "httproutes"),
            ("05", "releases/status"),
            ("06", "httproutes"),
            ("08", "releases/status"),
            ("09", "deployments"),
            ("10", "httproutes"),
            ("20", "httproutes"),
        ];
        let writes: Vec<_> = all.map(|(s, what)| write(&format!("2026-01-01T00:00:{s}Z"), what)).into();
        let routes = vec![0, 2, 5, 6];
        let steps = Steps { writes, routes };
        assert_eq!(steps.writes().unwrap(), 2.5);
        let began = u64::try_from(steps.writes[0].at.timestamp_millis()).unwrap();
        assert_eq!(steps.until(began + 6_250).unwrap(), 0.25);
        assert!(steps.until(began - 1).is_err());
    }

    #[test]
    fn only_code_is_counted() {
        assert_eq!(lines("//! What.\n\nuse a;\n/// It.\nfn f() {\n    // why\n}\n#[cfg(test)]\nmod tests {}\n"), 3);
    }
}
