//! From which address a request comes, also through proxies.
//!
//! A header says nothing unless the peer of the connection is a proxy that the operator trusts. Proxies append, so that
//! the list is walked from its right end: trusted ones are passed over, and the first that is not is the client. What
//! stands to the left of it is the client's own word and never read.

mod forwarded;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where proxies write down whom they forward. One alone is read: through a proxy that keeps the other, a client could
/// say in it what it likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, the nearest last.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The networks whose word about the client's address counts; none, unless the operator says so.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

/// A network that is none, or that holds everybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct InvalidProxy {
    text: String,
    problem: &'static str,
}

impl TrustedProxies {
    /// Trusts `networks`, each an address or a CIDR block.
    ///
    /// # Errors
    /// [`InvalidProxy`] names the first that is neither, or that holds every address there is.
    pub fn new<T: AsRef<str>>(
        networks: &[T],
        header: ForwardedHeader,
    ) -> Result<Self, InvalidProxy> {
        let networks = networks
            .iter()
            .map(|text| network_of(text.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { networks, header })
    }

    /// Whether the address is a proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// From where a request comes that `peer` sent with these headers.
    pub(crate) fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.networks.is_empty() || !self.contains(peer) {
            return peer;
        }
        let mut values = headers.get_all(self.header.name()).iter();
        let mut last_good = peer;
        while let Some(value) = values.next_back() {
            for step in self.header.nearest_first(value) {
                // What cannot be read ends the walk: it was not written by a proxy that is trusted, or says nothing.
                let Some(address) = step else {
                    return last_good;
                };
                last_good = address.to_canonical();
                if !self.contains(last_good) {
                    return last_good;
                }
            }
        }
        last_good
    }
}

impl ForwardedHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// The addresses of one field line, the nearest first; none where something else stands.
    fn nearest_first(self, value: &HeaderValue) -> Vec<Option<IpAddr>> {
        // What is no UTF-8 is no address either, and spoils no more than its own element.
        let text = String::from_utf8_lossy(value.as_bytes());
        match self {
            Self::XForwardedFor => text
                .rsplit(',')
                .map(|node| address_of(node.trim()))
                .collect(),
            Self::Forwarded => forwarded::nearest_first(&text),
        }
    }
}

impl fmt::Display for ForwardedHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name().as_str())
    }
}

impl FromStr for ForwardedHeader {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("must be x-forwarded-for or forwarded"),
        }
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let bracketed = text.strip_prefix('[')?.strip_suffix(']')?;
    bracketed.parse().ok().map(IpAddr::V6)
}

fn network_of(text: &str) -> Result<IpNet, InvalidProxy> {
    let invalid = |problem| InvalidProxy {
        text: text.to_owned(),
        problem,
    };
    let parsed = match text.parse::<IpAddr>() {
        Ok(address) => Ok(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>(),
    };
    let network = parsed
        .map_err(|_| invalid("is neither an address nor a network such as 10.0.0.0/8"))
        .map(canonical)?;
    match network.prefix_len() {
        0 => Err(invalid("would trust everybody")),
        _ => Ok(network),
    }
}

/// A network of IPv4-mapped addresses is one of IPv4: peers are compared in that form.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match (network.network().to_canonical(), network.prefix_len()) {
        (IpAddr::V4(address), length) if length >= 96 => Ipv4Net::new(address, length - 96).ok(),
        _ => None,
    };
    match network {
        IpNet::V6(_) => mapped.map_or(network, IpNet::V4),
        IpNet::V4(_) => network,
    }
}

#[cfg(test)]
mod tests;
