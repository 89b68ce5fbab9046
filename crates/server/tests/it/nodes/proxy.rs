//! A connection between a node and its database that a test can cut, or hold so that nothing gets through.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// Passes bytes on, while it is let.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    is_held: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// In front of `target`, a host and port.
    pub(super) fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let own = state.clone();
        spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if own.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&target).unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                    own.open.lock().unwrap().push(stream.try_clone().unwrap());
                }
                pass_on(
                    client.try_clone().unwrap(),
                    server.try_clone().unwrap(),
                    own.clone(),
                );
                pass_on(server, client, own.clone());
            }
        });
        Self { address, state }
    }

    /// Closes what is open, and takes nothing new.
    pub(super) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing through any more, and closes nothing: a network that has lost its way.
    pub(super) fn hold(&self) {
        self.state.is_held.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub(super) fn heal(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
        self.state.is_held.store(false, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, state: Arc<State>) {
    spawn(move || {
        let mut bytes = [0; 16_384];
        loop {
            let length = from.read(&mut bytes).unwrap_or(0);
            while state.is_held.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(2));
            }
            if length == 0 || to.write_all(&bytes[..length]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    });
}
