//! Pages of a list: a limit, and a cursor that says where the next one begins.

use crate::Id;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// How many items a page has when nothing is asked for.
const LIMIT_DEFAULT: u16 = 50;
/// How many it has at most.
const LIMIT_MAX: u16 = 200;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    limit: u16,
    /// Where it begins; the first page has none.
    pub after: Option<Cursor>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

/// The id of the last item seen. Opaque to clients, and no secret: a list is filtered by tenant whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(Uuid);

/// The text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this list gave")]
pub struct InvalidCursor;

impl PageRequest {
    /// A page of `limit` items (50 if none is given, at least 1, at most 200).
    pub fn new(limit: Option<u16>, after: Option<Cursor>) -> Self {
        Self {
            limit: limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX),
            after,
        }
    }

    /// How many items the page has at most.
    pub fn limit(self) -> usize {
        usize::from(self.limit)
    }
}

impl<T> Page<T> {
    /// Makes a page of rows that were read with one more than the limit, to know whether there are more.
    pub fn from_rows<K>(mut rows: Vec<T>, request: PageRequest, id: impl Fn(&T) -> Id<K>) -> Self {
        let more = rows.len() > request.limit();
        rows.truncate(request.limit());
        let next = rows
            .last()
            .filter(|_| more)
            .map(|row| Cursor(id(row).uuid()));
        Self { items: rows, next }
    }

    /// The same page of other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

impl Cursor {
    /// The id behind it.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), formatter)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Page, PageRequest};
    use crate::{Id, User};
    use uuid::Uuid;

    #[test]
    fn a_full_page_says_where_the_next_begins() {
        let request = PageRequest::new(Some(2), None);
        let id = |row: &u128| Id::<User>::from_uuid(Uuid::from_u128(*row));
        let page = Page::from_rows(vec![1, 2, 3], request, id);
        assert_eq!(
            (page.items, page.next.map(Cursor::uuid)),
            (vec![1, 2], Some(Uuid::from_u128(2)))
        );
        assert_eq!(Page::from_rows(vec![1, 2], request, id).next, None);
    }

    #[test]
    fn limits_are_clamped() {
        assert_eq!(PageRequest::new(None, None).limit(), 50);
        assert_eq!(PageRequest::new(Some(0), None).limit(), 1);
        assert_eq!(PageRequest::new(Some(9_999), None).limit(), 200);
    }
}
