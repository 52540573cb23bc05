//! Writes the custom resource definitions as YAML: `cargo run -p crds --bin crdgen -- DIRECTORY`.
#![forbid(unsafe_code)]

use std::{env, fs, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let Some(dir) = env::args().nth(1).map(PathBuf::from) else {
        eprintln!("usage: crdgen DIRECTORY   writes one YAML file per custom resource, e.g. charts/sluice/files/crds");
        return ExitCode::from(2);
    };
    for (name, text) in crds::yaml::files() {
        let path = dir.join(&name);
        if let Err(error) = fs::create_dir_all(&dir).and_then(|()| fs::write(&path, text)) {
            eprintln!("crdgen: writing {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{}", path.display());
    }
    ExitCode::SUCCESS
}
