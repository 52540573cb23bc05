//! Objects as they go over the wire. Most reads find an object unchanged, so its text is kept.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::kinds::Key;

#[derive(Clone, Default)]
struct Texts {
    whole: Option<Bytes>,
    item: Option<Bytes>,
}

/// The texts of the objects that were asked for.
#[derive(Clone, Default)]
pub struct Wire(BTreeMap<Key, (Arc<Value>, Texts)>);

impl Wire {
    /// The whole object.
    pub fn whole(&mut self, key: &Key, object: &Arc<Value>) -> Bytes {
        let texts = self.texts(key, object);
        texts.whole.get_or_insert_with(|| object.to_string().into()).clone()
    }

    /// The object as an item of a list, which says the kind once for all.
    pub fn item(&mut self, key: &Key, object: &Arc<Value>) -> Bytes {
        if key.kind.custom {
            return self.whole(key, object);
        }
        let texts = self.texts(key, object);
        texts.item.get_or_insert_with(|| text(&Untyped(object)).into()).clone()
    }

    fn texts(&mut self, key: &Key, object: &Arc<Value>) -> &mut Texts {
        if !self.0.get(key).is_some_and(|(known, _)| Arc::ptr_eq(known, object)) {
            self.0.insert(key.clone(), (object.clone(), Texts::default()));
        }
        &mut self.0.get_mut(key).unwrap().1
    }
}

struct Untyped<'a>(&'a Value);

impl Serialize for Untyped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.as_object().into_iter().flatten() {
            if name != "apiVersion" && name != "kind" {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

fn text(object: &impl Serialize) -> String {
    serde_json::to_string(object).unwrap()
}
