//! The connections of each other machine: one that takes all it can get leaves places for those that probe and scrape.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most connections of one other machine: half of all. This machine has no such bound, since who is on it may do worse.
const MOST: usize = 32;

/// How many connections each other machine has.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerPlaces(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of one connection, which is free again when it is dropped.
#[derive(Debug)]
pub(super) struct PeerPlace {
    peer: Option<IpAddr>,
    places: PeerPlaces,
}

impl PeerPlaces {
    /// Takes a place for a connection of a machine; none where it has as many as it may.
    pub(super) fn begin(&self, peer: IpAddr) -> Option<PeerPlace> {
        let peer = Some(peer.to_canonical()).filter(|peer| !peer.is_loopback());
        if let Some(peer) = peer {
            let mut counts = self.counts();
            let count = counts.entry(peer).or_default();
            if *count >= MOST {
                return None;
            }
            *count += 1;
        }
        Some(PeerPlace { peer, places: self.clone() })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut counts = self.places.counts();
        match counts.get_mut(&peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_no_more_than_half_and_gives_back_what_it_had() {
        let places = PeerPlaces::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut held: Vec<_> = (0..MOST).map(|_| places.begin(one).unwrap()).collect();
        assert!(places.begin(one).is_none() && places.begin("::ffff:192.0.2.1".parse().unwrap()).is_none());
        assert!(places.begin(other).is_some());
        held.pop();
        held.push(places.begin(one).unwrap());
        assert!(places.begin(one).is_none());
        drop(held);
        assert!(places.counts().is_empty(), "nobody is kept who is gone");
    }

    #[test]
    fn this_machine_has_all() {
        let places = PeerPlaces::default();
        for this in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let held: Vec<_> = (0..=MOST).map(|_| places.begin(this.parse().unwrap())).collect();
            assert!(held.iter().all(Option::is_some), "{this}");
        }
    }
}
