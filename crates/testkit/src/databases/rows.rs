//! Raw SQL past the store: the administrator's view.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Rows, each with its columns as text; a null is none.
pub type Rows = Vec<Vec<Option<String>>>;

/// The rows of a query as the role of a URL sees them.
pub async fn query_postgres(url: &str, query: &str) -> Rows {
    self::query(&connect(url).await, query).await
}

pub(super) async fn query(client: &Client, query: &str) -> Rows {
    let messages = client.simple_query(query).await.unwrap();
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let column = |index| row.get(index).map(str::to_owned);
                Some((0..row.len()).map(column).collect())
            }
            _ => None,
        })
        .collect()
}

pub(super) async fn execute_postgres(url: &str, text: &str) {
    connect(url).await.batch_execute(text).await.unwrap();
}

/// A connection that ends with its client.
pub(super) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(super) fn query_sqlite(connection: &Connection, query: &str) -> Rows {
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| row.get_ref(column).map(text_of))
            .collect()
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}
