//! Whoever carries requests to receivers: the network, or a test.

use chrono::{DateTime, Utc};
use crds::endpoint::Endpoint;
use futures::{FutureExt, future::BoxFuture};
use kube::Client;

use super::{Answer, Egress, Problem, open};

/// A request to a receiver that an object names.
pub struct Parcel<'a> {
    /// The namespace of the object, and of its Secrets.
    pub namespace: &'a str,
    /// Where it goes.
    pub endpoint: &'a Endpoint,
    /// What names it, for people, such as `gate load of RolloutPolicy shop/front`.
    pub whose: &'a str,
    /// What the body is.
    pub content_type: &'a str,
    /// The body.
    pub body: Vec<u8>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// Carries requests to receivers.
pub trait Carry: Send + Sync {
    /// Sends once, and waits for the answer within the endpoint's timeout; with the receiver's origin.
    fn carry<'a>(&'a self, parcel: Parcel<'a>) -> BoxFuture<'a, Result<(String, Answer), Problem>>;
}

/// By HTTP, with Secrets read anew for each request.
pub struct Http {
    /// Reads the Secrets.
    pub client: Client,
    /// Where requests may go.
    pub egress: Egress,
}

impl Carry for Http {
    fn carry<'a>(&'a self, parcel: Parcel<'a>) -> BoxFuture<'a, Result<(String, Answer), Problem>> {
        async move {
            let Parcel { namespace, endpoint, whose, content_type, body, at } = parcel;
            let receiver = open(&self.client, namespace, endpoint, whose, self.egress).await?;
            let answer = receiver.post(content_type, body, at).await?;
            Ok((receiver.origin().to_owned(), answer))
        }
        .boxed()
    }
}
