//! Where Divar's events are documented to come from.

use std::net::{IpAddr, Ipv4Addr};

/// Whether the platform documents this address as one that its events come from: `78.111.6.41` to `78.111.6.43`, and
/// `31.214.250.128/27`.
///
/// Nothing in the crate asks this. The addresses are documented for events alone and may change, so use it to watch, or
/// to be strict knowingly, next to the key and not in its place. Behind a proxy, the address of the connection is the
/// proxy's; which header to believe is yours to know.
///
/// ```
/// use kenar::webhook::is_documented_event_source;
///
/// assert!(is_documented_event_source("31.214.250.130".parse()?));
/// assert!(!is_documented_event_source("31.214.250.160".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn is_documented_event_source(address: IpAddr) -> bool {
    // A server that listens on IPv6 sees IPv4 addresses as ::ffff:78.111.6.41.
    let IpAddr::V4(address) = address.to_canonical() else {
        return false;
    };
    let in_network = |network: Ipv4Addr, bits: u32| (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits;
    matches!(address.octets(), [78, 111, 6, 41..=43]) || in_network(Ipv4Addr::new(31, 214, 250, 128), 27)
}
