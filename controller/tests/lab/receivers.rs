//! Receivers of messages that fail as they are told to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use controller::outbound::{Answer, Carry, Kind, Parcel, Problem};
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;

/// What a receiver does with a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// It takes it, and answers with this status and body.
    Takes(u16, &'static str),
    /// It does not take it, and answers with this status and body.
    Refuses(u16, &'static str),
    /// It does not answer, and has not taken it.
    Hangs,
}

type Mood = Box<dyn FnMut(&str, &Value) -> Doing + Send>;

/// All receivers, by their addresses.
#[derive(Clone)]
pub struct Receivers(Arc<Mutex<Inner>>);

struct Inner {
    mood: Mood,
    taken: Vec<(String, Value)>,
    tries: usize,
}

impl Default for Receivers {
    fn default() -> Self {
        let mood = Box::new(|_: &str, _: &Value| Doing::Takes(200, "ok"));
        Self(Arc::new(Mutex::new(Inner { mood, taken: Vec::new(), tries: 0 })))
    }
}

impl Receivers {
    /// From now on they do as this says, which is asked for each message with the receiver's address.
    pub fn behave(&self, mood: impl FnMut(&str, &Value) -> Doing + Send + 'static) {
        self.0.lock().unwrap().mood = Box::new(mood);
    }

    /// What was taken at an address, in its order.
    pub fn taken(&self, url: &str) -> Vec<Value> {
        let inner = self.0.lock().unwrap();
        inner.taken.iter().filter(|(at, _)| at == url).map(|(_, body)| body.clone()).collect()
    }

    /// How often was tried.
    pub fn tries(&self) -> usize {
        self.0.lock().unwrap().tries
    }
}

impl Carry for Receivers {
    fn carry<'a>(&'a self, parcel: Parcel<'a>) -> BoxFuture<'a, Result<(String, Answer), Problem>> {
        let url = parcel.endpoint.url.clone().unwrap();
        let body: Value = serde_json::from_slice(&parcel.body).unwrap();
        let timeout = parcel.endpoint.timeout.0;
        async move {
            // A moment on the way.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let doing = {
                let mut inner = self.0.lock().unwrap();
                inner.tries += 1;
                let doing = (inner.mood)(&url, &body);
                if matches!(doing, Doing::Takes(..)) {
                    inner.taken.push((url.clone(), body));
                }
                doing
            };
            let (status, body) = match doing {
                Doing::Takes(status, body) | Doing::Refuses(status, body) => (status, body),
                Doing::Hangs => {
                    tokio::time::sleep(timeout).await;
                    let message = format!("{url} did not answer within {timeout:?}");
                    return Err(Problem { kind: Kind::Unreachable, message });
                }
            };
            let body = body.as_bytes().to_vec();
            Ok((url, Answer { status, retry_after: None, body, truncated: false }))
        }
        .boxed()
    }
}
