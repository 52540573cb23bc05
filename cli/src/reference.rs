//! What is made from the definition of the command line: completions, manual pages, the reference.

use std::{fmt::Write, fs, path::Path};

use clap::{Arg, Command};
use clap_complete::Shell;

use crate::{
    args,
    failure::{Exit, Failure},
};

/// The completion script of a shell, for the name by which the program was called.
pub fn completion(shell: Shell, program: &'static str) -> String {
    // kubectl asks a plugin for completions in another way; the script is for the binary.
    let name = if program == "sluice" { "sluice" } else { "kubectl-sluice" };
    let mut command = args::command(program);
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes a manual page for the program and for every command into a folder, which is made.
///
/// # Errors
/// When it cannot be written.
pub fn man(folder: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::error(format!("writing manual pages into {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(args::command("sluice"), folder).map_err(failed)
}

const HEAD: &str = "# The command line

<!-- Generated from cli/src by `make docs`; do not edit. -->

`kubectl sluice` shows and decides what Sluice delivers. It is one binary, `kubectl-sluice`: in your PATH, kubectl finds it
as a plugin; under the name `sluice` it works without kubectl. `make cli` builds it as `target/release/kubectl-sluice`. Take the
version that Sluice has in the cluster: an older one may not know all that a newer controller writes.

It acts as you: with the credentials of your kubeconfig, and with your rights. A decision is a [Decision](reference.md#decision)
in your name; who may decide what is RBAC, as [How a release goes](releases.md#decisions) says. Nothing is asked of the
controller itself, and there is no other way in.

Data goes to standard output, everything else to standard error. There are colours only on a terminal, and none with
`NO_COLOR`.

## In a pipeline

```sh
kubectl -n shop set image deployment/podinfo podinfod=ghcr.io/stefanprodan/podinfo:6.9.1
kubectl sluice wait podinfo -n shop --for-image ghcr.io/stefanprodan/podinfo:6.9.1 --timeout 30m
```

`wait` never takes an older version for the new one, also where it begins before the Deployment is changed (with
`--for-image` or `--for-digest`) or before the controller has seen the change: the status of a policy says of which generation
of the Deployment it speaks, and what serves must be of the digest that this generation wishes for. A ConfigMap that was
changed alone counts too, where you may read it. Without `--for-image` and `--for-digest` it waits for what the Deployment
wishes for when the command begins.

`wait` needs the rights to get, list and watch `rolloutpolicies` and `releases` of `sluice.dev` and `deployments` of `apps`;
for ConfigMaps, to get `configmaps` and `controllerrevisions` of `apps`.

## For programs

`get -o json` prints the policy, or a List of them, as the API server has them. `status -o json` prints `policy` and `release`, the
objects, and `next`, the commands that would let the release go on, each with `command` and `why`. `history -o json` prints a list,
newest first: `number`, `release`, `purpose`, `revision`, `images`, `outcome`, `reason`, `message`, `began`, `ended`, and
`decisions` with `action`, `gate`, `by`, `comment` and `at`. `-o yaml` prints the same.

## Exit codes

";

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut out = HEAD.to_owned();
    out.push_str("| code | meaning |\n|---|---|\n");
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(out, "| {} | {meaning} |", exit as u8);
    }
    let mut command = args::command("sluice");
    command.build();
    let globals: Vec<_> = command.get_arguments().filter(|a| a.is_global_set()).collect();
    out.push_str("\n## Options of every command\n\n");
    options(&mut out, &globals);
    out.push_str("\n## Commands\n");
    for sub in command.get_subcommands().filter(|s| !s.is_hide_set() && s.get_name() != "help") {
        one(&mut out, sub);
    }
    out
}

fn one(out: &mut String, command: &Command) {
    let name = command.get_name();
    let own: Vec<_> = command.get_arguments().filter(|a| !a.is_global_set() && a.get_id() != "help").collect();
    let usage: Vec<_> = own.iter().filter(|a| a.is_required_set() || a.is_positional()).map(|a| shown(a)).collect();
    let usage = if usage.is_empty() { String::new() } else { format!(" {}", usage.join(" ")) };
    let _ = writeln!(out, "\n### {name}\n\n`sluice {name}{usage}`\n");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "{}.\n", about.trim_end_matches('.'));
    options(out, &own);
}

fn shown(arg: &Arg) -> String {
    let text = arg.to_string();
    if arg.is_required_set() || text.starts_with('[') { text } else { format!("[{}]", text.trim_matches(['<', '>'])) }
}

fn options(out: &mut String, all: &[&Arg]) {
    if all.is_empty() {
        return;
    }
    out.push_str("| | |\n|---|---|\n");
    for arg in all {
        let short = arg.get_short().map(|s| format!("`-{s}`, ")).unwrap_or_default();
        let values: Vec<_> =
            arg.get_possible_values().iter().filter(|v| !v.is_hide_set()).map(|v| v.get_name().to_owned()).collect();
        let takes = arg.get_action().takes_values();
        let values =
            if values.is_empty() || !takes { String::new() } else { format!(" One of {}.", values.join(", ")) };
        let default = arg
            .get_default_values()
            .first()
            .filter(|_| takes)
            .map(|d| format!(" By default {}.", d.to_string_lossy()))
            .unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.trim_end_matches('.').replace('|', "\\|");
        let _ = writeln!(
            out,
            "| {short}`{}` | {help}.{values}{default} |",
            arg.to_string().trim_matches(['[', ']']).replace('|', "\\|")
        );
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_reference_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
        if std::env::var_os("WRITE_DOCS").is_some() {
            fs::write(&path, markdown()).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == markdown(),
            "docs/cli.md is not current: run `make docs`"
        );
    }

    #[test]
    fn every_command_that_is_not_hidden_is_in_the_reference() {
        let text = markdown();
        for name in ["get", "status", "wait", "approve", "rollback", "plan", "lint", "completion"] {
            assert!(text.contains(&format!("\n### {name}\n")), "{name}");
        }
        assert!(!text.contains("### man"));
    }

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            for (program, name) in [("sluice", "sluice"), ("kubectl sluice", "kubectl-sluice")] {
                let script = completion(*shell, program);
                assert!(script.contains("rollback") && script.contains(name), "{shell}");
            }
        }
    }
}
