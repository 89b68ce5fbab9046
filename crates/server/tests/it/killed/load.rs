//! Clients that register, sign in, sign out and are administered, until the server is gone.

use super::facts::{Facts, SessionFact, UserFact};
use crate::http::{Answer, exchange, request};
use crate::instance::{ADMIN, ADMIN_PASSWORD, PASSWORD};
use crate::process::Server;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

const CLIENTS: usize = 8;

/// The clients, each on a thread of its own.
pub(super) struct Load {
    acknowledged: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Facts>>,
}

/// One client: it goes through the life of one user after the other.
struct Client {
    address: SocketAddr,
    name: String,
    /// The administrator's access token.
    administrator: String,
    facts: Facts,
}

/// The server is gone.
struct Gone;

impl Load {
    pub(super) fn start(server: &Server, round: u64) -> Self {
        let credentials = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
        let administrator = server
            .post("/v1/auth/login", &credentials)
            .text_at("/access_token");
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let clients = (0..CLIENTS)
            .map(|number| {
                let client = Client {
                    address: server.address,
                    name: format!("round{round}-client{number}"),
                    administrator: administrator.clone(),
                    facts: Facts::default(),
                };
                let acknowledged = acknowledged.clone();
                spawn(move || client.run(&acknowledged))
            })
            .collect();
        Self {
            acknowledged,
            clients,
        }
    }

    /// Lets it run for so long, and longer on a machine so busy that not every client is through once.
    pub(super) fn run_for(&self, milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds));
        while self.acknowledged.load(Ordering::SeqCst) < CLIENTS {
            assert!(
                self.clients.iter().any(|client| !client.is_finished()),
                "no client is left"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// What was acknowledged to all of them.
    pub(super) fn finish(self) -> Facts {
        let mut facts = Facts::default();
        for client in self.clients {
            facts.extend(client.join().unwrap());
        }
        facts
    }
}

impl Client {
    fn run(mut self, acknowledged: &AtomicUsize) -> Facts {
        for number in 0.. {
            let before = self.facts.count();
            let outcome = self.live_once(number);
            acknowledged.fetch_add(usize::from(self.facts.count() > before), Ordering::SeqCst);
            if outcome.is_err() {
                break;
            }
        }
        self.facts
    }

    /// Registers, signs in twice, signs out once, and is disabled every other time.
    fn live_once(&mut self, number: usize) -> Result<(), Gone> {
        let email = format!("{}-{number}@example.org", self.name);
        let credentials = json!({ "email": email, "password": PASSWORD });
        let registered = self.send("/v1/auth/register", None, Some(&credentials), 201)?;
        let id = registered.text_at("/user/id");
        self.facts.user(&id, UserFact::Active);
        let first = self.sign_in(&credentials)?;
        let second = self.sign_in(&credentials)?;
        self.facts.session(&first, SessionFact::Unknown);
        self.send("/v1/auth/logout", Some(&first), None, 204)?;
        self.facts.session(&first, SessionFact::Over);
        if number % 2 == 1 {
            self.facts.user(&id, UserFact::Unknown);
            self.facts.session(&second, SessionFact::Unknown);
            let path = format!("/v1/admin/users/{id}/disable");
            let administrator = self.administrator.clone();
            self.send(&path, Some(&administrator), None, 200)?;
            self.facts.user(&id, UserFact::Disabled);
            self.facts.session(&second, SessionFact::Over);
        }
        Ok(())
    }

    fn sign_in(&mut self, credentials: &Value) -> Result<String, Gone> {
        let answer = self.send("/v1/auth/login", None, Some(credentials), 200)?;
        let token = answer.text_at("/access_token");
        self.facts.session(&token, SessionFact::Live);
        Ok(token)
    }

    fn send(
        &self,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
        expected: u16,
    ) -> Result<Answer, Gone> {
        let text = request("POST", path, token, body);
        let answer = exchange(self.address, text.as_bytes()).map_err(|_| Gone)?;
        assert_eq!(answer.status, expected, "{path}: {answer:?}");
        Ok(answer)
    }
}
