//! The nodes that serve the instance, as operators look at them. What each writes of itself is in `postgres/node.rs`.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::SystemTx;
use keyward_model::Node;

statements! {
    LIST_NODES = "SELECT id, name, version, started_at, seen_at FROM nodes ORDER BY started_at, id";
}

impl SystemTx<'_> {
    /// The nodes that serve this database, the oldest first; on SQLite none, since one at a time serves and needs no row.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_nodes(&mut self) -> Result<Vec<Node>, Error> {
        let mut answer = self.run(&LIST_NODES, vec![]).await?;
        answer.rows.iter_mut().map(read_node).collect()
    }
}

fn read_node(row: &mut Row) -> Result<Node, Error> {
    Ok(Node {
        id: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        started_at: row.get(3)?,
        seen_at: row.get(4)?,
    })
}
