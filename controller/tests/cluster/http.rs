//! The front of the API server: from an HTTP request to a change of the store, with the faults on the way.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use tokio::time::sleep;
use tower::BoxError;

use super::{
    Shared, State,
    clock::Moment,
    failure::Failure,
    faults::{Crash, Fault},
    request::{ApiRequest, Reply},
    watch,
};

pub type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// One line of the request log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Moment,
    pub identity: String,
    /// As RBAC names it: `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    pub group: String,
    /// With its subresource: `releases/status`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub path: String,
    /// 0 when no answer was given.
    pub status: u16,
    /// Its index among the client's counted writes.
    pub write: Option<u64>,
}

enum Outcome {
    Answer(Answer),
    Late(Duration, Answer),
    Reset,
    Never,
}

/// A client of the cluster, as the transport sees it.
#[derive(Clone)]
pub struct Caller {
    pub identity: String,
    /// The process it belongs to: dead once the identity has died more often.
    pub deaths: u64,
}

/// Serves one request.
pub async fn serve(shared: Arc<Shared>, caller: Caller, request: Request<Body>) -> Result<Answer, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let lag = shared.lock().request_lag();
    sleep(lag).await;
    match outcome(&shared, &caller, &parts, &body) {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Late(after, answer) => {
            sleep(after).await;
            Ok(answer)
        }
        Outcome::Reset => Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset").into()),
        Outcome::Never => std::future::pending().await,
    }
}

fn outcome(shared: &Arc<Shared>, caller: &Caller, parts: &Parts, body: &Bytes) -> Outcome {
    let mut guard = shared.lock();
    let state = &mut *guard;
    let identity = caller.identity.as_str();
    if state.faults.deaths(identity) > caller.deaths {
        return Outcome::Never;
    }
    let request = ApiRequest::parse(&state.store, identity, parts, body);
    let counts = request.as_ref().is_ok_and(ApiRequest::is_counted_write);
    let (fault, write) = state.faults.next(identity, counts);
    state.request_arrives(identity, write);
    let outcome = match (fault, &request) {
        (Some(Fault::CrashBefore | Fault::Reset), _) => Outcome::Reset,
        (Some(Fault::Hang), _) => Outcome::Never,
        (Some(Fault::Error(504)), _) => Outcome::Late(Duration::from_secs(10), refusal(&Failure::injected(504))),
        (Some(Fault::Error(code)), _) => Outcome::Answer(refusal(&Failure::injected(code))),
        (_, Err(failure)) => Outcome::Answer(refusal(failure)),
        (_, Ok(request)) => {
            let answer = perform(shared, state, request);
            state.request_is_applied(identity, write);
            match fault {
                Some(Fault::CrashAfter | Fault::LostAnswer) => Outcome::Reset,
                _ => Outcome::Answer(answer),
            }
        }
    };
    let status = match &outcome {
        Outcome::Answer(answer) | Outcome::Late(_, answer) => answer.status().as_u16(),
        Outcome::Reset | Outcome::Never => 0,
    };
    if let Ok(request) = &request {
        state.log.push(entry(state.store.clock.elapsed(), caller, request, parts, status, write));
    }
    if let Some(fault) = fault.filter(|fault| fault.is_crash()) {
        state.crash(Crash { identity: identity.to_owned(), write: write.unwrap_or(0), fault });
        shared.crashed.notify_one();
    }
    outcome
}

fn entry(at: Moment, caller: &Caller, request: &ApiRequest, parts: &Parts, status: u16, write: Option<u64>) -> Entry {
    let resource = match request.subresource.as_str() {
        "" => request.resource.clone(),
        sub => format!("{}/{sub}", request.resource),
    };
    Entry {
        at,
        identity: caller.identity.clone(),
        verb: request.verb,
        group: request.group.clone(),
        resource,
        namespace: request.namespace.clone(),
        name: request.name.clone(),
        path: parts.uri.to_string(),
        status,
        write,
    }
}

fn perform(shared: &Arc<Shared>, state: &mut State, request: &ApiRequest) -> Answer {
    if state.faults.is_refused(&request.identity, request.verb, &request.resource) {
        return refusal(&Failure::injected(403));
    }
    match request.perform(state) {
        Ok(Reply::Json(code, text)) => json(code, text),
        Ok(Reply::Text(text)) => answer(200, "text/plain", Bytes::from(text)),
        Ok(Reply::Watch { interest, first, bookmarks, lasts }) => {
            let lines = state.store.hub.open(interest.clone(), first);
            let body = watch::stream(shared.clone(), interest, lines, bookmarks, lasts);
            Response::builder()
                .header("content-type", "application/json")
                .body(StreamBody::new(body).boxed_unsync())
                .unwrap()
        }
        Err(failure) => refusal(&failure),
    }
}

fn refusal(failure: &Failure) -> Answer {
    json(failure.code, failure.body().to_string().into())
}

fn json(code: u16, body: Bytes) -> Answer {
    answer(code, "application/json", body)
}

fn answer(code: u16, media: &str, body: Bytes) -> Answer {
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(code).header("content-type", media).body(body).unwrap()
}
