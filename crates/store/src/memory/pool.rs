//! Values that many sessions have in common, kept once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A bounded pool. What does not fit is not shared, and that is all.
#[derive(Debug)]
pub(super) struct Pool<K, V: ?Sized> {
    values: HashMap<K, Arc<V>>,
    length_max: usize,
}

impl<K: Hash + Eq, V: PartialEq + ?Sized> Pool<K, V> {
    pub(super) fn of_length(length_max: usize) -> Self {
        Self {
            values: HashMap::new(),
            length_max,
        }
    }

    /// The pool's own copy of this value, and whether it is in the pool.
    pub(super) fn share(&mut self, key: K, value: Arc<V>) -> (Arc<V>, bool) {
        if let Some(known) = self.values.get(&key)
            && **known == *value
        {
            return (known.clone(), true);
        }
        if self.values.len() >= self.length_max && !self.values.contains_key(&key) {
            // Key and value may be the same allocation, hence two owners when nobody else has it.
            self.values.retain(|_, known| Arc::strong_count(known) > 2);
            if self.values.len() >= self.length_max {
                return (value, false);
            }
        }
        self.values.insert(key, value.clone());
        (value, true)
    }
}
