//! How both sides of a connection know each other.

use super::certificates::{Authority, Certified, secure_receiver};
use super::*;

const LATER: i32 = 4000;

fn trusting(url: &str) -> Value {
    json!({"url": format!("{url}/good"), "timeout": "5s", "ca": {"name": "hook", "key": "ca.crt"}})
}

/// With the receiver's authority in `ca`, and a certificate to show.
async fn knock(url: &str, authority: &Authority, own: Option<(&Certified, &Certified)>) -> Result<Answer, Problem> {
    let mut fields = trusting(url);
    let mut hook = json!({"ca.crt": authority.pem()});
    if let Some((certificate, key)) = own {
        fields["clientCertificate"] = json!({"name": "hook"});
        hook["tls.crt"] = certificate.certificate.clone().into();
        hook["tls.key"] = key.key.clone().into();
    }
    post(fields, &[("hook", hook)]).await
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_and_no_other() {
    let (known, other) = (Authority::new(), Authority::new());
    let url = secure_receiver(&known.certify("127.0.0.1", LATER), None).await;
    assert_eq!(knock(&url, &known, None).await.unwrap().status, 200);
    let problem = knock(&url, &other, None).await.unwrap_err();
    says(
        &problem,
        Kind::Unreachable,
        "by TLS: its certificate is of nobody known: give the authority that signed it in ca",
    );
    let problem = post(json!({"url": url}), &[]).await.unwrap_err();
    says(&problem, Kind::Unreachable, "its certificate is of nobody known");
}

#[tokio::test]
async fn a_certificate_that_has_expired_or_is_for_another_name_is_told_as_such() {
    let authority = Authority::new();
    let url = secure_receiver(&authority.certify("127.0.0.1", 2001), None).await;
    says(&knock(&url, &authority, None).await.unwrap_err(), Kind::Unreachable, "its certificate has expired: renew it");
    let url = secure_receiver(&authority.certify("hooks.example.com", LATER), None).await;
    says(&knock(&url, &authority, None).await.unwrap_err(), Kind::Unreachable, "its certificate is for another name");
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_receiver_that_wants_one() {
    let (theirs, ours) = (Authority::new(), Authority::new());
    let url = secure_receiver(&theirs.certify("127.0.0.1", LATER), Some(&ours)).await;
    let (own, forged) = (ours.certify("sluice", LATER), theirs.certify("sluice", LATER));
    assert_eq!(knock(&url, &theirs, Some((&own, &own))).await.unwrap().status, 200);
    for wrong in [None, Some((&forged, &forged))] {
        let problem = knock(&url, &theirs, wrong).await.unwrap_err();
        says(&problem, Kind::Unreachable, "it wants a certificate that it knows: check clientCertificate");
    }
    let problem = knock(&url, &theirs, Some((&own, &forged))).await.unwrap_err();
    says(&problem, Kind::Misconfigured, "tls.crt and tls.key of clientCertificate belong together");
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_told_as_such() {
    let (url, _) = receiver().await;
    let problem = post(json!({"url": url.replace("http://", "https://"), "timeout": "5s"}), &[]).await.unwrap_err();
    says(&problem, Kind::Unreachable, "by TLS: it speaks no TLS that we know");
}
