//! Server-sent events (WHATWG HTML §9.2.6), as a client reads them.

use reqwest::Response;
use serde_json::Value;

/// An event that was read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEvent {
    /// The last id that the stream has said, with this event or before.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its data, as JSON.
    pub data: Value,
}

/// An answer that goes on.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
    id: Option<String>,
}

impl EventStream {
    /// Reads the events of an answer.
    pub fn new(response: Response) -> Self {
        let (unread, id) = (Vec::new(), None);
        Self {
            response,
            unread,
            id,
        }
    }

    /// The answer's head.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The next event; none when the stream ends, however it does.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            while let Some(block) = self.take_block() {
                if let Some(event) = self.read_block(&block) {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.unread.extend_from_slice(&chunk);
        }
    }

    /// What stands before the next empty line.
    fn take_block(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|pair| pair == b"\n\n")?;
        let block = self.unread.drain(..end + 2).collect();
        String::from_utf8(block).ok()
    }

    fn read_block(&mut self, block: &str) -> Option<ServerEvent> {
        let (mut name, mut data) = (String::new(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => self.id = Some(id.to_owned()),
                Some(("event", event)) => name = event.to_owned(),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
        }
        Some(ServerEvent {
            id: self.id.clone(),
            name,
            data: data?,
        })
    }
}
