//! `kubectl sluice`: wiring only.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cli::{args, failure::Exit, screen::Screen};

fn main() -> ExitCode {
    let (arguments, program) = match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(said) => {
            // Help and version are answers; anything else is about the command line.
            let _ = said.print();
            return if said.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: starting: {error}");
            return Exit::Error.into();
        }
    };
    match runtime.block_on(cli::run(arguments, program, Screen::of_process())) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "error: {failure}");
            }
            failure.exit.into()
        }
    }
}
