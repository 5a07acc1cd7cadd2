//! Documented source addresses of events.

use std::net::{IpAddr, Ipv4Addr};

/// Returns `true` for the documented source addresses of events: `78.111.6.41` to `.43`, and `31.214.250.128/27`.
///
/// The crate itself does not use it. The addresses are documented only for events and may change, so check them in addition
/// to the key, never instead. Behind a proxy, the connection has the proxy's address.
#[must_use]
pub fn is_documented_event_source(address: IpAddr) -> bool {
    // A server that listens on IPv6 sees IPv4 addresses as ::ffff:78.111.6.41.
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    let in_network = |network: Ipv4Addr, bits: u32| (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits;
    matches!(address.octets(), [78, 111, 6, 41..=43]) || in_network(Ipv4Addr::new(31, 214, 250, 128), 27)
}
