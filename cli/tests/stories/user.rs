//! Somebody who types commands.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use cli::{
    app::App,
    failure::{Exit, Failure},
    screen::Screen,
    with_cluster,
};
use tokio::task::JoinHandle;

use crate::lab::{Lab, NS};

/// What was written.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub said: String,
    pub data: String,
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A lab where version 1 serves under a policy.
pub async fn lab(strategy: serde_json::Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    lab.taken_over(strategy).await;
    lab
}

/// Types a command as ann and waits until it ends. Everything after `error: ` and on standard error is in `said`.
pub async fn types(lab: &Lab, line: &str) -> Ended {
    begins(lab, line).await.unwrap()
}

/// Types a command that goes on by itself.
pub fn begins(lab: &Lab, line: &str) -> JoinHandle<Ended> {
    before(lab, line, false)
}

/// The same before a terminal that can be drawn anew.
pub fn begins_on_a_terminal(lab: &Lab, line: &str) -> JoinHandle<Ended> {
    before(lab, line, true)
}

fn before(lab: &Lab, line: &str, live: bool) -> JoinHandle<Ended> {
    let all = format!("kubectl-sluice {line}").split(' ').map(Into::into).collect();
    let (arguments, program) = cli::args::parse(all).unwrap();
    let clock = lab.cluster.clock();
    let (out, err) = (Written::default(), Written::default());
    let mut screen = Screen::new(out.clone(), err.clone());
    screen.live = live;
    let mut app = App {
        client: lab.cluster.client("ann"),
        namespace: arguments.connection.namespace.clone().unwrap_or_else(|| NS.into()),
        clock: Arc::new(move || clock.now()),
        screen,
        program,
    };
    tokio::spawn(async move {
        let ended = with_cluster(&mut app, &arguments.command).await;
        let (exit, message) =
            ended.map_or_else(|Failure { exit, message }| (exit, message), |exit| (exit, String::new()));
        Ended { exit, said: format!("{}{message}", err.text()), data: out.text() }
    })
}
