//! Values that go into statements, and the types that come out of rows.

use keyward_model::{Digest, Id, SealedBytes, Timestamp};
use rusqlite::types::{ToSqlOutput, Value as SqliteValue};
use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::fmt;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use uuid::Uuid;

/// A value of one of the column types: `BIGINT`, `TEXT`, `BYTEA`, `UUID`, or nothing.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    Id(Uuid),
}

/// The type alone: drivers log their parameters, and some of ours are password hashes.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer",
            Self::Text(_) => "Text",
            Self::Bytes(_) => "Bytes",
            Self::Id(_) => "Id",
        })
    }
}

impl Value {
    /// The `snake_case` name of an enum's variant, as it is stored.
    pub(crate) fn name_of<T: Serialize>(variant: &T) -> Self {
        match serde_json::to_value(variant) {
            Ok(serde_json::Value::String(name)) => Self::Text(name),
            _ => Self::Null,
        }
    }
}

impl<K> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Self {
        Self::Id(id.uuid())
    }
}
impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Integer(moment.micros())
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A type that a column's value becomes; `None` when the value is not of its form.
pub(crate) trait Column: Sized {
    fn from_value(value: Value) -> Option<Self>;
}

impl Column for i64 {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }
}
impl Column for String {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}
impl Column for Vec<u8> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
impl Column for Uuid {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Id(id) => Some(id),
            Value::Bytes(bytes) => Uuid::from_slice(&bytes).ok(),
            _ => None,
        }
    }
}
impl<K> Column for Id<K> {
    fn from_value(value: Value) -> Option<Self> {
        Uuid::from_value(value).map(Self::from_uuid)
    }
}
impl Column for Timestamp {
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Self::from_micros)
    }
}
impl Column for SealedBytes {
    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value).map(Self)
    }
}
impl Column for Digest {
    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value)?.try_into().ok().map(Self)
    }
}
impl<T: Column> Column for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A text column that is read by the type's own rule, for instance an address or a slug.
pub(crate) struct Parsed<T>(pub(crate) T);

impl<T: std::str::FromStr> Column for Parsed<T> {
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value)?.parse().ok().map(Self)
    }
}

/// A text column that holds the name of an enum's variant.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Named<T> {
    fn from_value(value: Value) -> Option<Self> {
        let name = String::from_value(value)?;
        let deserializer: StrDeserializer<'_, serde::de::value::Error> =
            name.as_str().into_deserializer();
        T::deserialize(deserializer).ok().map(Self)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(SqliteValue::Null),
            Self::Integer(number) => ToSqlOutput::from(*number),
            Self::Text(text) => ToSqlOutput::from(text.as_str()),
            Self::Bytes(bytes) => ToSqlOutput::from(bytes.as_slice()),
            Self::Id(id) => ToSqlOutput::from(id.as_bytes().as_slice()),
        })
    }
}

impl From<SqliteValue> for Value {
    fn from(value: SqliteValue) -> Self {
        match value {
            SqliteValue::Null => Self::Null,
            SqliteValue::Integer(number) => Self::Integer(number),
            // No column of ours is REAL in a STRICT table; a number here is corrupt and fails its column's type.
            SqliteValue::Real(_) => Self::Null,
            SqliteValue::Text(text) => Self::Text(text),
            SqliteValue::Blob(bytes) => Self::Bytes(bytes),
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        column: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql_checked(column, out),
            Self::Text(text) => text.to_sql_checked(column, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(column, out),
            Self::Id(id) => id.to_sql_checked(column, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn asvs_v16_2_5_a_value_in_a_log_shows_its_type_alone() {
        let secret = Value::from("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA");
        assert_eq!(
            format!("{:?}", [secret, Value::Integer(7)]),
            "[Text, Integer]"
        );
    }
}
