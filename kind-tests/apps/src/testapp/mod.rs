//! `sluice-testapp`: podinfo's paths and metrics, and badness that is steady.
//!
//! podinfo draws its random errors from a generator seeded by the second, so they come in lumps. Here the
//! rate holds over any short window, and an error says who gave it.

pub mod app;
pub mod echo;
pub mod metrics;
pub mod options;
pub mod route;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub use self::app::App;
pub use self::options::Options;
use crate::out;
use crate::server::{self, Signals};

/// A running application. Dropping it closes the listener and every connection at once.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    app: Arc<App>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Binds the port and serves in the background.
///
/// # Errors
///
/// When the port cannot be bound.
pub async fn start(options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, options.port)).await?;
    let address = listener.local_addr()?;
    let app = Arc::new(App::new(options));
    let shared = Arc::clone(&app);
    let task = tokio::spawn(server::serve(listener, move |request| {
        let app = Arc::clone(&shared);
        async move { app.handle(request).await }
    }));
    Ok(Running { address, app, task })
}

/// Runs until a signal or the crash that was asked for.
pub async fn run(options: Options) -> ExitCode {
    let (drain, crash_after) = (options.drain.unwrap_or_default(), options.crash_after);
    let about = format!("{} {}", options.hostname, options.app_version);
    let started = async { Ok((Signals::new()?, start(options).await?)) };
    let (mut signals, running) = match started.await {
        Ok(started) => started,
        Err(error) => return failed(&error),
    };
    out::line(format_args!("{about} listens on {}", running.address));
    tokio::select! {
        () = signals.asked_to_end() => {
            running.app.end();
            out::line(format_args!("asked to end, serving for {drain:?} more"));
            sleep(drain).await;
            ExitCode::SUCCESS
        }
        () = crash(crash_after) => {
            eprintln!("crashing, as told by --crash-after");
            ExitCode::FAILURE
        }
    }
}

fn failed(error: &io::Error) -> ExitCode {
    eprintln!("starting: {error}");
    ExitCode::FAILURE
}

async fn crash(after: Option<Duration>) {
    match after {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}
