//! Receivers of webhooks and messages: what they answer, and what they were sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use controller::outbound::{Answer, Kind, Letter, Post, Problem, Reply};
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;

use crate::cluster::Cluster;

/// Where they all are.
const ORIGIN: &str = "http://hooks";

/// What a receiver does.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// A status and a body.
    Status(u16, &'static str),
    /// 503, and not to come again for so many seconds.
    Busy(u64),
    /// No answer, ever.
    Hangs,
    /// Nobody is there.
    Gone,
}

type Speak = Box<dyn FnMut(&Value) -> Said + Send>;

/// All of them, by path. Cheap to clone.
#[derive(Clone)]
pub struct Receivers {
    cluster: Cluster,
    speak: Arc<Mutex<BTreeMap<String, Speak>>>,
    asked: Arc<Mutex<Vec<(Duration, String, Value)>>>,
    /// What was answered with 2xx.
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    /// The spans that they were to be a part of.
    spans: Arc<Mutex<Vec<(String, String)>>>,
}

impl Receivers {
    pub fn new(cluster: &Cluster) -> Self {
        let (speak, asked, taken, spans) = Default::default();
        Self { cluster: cluster.clone(), speak, asked, taken, spans }
    }

    /// The address of a receiver, which from now on says this.
    pub fn at(&self, path: &str, speak: impl FnMut(&Value) -> Said + Send + 'static) -> String {
        self.speak.lock().unwrap().insert(path.to_owned(), Box::new(speak));
        format!("{ORIGIN}/{path}")
    }

    /// When a receiver was asked, and what it was sent.
    pub fn asked(&self, path: &str) -> Vec<(Duration, Value)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, to, _)| to == path).map(|(at, _, body)| (*at, body.clone())).collect()
    }

    /// What a receiver has taken, in its order.
    pub fn taken(&self, path: &str) -> Vec<Value> {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }

    /// The spans that a receiver was to be a part of, in the order in which it was asked.
    pub fn spans(&self, path: &str) -> Vec<String> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|(to, _)| to == path).map(|(_, span)| span.clone()).collect()
    }
}

/// What a receiver says that nobody has told what to say: these are there in every history.
fn by_name(path: &str) -> Said {
    match path {
        "yes" => Said::Status(200, "yes"),
        "no" => Said::Status(403, "no"),
        _ => Said::Gone,
    }
}

impl Post for Receivers {
    fn post(&self, letter: Letter) -> BoxFuture<'_, Result<Reply, Problem>> {
        let url = letter.endpoint.url.clone().unwrap();
        let path = url.strip_prefix(&format!("{ORIGIN}/")).unwrap().to_owned();
        let body: Value = serde_json::from_slice(&letter.body).unwrap();
        let said = self.speak.lock().unwrap().get_mut(&path).map_or(by_name(&path), |speak| speak(&body));
        if matches!(said, Said::Status(200..300, _)) {
            self.taken.lock().unwrap().push((path.clone(), body.clone()));
        }
        self.spans.lock().unwrap().extend(letter.traceparent.map(|span| (path.clone(), span)));
        self.asked.lock().unwrap().push((self.cluster.elapsed(), path, body));
        let (whose, timeout) = (letter.whose, letter.endpoint.timeout.0);
        let none = move |what: &str| Problem { kind: Kind::Unreachable, message: format!("{ORIGIN} ({whose}) {what}") };
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (status, retry_after, body) = match said {
                Said::Status(status, body) => (status, None, body),
                Said::Busy(seconds) => (503, Some(Duration::from_secs(seconds)), ""),
                Said::Hangs => {
                    tokio::time::sleep(timeout).await;
                    return Err(none(&format!("did not answer within {timeout:?}")));
                }
                Said::Gone => return Err(none("refuses connections")),
            };
            Ok(Reply {
                origin: ORIGIN.into(),
                answer: Answer { status, retry_after, body: body.into(), truncated: false },
            })
        }
        .boxed()
    }
}
