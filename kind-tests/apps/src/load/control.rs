//! The endpoints by which a test asks, marks and stops.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::sync::watch;

use super::engine::Engine;
use crate::server::{Answer, json, plain, query};

/// Answers the control endpoints of one run.
#[derive(Clone, Debug)]
pub struct Control {
    engine: Engine,
    stopped: watch::Sender<bool>,
}

impl Control {
    /// Control over this run.
    pub fn new(engine: Engine) -> Control {
        Control { engine, stopped: watch::Sender::new(false) }
    }

    /// Waits until someone asked to stop, and everything has.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Answers one request.
    pub async fn handle(self, request: Request<Incoming>) -> Answer {
        let (method, path) = (request.method(), request.uri().path());
        match (method, path) {
            (&Method::GET, "/readyz") => plain(StatusCode::OK, "ok"),
            (&Method::GET, "/stats") => json(StatusCode::OK, &self.engine.report()),
            (&Method::POST, "/stop") => {
                let report = self.engine.stop().await;
                self.stopped.send_replace(true);
                json(StatusCode::OK, &report)
            }
            (&Method::POST, "/mark") => match query(request.uri().query(), "name") {
                None | Some("") => plain(StatusCode::BAD_REQUEST, "POST /mark?name=X"),
                Some(name) => match self.engine.mark(name) {
                    Some(mark) => json(StatusCode::OK, &mark),
                    None => plain(StatusCode::TOO_MANY_REQUESTS, "too many marks"),
                },
            },
            (_, "/readyz" | "/stats" | "/stop" | "/mark") => {
                plain(StatusCode::METHOD_NOT_ALLOWED, "GET /readyz /stats, POST /stop /mark")
            }
            _ => plain(StatusCode::NOT_FOUND, "GET /readyz /stats, POST /stop /mark"),
        }
    }
}
