//! How a receiver knows that a request is the controller's.

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::secret::Hidden;

/// When the request was made, in seconds since 1970.
const TIMESTAMP: HeaderName = HeaderName::from_static("sluice-timestamp");
/// The version of the signature and the signature.
const SIGNATURE: HeaderName = HeaderName::from_static("sluice-signature");

/// The headers of the controller's own.
pub(super) const OWN: [HeaderName; 2] = [TIMESTAMP, SIGNATURE];

/// A key to sign with; not empty.
pub(super) struct Key(Hidden);

impl Key {
    /// `None` for an empty key. The line break that files end with is no part of it.
    pub(super) fn new(value: Hidden) -> Option<Self> {
        (!value.line().is_empty()).then_some(Self(value))
    }

    /// The headers of a request made at a time.
    pub(super) fn sign(&self, at: DateTime<Utc>, body: &[u8]) -> HeaderMap {
        let timestamp = at.timestamp();
        let mut signed = format!("{timestamp}.").into_bytes();
        signed.extend_from_slice(body);
        let signature = format!("v1={}", hex(&code(self.0.line(), &signed)));
        let mut headers = HeaderMap::from_iter([(TIMESTAMP, HeaderValue::from(timestamp))]);
        // Digits, letters and an equals sign are always a value.
        headers.extend(HeaderValue::try_from(signature).ok().map(|value| (SIGNATURE, value)));
        headers
    }
}

/// HMAC-SHA256, RFC 2104.
fn code(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap_or_else(|never| unreachable!("any length: {never}"));
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_published_vectors() {
        // RFC 4231, test cases 1, 2 and 6.
        for (key, message, expected) in [
            (vec![0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&code(&key, message.as_bytes())), expected);
        }
    }

    #[test]
    fn a_request_is_signed_with_its_time_and_its_body() {
        // openssl dgst -sha256 -hmac 'pl4nted key', of "1700000000.{}".
        let key = Key::new(Hidden::new("pl4nted key\r\n")).unwrap();
        let headers = key.sign(DateTime::from_timestamp(1_700_000_000, 900).unwrap(), b"{}");
        assert_eq!(headers["Sluice-Timestamp"], "1700000000");
        assert_eq!(headers["Sluice-Signature"], format!("v1={}", OPENSSL));
    }

    const OPENSSL: &str = "0eda8a3b942a292101a5811b7c5e2e4880f7203ffde0c07d98d9521a2d6a3e99";

    #[test]
    fn a_key_of_nothing_signs_nothing() {
        assert!(Key::new(Hidden::new("\n")).is_none());
    }
}
