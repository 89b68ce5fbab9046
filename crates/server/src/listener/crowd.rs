//! How many connections each network has open, so that none takes all there are.

use keyward_api::TrustedProxies;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts; at most as many as there are connections.
#[derive(Debug)]
pub(super) struct Crowd {
    connections_max: usize,
    trusted_proxies: TrustedProxies,
    open: Mutex<HashMap<u128, usize>>,
}

/// A connection that was counted. Dropping it takes it off.
#[derive(Debug)]
pub(super) struct Counted {
    crowd: Arc<Crowd>,
    network: u128,
}

impl Crowd {
    /// At most `connections_max` from each network but the proxies, behind which there are many clients.
    pub(super) fn new(connections_max: usize, trusted_proxies: TrustedProxies) -> Arc<Self> {
        Arc::new(Self {
            connections_max,
            trusted_proxies,
            open: Mutex::default(),
        })
    }

    /// Counts a connection from there; an error, if it is one too many.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Option<Counted>, ()> {
        let address = address.to_canonical();
        if self.trusted_proxies.contains(address) {
            return Ok(None);
        }
        let network = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            // An IPv6 subscriber has at least a /64.
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        };
        let mut open = self.lock();
        let count = open.entry(network).or_default();
        if *count >= self.connections_max {
            return Err(());
        }
        *count += 1;
        drop(open);
        let crowd = self.clone();
        Ok(Some(Counted { crowd, network }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;
    use keyward_api::{ForwardedHeader, TrustedProxies};

    #[test]
    fn a_network_has_its_places_and_gives_them_back() {
        let proxies = TrustedProxies::new(&["10.0.0.0/8"], ForwardedHeader::default()).unwrap();
        let crowd = Crowd::new(2, proxies);
        let admit = |address: &str| crowd.admit(address.parse().unwrap());
        let first = admit("192.0.2.1");
        let second = admit("::ffff:192.0.2.1");
        assert!(first.is_ok() && second.is_ok());
        assert!(admit("192.0.2.1").is_err());
        assert!(admit("192.0.2.2").is_ok());
        drop(first);
        assert!(admit("192.0.2.1").is_ok());
        let one = admit("2001:db8::1");
        let two = admit("2001:db8::2");
        assert!(one.is_ok() && two.is_ok() && admit("2001:db8::3").is_err());
        assert!(admit("2001:db8:0:1::1").is_ok());
        let proxies: Vec<_> = (0..9).map(|_| admit("10.0.0.1")).collect();
        assert!(proxies.iter().all(|admitted| matches!(admitted, Ok(None))));
        drop((second, one, two));
        assert!(crowd.lock().is_empty());
    }
}
