//! How many connections are open, and may be: all together and of one address.

use crate::{model::network, settings::Http};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What is open, and the limits.
#[derive(Debug)]
pub(super) struct Slots {
    open: AtomicUsize,
    max: usize,
    /// Networks with open connections; those of proxies are not counted.
    by_network: Mutex<HashMap<IpAddr, usize>>,
    max_by_network: usize,
    proxies: Vec<IpNet>,
}

impl Slots {
    pub(super) fn new(http: &Http) -> Arc<Self> {
        let unlimited = |max| if max == 0 { usize::MAX } else { max };
        Arc::new(Self {
            open: AtomicUsize::new(0),
            max: unlimited(http.max_connections),
            by_network: Mutex::default(),
            max_by_network: unlimited(http.max_connections_per_address),
            proxies: http.trusted_proxies.clone(),
        })
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // No code between two changes panics, so a poisoned map is still whole.
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to be open, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    /// `None`: not counted by address.
    network: Option<IpAddr>,
}

impl Slot {
    /// `None`: there are enough connections, or enough of this peer's network.
    pub(super) fn take(slots: &Arc<Slots>, peer: IpAddr) -> Option<Self> {
        let next = |open| (open < slots.max).then_some(open + 1);
        slots.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        let mut slot = Self { slots: slots.clone(), network: None };
        let peer = peer.to_canonical();
        // A proxy's connections are its clients'; it has limits of its own.
        if slots.max_by_network < usize::MAX && !slots.proxies.iter().any(|proxy| proxy.contains(&peer)) {
            let mut networks = slots.networks();
            let open = networks.entry(network(peer)).or_default();
            if *open >= slots.max_by_network {
                return None;
            }
            *open += 1;
            slot.network = Some(network(peer));
        }
        Some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.open.fetch_sub(1, Ordering::Relaxed);
        let Some(network) = self.network else { return };
        let mut networks = self.slots.networks();
        if let Some(open) = networks.get_mut(&network) {
            *open -= 1;
            if *open == 0 {
                networks.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn slots(max: usize, max_by_network: usize) -> Arc<Slots> {
        let mut http = Settings::defaults().http;
        http.max_connections = max;
        http.max_connections_per_address = max_by_network;
        http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Slots::new(&http)
    }

    fn take(slots: &Arc<Slots>, peer: &str) -> Option<Slot> {
        Slot::take(slots, peer.parse().unwrap())
    }

    #[test]
    fn a_slot_is_given_back() {
        let slots = slots(1, 0);
        let slot = take(&slots, "192.0.2.1").unwrap();
        assert!(take(&slots, "192.0.2.2").is_none());
        drop(slot);
        assert!(take(&slots, "192.0.2.2").is_some());
    }

    #[test]
    fn one_network_cannot_take_all_and_a_proxy_may() {
        let slots = slots(0, 2);
        let mine = [take(&slots, "2001:db8::1").unwrap(), take(&slots, "2001:db8::2").unwrap()];
        assert!(take(&slots, "2001:db8::3").is_none());
        let _other = take(&slots, "2001:db8:0:1::1").unwrap();
        let proxied: Vec<_> = (0..5).map(|_| take(&slots, "::ffff:10.1.2.3").unwrap()).collect();
        assert_eq!(slots.open.load(Ordering::Relaxed), 8, "the refused one is not counted");
        drop((mine, proxied));
        assert!(take(&slots, "2001:db8::3").is_some());
        assert_eq!(slots.networks().len(), 1, "networks without connections are forgotten");
        assert_eq!(slots.open.load(Ordering::Relaxed), 1);
    }
}
