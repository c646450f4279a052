//! The shared data of a process, in memory.

use crate::host::SharedValue;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tollgate_core::machine::Version;

/// The shared data of one process. Clones share the same values.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Rc<RefCell<SharedValues>>);

/// Values and their versions, by key.
type SharedValues = BTreeMap<String, (Vec<u8>, u32)>;

impl SharedData {
    /// Returns all keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.0.borrow().keys().cloned().collect()
    }

    /// Reads a value.
    pub fn load(&self, key: &str) -> SharedValue {
        match self.0.borrow().get(key) {
            Some((value, version)) => {
                let value = Some(value.clone()).filter(|value| !value.is_empty());
                SharedValue { value, version: Version(*version) }
            }
            None => SharedValue { value: None, version: Version::ABSENT },
        }
    }

    /// Writes a value unless its version has changed. Returns whether it was written.
    pub fn swap(&self, key: &str, value: &[u8], version: Version) -> bool {
        let mut values = self.0.borrow_mut();
        let present = values.get(key).map_or(Version::ABSENT, |(_, version)| Version(*version));
        if present != version {
            return false;
        }
        values.insert(key.to_owned(), (value.to_vec(), present.0.saturating_add(1)));
        true
    }
}

/// A function that is called once between the read and the write of a value, as another worker might write
/// then.
#[derive(Default)]
pub struct Interruption(pub Option<Box<dyn FnOnce()>>);

impl std::fmt::Debug for Interruption {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Interruption").field(&self.0.is_some()).finish()
    }
}
