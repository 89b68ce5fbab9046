//! The operator plane on a network: a listener of its own, where the token says who is an operator.

use super::OperatorToken;
use crate::config::{Config, ConfigError};
use crate::failure::Failure;
use crate::listener::{Peer, Socket};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// A TCP listener whose clients are operators if they hold the token.
#[derive(Debug)]
pub(crate) struct GuardedListener {
    listener: TcpListener,
    token: Arc<OperatorToken>,
}

impl GuardedListener {
    /// Listens where `operator.listen` says; nowhere, if it is empty.
    pub(crate) async fn bind(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(address) = config.operator_listen()? else {
            return Ok(None);
        };
        let token = token_of(config)?;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::Failed(format!(
                "cannot listen on {address} (setting `operator.listen`): {error}"
            ))
        })?;
        Ok(Some(Self {
            listener,
            token: Arc::new(token),
        }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The token that the settings name.
pub(crate) fn token_of(config: &Config) -> Result<OperatorToken, ConfigError> {
    OperatorToken::in_file(&config.operator.token_file, &config.operator.name)
}

impl Socket for GuardedListener {
    type Stream = TcpStream;

    async fn accept(&self) -> std::io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.listener.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Holder(address, self.token.clone())))
    }
}
