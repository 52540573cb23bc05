//! Paths and query strings of the API.

use std::collections::BTreeMap;

/// `/api/v1/namespaces/shop/pods/web-1/log`, in parts.
pub struct Path<'a> {
    pub group: &'a str,
    pub version: &'a str,
    pub namespace: &'a str,
    pub resource: &'a str,
    pub name: &'a str,
    pub subresource: &'a str,
}

impl<'a> Path<'a> {
    pub fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.split_first()? {
            (&"api", rest) => ("", rest),
            (&"apis", rest) => rest.split_first().map(|(group, rest)| (*group, rest))?,
            _ => return None,
        };
        let (version, rest) = rest.split_first()?;
        let (namespace, rest) = match rest {
            ["namespaces", namespace, inner @ ..] if !inner.is_empty() && *inner != ["status"] => (*namespace, inner),
            all => ("", all),
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or("");
        (!rest.is_empty() && rest.len() <= 3).then_some(Self {
            group,
            version,
            namespace,
            resource: part(0),
            name: part(1),
            subresource: part(2),
        })
    }
}

pub fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
