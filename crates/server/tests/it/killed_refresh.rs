//! A crash in the middle of refreshes: whoever did not hear the answer asks again, and is signed in still.

use crate::http::{Answer, exchange, request};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use serde_json::json;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::thread::{sleep, spawn};
use std::time::Duration;

/// What a client of one session has heard.
struct Client {
    token: String,
    exchanges: usize,
}

impl Client {
    /// Refreshes until the server is gone.
    fn run(mut self, address: SocketAddr) -> Self {
        while let Ok(answer) = refresh(address, &self.token) {
            self.hear(&answer);
        }
        self
    }

    fn hear(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer:?}");
        self.token = answer.text_at("/refresh_token");
        self.exchanges += 1;
    }
}

fn refresh(address: SocketAddr, token: &str) -> std::io::Result<Answer> {
    let body = json!({ "refresh_token": token });
    let text = request("POST", "/v1/auth/refresh", None, Some(&body));
    exchange(address, text.as_bytes())
}

fn nobody_is_signed_out(mut instance: Instance) {
    instance.set("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0");
    let mut server = instance.serve();
    let credentials = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let mut clients: Vec<Client> = (0..4)
        .map(|_| Client {
            token: server
                .post("/v1/auth/login", &credentials)
                .text_at("/refresh_token"),
            exchanges: 0,
        })
        .collect();
    for round in 0..4_u64 {
        let address = server.address;
        let running: Vec<_> = clients
            .into_iter()
            .map(|client| spawn(move || client.run(address)))
            .collect();
        sleep(Duration::from_millis(
            300 + RandomState::new().hash_one(round) % 300,
        ));
        server.kill9();
        clients = running
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        server = instance.serve();
        for client in &mut clients {
            // Its last exchange may have been committed or not. It cannot tell, and need not.
            let answer = refresh(server.address, &client.token).unwrap();
            let again = refresh(server.address, &client.token).unwrap();
            assert_eq!(again.body, answer.body);
            client.hear(&answer);
        }
        let exchanges: usize = clients.iter().map(|client| client.exchanges).sum();
        println!("round {round}: {exchanges} exchanges acknowledged so far");
    }
    let sessions = instance.numbers("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL");
    assert_eq!(sessions, [0]);
    let (acknowledged, committed): (usize, i64) = (
        clients.iter().map(|client| client.exchanges).sum(),
        instance.numbers("SELECT coalesce(sum(generation - 1), 0) FROM token_families")[0],
    );
    // An exchange that nobody heard of was asked for again: it is counted where it was heard.
    assert_eq!(i64::try_from(acknowledged).unwrap(), committed);
    server.terminate().expect_success();
}

#[test]
fn asvs_v10_4_5_a_crash_signs_nobody_out_on_sqlite() {
    nobody_is_signed_out(Instance::on_sqlite());
}

#[test]
fn asvs_v10_4_5_a_crash_signs_nobody_out_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        nobody_is_signed_out(instance);
    }
}
