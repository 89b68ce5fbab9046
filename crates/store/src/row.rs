//! Rows, the same from both engines.

use crate::error::Error;
use crate::statement::Statement;
use crate::value::{Column, Named, Parsed, Value};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// One row of an answer. Its values are taken out once each.
pub(crate) struct Row {
    statement: &'static Statement,
    values: Vec<Value>,
    /// What the row begins with, where that is an id: it tells which one is corrupt.
    id: Option<Uuid>,
}

/// What a statement gave: its rows, and how many it changed.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    pub(crate) changed: u64,
}

impl Row {
    fn new(statement: &'static Statement, values: Vec<Value>) -> Self {
        let id = match values.first() {
            Some(Value::Id(id)) => Some(*id),
            Some(Value::Bytes(bytes)) => Uuid::from_slice(bytes).ok(),
            _ => None,
        };
        Self {
            statement,
            values,
            id,
        }
    }

    pub(crate) fn from_sqlite(
        statement: &'static Statement,
        row: &rusqlite::Row<'_>,
        columns: usize,
    ) -> rusqlite::Result<Self> {
        let values = (0..columns)
            .map(|column| {
                row.get::<_, rusqlite::types::Value>(column)
                    .map(Value::from)
            })
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self::new(statement, values))
    }

    pub(crate) fn from_postgres(
        statement: &'static Statement,
        row: &tokio_postgres::Row,
    ) -> Result<Self, Error> {
        let values = (0..row.len())
            .map(|column| postgres_value(statement, row, column))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(statement, values))
    }

    /// The value of a column, by its position in the statement's list.
    pub(crate) fn get<T: Column>(&mut self, column: usize) -> Result<T, Error> {
        let value = self
            .values
            .get_mut(column)
            .map(|value| std::mem::replace(value, Value::Null));
        value
            .and_then(T::from_value)
            .ok_or_else(|| self.corrupt(column))
    }

    /// A text column, read by the type's own rule.
    pub(crate) fn parsed<T: FromStr>(&mut self, column: usize) -> Result<T, Error> {
        self.get::<Parsed<T>>(column).map(|parsed| parsed.0)
    }

    /// The same where there may be none.
    pub(crate) fn parsed_or_null<T: FromStr>(&mut self, column: usize) -> Result<Option<T>, Error> {
        let parsed = self.get::<Option<Parsed<T>>>(column)?;
        Ok(parsed.map(|parsed| parsed.0))
    }

    /// A text column that names a variant.
    pub(crate) fn named<T: DeserializeOwned>(&mut self, column: usize) -> Result<T, Error> {
        self.get::<Named<T>>(column).map(|named| named.0)
    }

    /// The failure that a column's value is not of its form.
    pub(crate) fn corrupt(&self, column: usize) -> Error {
        Error::Corrupt {
            statement: self.statement.name(),
            column,
            row: self.id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

fn postgres_value(
    statement: &'static Statement,
    row: &tokio_postgres::Row,
    column: usize,
) -> Result<Value, Error> {
    let kind = row
        .columns()
        .get(column)
        .map(|column| column.type_().clone());
    let value = match kind {
        Some(Type::INT8) => row.try_get::<_, Option<i64>>(column).map(Value::from),
        Some(Type::TEXT | Type::VARCHAR | Type::NAME) => {
            row.try_get::<_, Option<String>>(column).map(Value::from)
        }
        Some(Type::UUID) => row
            .try_get::<_, Option<uuid::Uuid>>(column)
            .map(Value::from),
        Some(Type::BYTEA) => row
            .try_get::<_, Option<Vec<u8>>>(column)
            .map(|bytes| bytes.map_or(Value::Null, Value::Bytes)),
        _ => {
            return Err(Error::Corrupt {
                statement: statement.name(),
                column,
                row: String::new(),
            });
        }
    };
    value.map_err(|_| Error::Corrupt {
        statement: statement.name(),
        column,
        row: String::new(),
    })
}
