//! How both sides of a connection know each other.

use crds::endpoint::Endpoint;
use kube::Client;
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::{AlertDescription, CertificateError, Error};

use super::{Problem, misconfigured, secret};

/// Gives a client the authorities that it trusts and the certificate that it shows.
///
/// # Errors
/// A Secret cannot be had, or holds something else.
pub(super) async fn dress(
    builder: ClientBuilder,
    client: &Client,
    namespace: &str,
    endpoint: &Endpoint,
    whose: &str,
) -> Result<ClientBuilder, Problem> {
    // An image of nothing but a program has no authorities of a system.
    let mut builder = if endpoint.ca.is_none() { builder.tls_certs_merge(browsers()) } else { builder };
    if let Some(ca) = &endpoint.ca {
        let [pem] = secret::read(client, namespace, &ca.name, [&ca.key], whose).await?;
        match Certificate::from_pem_bundle(pem.reveal()) {
            Ok(found) if !found.is_empty() => builder = builder.tls_certs_only(found),
            _ => {
                return Err(misconfigured(format!(
                    "key {} of Secret {namespace}/{}, the ca of {whose}, holds no certificates: write them as PEM",
                    ca.key, ca.name
                )));
            }
        }
    }
    if let Some(own) = &endpoint.client_certificate {
        let [certificate, key] = secret::read(client, namespace, &own.name, ["tls.crt", "tls.key"], whose).await?;
        let pem = [certificate.reveal(), b"\n", key.reveal()].concat();
        builder = builder.identity(Identity::from_pem(&pem).map_err(|_| {
            misconfigured(format!(
                "tls.crt and tls.key of Secret {namespace}/{}, the clientCertificate of {whose}, are no certificate and its private key: write both as PEM",
                own.name
            ))
        })?);
    }
    Ok(builder)
}

/// The authorities that browsers trust.
pub(crate) fn browsers() -> Vec<Certificate> {
    let all = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    all.filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// Why no trust could be established, and what to do.
pub(super) fn distrust(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired: renew it"
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "its certificate is not valid yet: compare the clocks"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name: correct the url or the certificate",
        Error::InvalidCertificate(_) => "its certificate is of nobody known: give the authority that signed it in ca",
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure,
        ) => "it wants a certificate that it knows: check clientCertificate",
        _ => "it speaks no TLS that we know: check that the url is one of https",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorities_of_browsers_can_all_be_read() {
        assert_eq!(browsers().len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(browsers().len() > 100);
    }
}
