//! The command line, as it is parsed and as it is documented.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use crds::GoDuration;

/// See and decide what Sluice delivers.
///
/// A policy is a RolloutPolicy: how changes to one workload are delivered. A release is one attempt to deliver a version.
#[derive(Parser, Debug)]
#[command(name = "sluice", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// Where the cluster is and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the cluster is and who asks.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct Connection {
    /// The kubeconfig file; by default $KUBECONFIG or ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; by default its current one.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The namespace; by default the context's.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Act as this user; needs the right to impersonate.
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,
    /// Act as a member of this group; may be given several times, together with --as.
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub groups: Vec<String>,
}

const WAIT_CODES: &str = "Exit codes: 0 it is delivered and serves; 1 error; 2 usage; 3 it was taken back, aborted or rejected; \
4 Inconclusive or Held: a person must decide; 5 the time is over; 6 another version was wished for meanwhile";

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List policies: one line each.
    Get(Get),
    /// Show a policy and its release as a tree: revisions, steps, gates, metrics, what it waits for, what would let it go on.
    Status(Status),
    /// List the past releases of a policy: outcome, reason, how long, who decided what.
    History(History),
    /// Wait until a version is delivered and serves, for pipelines; the exit code says how it ended.
    #[command(after_help = WAIT_CODES)]
    Wait(Wait),
    /// Give an approval that a gate of the release waits for.
    Approve(AtGate),
    /// Refuse an approval: the release ends, and its version is taken back.
    Reject(AtGate),
    /// Hold the release where it is.
    Pause(Decide),
    /// Go on after a pause, of a person or of a step.
    Resume(Decide),
    /// End the bake, pause and metrics of this step now; never tests or the wait for pods.
    Skip(Decide),
    /// Go straight to promotion; tests and pods are still waited for.
    Promote(Decide),
    /// Take the candidate back.
    Abort(Decide),
    /// Try a version once more that failed, was held or gave no evidence.
    Retry(Decide),
    /// Bring the version before back after a release has succeeded.
    Rollback(Decide),
    /// Undo the last release: the same as rollback.
    Undo(Undo),
    /// Say what a policy will do and how long that takes at least, and what its metrics can see.
    Plan(Plan),
    /// Look for faults in manifests of Sluice's resources, and in freezes and emergencies on Namespaces and Deployments.
    Lint(Lint),
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Print the version.
    Version,
    /// Write the manual pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: PathBuf,
    },
    /// Print the reference of the command line.
    #[command(hide = true)]
    Markdown,
}

/// Arguments of `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// The policy; all of the namespace without it.
    pub name: Option<String>,
    /// Of all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["name", "namespace"])]
    pub all_namespaces: bool,
    /// How to print it.
    #[arg(short, long, value_enum)]
    pub output: Option<Output>,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// The policy, or one of its releases.
    pub name: String,
    /// Go on showing it: drawn anew on a terminal at every change, else one line per change; until interrupted.
    #[arg(short, long, conflicts_with = "output")]
    pub watch: bool,
    /// Print the objects instead of the tree.
    #[arg(short, long, value_enum)]
    pub output: Option<Document>,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub struct History {
    /// The policy.
    pub name: String,
    /// How to print it.
    #[arg(short, long, value_enum)]
    pub output: Option<Document>,
}

/// Arguments of `wait`.
#[derive(Args, Debug)]
pub struct Wait {
    /// The policy.
    pub name: String,
    /// Wait for a version with a container of this image, written as in the workload; also one that the workload does not wish for yet.
    #[arg(long, value_name = "IMAGE", conflicts_with = "for_digest")]
    pub for_image: Option<String>,
    /// Wait for the revision of this digest, `sha256:` and 64 digits or the first eight digits. Without this and --for-image: for what the workload wishes for when the command begins.
    #[arg(long, value_parser = digest, value_name = "DIGEST")]
    pub for_digest: Option<String>,
    /// It is enough that all traffic goes to the version; else also that warmFor is over and it was not taken back.
    #[arg(long)]
    pub promoted: bool,
    /// End with code 4 as soon as nothing happens before a person acts, such as a pause or an approval; else go on waiting.
    #[arg(long)]
    pub no_person: bool,
    /// How long to wait.
    #[arg(long, default_value = "30m", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// Arguments of a decision.
#[derive(Args, Debug)]
pub struct Decide {
    /// The policy, whose release under way or last one is meant; or a release.
    #[arg(value_name = "NAME")]
    pub target: String,
    /// Why, for those who read it later.
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Decide only if the release delivers the revision of this digest, `sha256:` and 64 digits or the first eight digits.
    #[arg(long, value_parser = digest)]
    pub digest: Option<String>,
    /// How long to wait until the controller has taken the decision up.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Do not wait for that.
    #[arg(long)]
    pub no_wait: bool,
}

/// Arguments of a decision about a gate.
#[derive(Args, Debug)]
pub struct AtGate {
    /// What every decision has.
    #[command(flatten)]
    pub decide: Decide,
    /// The gate, as the policy names it.
    #[arg(long)]
    pub gate: String,
}

/// Arguments of `undo`.
#[derive(Args, Debug)]
pub struct Undo {
    /// The revision to bring back, eight digits; only the one before the present one can be.
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// What every decision has.
    #[command(flatten)]
    pub decide: Decide,
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = false)]
pub struct PlanOf {
    /// The policy in the cluster.
    pub name: Option<String>,
    /// A file with a RolloutPolicy; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
pub struct Plan {
    /// Which policy.
    #[command(flatten)]
    pub of: PlanOf,
    /// Requests per second of both versions together: what the metrics can see of them.
    #[arg(long, value_name = "NUMBER")]
    pub rps: Option<f64>,
    /// The share of requests that usually fails, in percent; else half of what the objective lets fail.
    #[arg(long, value_name = "PERCENT", requires = "rps")]
    pub errors: Option<f64>,
    /// Pods for all of the traffic; by default the policy's spec.replicas.
    #[arg(long, value_name = "PODS")]
    pub replicas: Option<u32>,
}

/// Arguments of `lint`.
#[derive(Args, Debug)]
pub struct Lint {
    /// A file, or a folder with .yaml, .yml and .json files; `-` is standard input. May be given several times.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Also have the API server look at them by a dry run: it knows every rule.
    #[arg(long)]
    pub server: bool,
}

/// How lists are printed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The objects, as JSON.
    Json,
    /// The objects, as YAML.
    Yaml,
    /// More columns.
    Wide,
}

/// How objects are printed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<GoDuration>().map(|duration| duration.0)
}

fn digest(text: &str) -> Result<String, String> {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let full = text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && hex(digits));
    if full || (text.len() == 8 && hex(text)) {
        return Ok(text.into());
    }
    Err("give sha256: and 64 digits, or the eight digits of a revision; the digest of an image belongs to --for-image"
        .into())
}

/// The name by which the program was called: `kubectl sluice` as kubectl's plugin, else `sluice`.
pub fn program(argv0: Option<&OsString>) -> &'static str {
    let name =
        argv0.map(PathBuf::from).and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    if name.is_some_and(|name| name.starts_with("kubectl-sluice")) { "kubectl sluice" } else { "sluice" }
}

/// The command under the name of the program.
pub fn command(program: &'static str) -> clap::Command {
    Arguments::command().bin_name(program).display_name(program)
}

/// Parses what was written.
///
/// # Errors
/// What clap says, help and version included.
pub fn parse(all: Vec<OsString>) -> Result<(Arguments, &'static str), clap::Error> {
    let program = program(all.first());
    let matches = command(program).try_get_matches_from(all)?;
    let arguments = Arguments::from_arg_matches(&matches)?;
    if arguments.connection.impersonate.is_none() && !arguments.connection.groups.is_empty() {
        let words = "--as-group needs --as: give the user too";
        return Err(command(program).error(clap::error::ErrorKind::MissingRequiredArgument, words));
    }
    Ok((arguments, program))
}

#[cfg(test)]
mod tests;
