//! Changes of single fields, and the versions that they are meant for.

/// What becomes of a field: a change that does not name it leaves it alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// The field as it becomes.
    pub fn over(self, current: T) -> T {
        match self {
            Self::Keep => current,
            Self::Set(value) => value,
        }
    }
}

/// Which version of a thing a change is meant for (`If-Match`, RFC 9110 §13.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whichever there is.
    #[default]
    Any,
    /// One of these.
    Versions(Vec<i64>),
}

impl Expected {
    /// Whether a thing of this version may be changed.
    pub fn admits(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Expected};

    #[test]
    fn what_is_not_named_stays() {
        assert_eq!(Change::Keep.over(Some(1)), Some(1));
        assert_eq!(Change::Set(None).over(Some(1)), None);
    }

    #[test]
    fn a_change_may_name_the_versions_that_it_is_meant_for() {
        assert!(Expected::Any.admits(7));
        assert!(Expected::Versions(vec![6, 7]).admits(7));
        assert!(!Expected::Versions(vec![]).admits(7));
    }
}
