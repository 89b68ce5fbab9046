//! A small database of countries in MaxMind's DB format, version 2.0.

use std::net::Ipv4Addr;

/// What a node's side leads to.
#[derive(Clone, Copy)]
enum Side {
    Nowhere,
    Node(usize),
    Country(usize),
}

const TYPE_TEXT: u8 = 2;
const TYPE_UINT16: u8 = 5;
const TYPE_UINT32: u8 = 6;
const TYPE_MAP: u8 = 7;

/// The file's bytes: networks of IPv4 by address and prefix length, each with the country's code. None lies within another.
pub fn country_file(networks: &[(Ipv4Addr, usize, &str)]) -> Vec<u8> {
    let mut nodes = vec![[Side::Nowhere; 2]];
    let (mut data, mut places) = (Vec::new(), Vec::new());
    for (address, length, code) in networks {
        places.push(data.len());
        let country = map(&[("country", map(&[("iso_code", text(code))]))]);
        data.extend(country);
        let mut node = 0;
        for bit in 0..*length {
            let side = (address.to_bits() >> (31 - bit) & 1) as usize;
            if bit + 1 == *length {
                nodes[node][side] = Side::Country(places.len() - 1);
                break;
            }
            node = match nodes[node][side] {
                Side::Node(next) => next,
                _ => {
                    nodes.push([Side::Nowhere; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][side] = Side::Node(next);
                    next
                }
            };
        }
    }
    let mut file = Vec::new();
    for side in nodes.iter().flatten() {
        let value = match *side {
            Side::Nowhere => nodes.len(),
            Side::Node(node) => node,
            Side::Country(index) => nodes.len() + 16 + places[index],
        };
        file.extend_from_slice(&(value as u32).to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend(data);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    file.extend(metadata(nodes.len()));
    file
}

fn metadata(node_count: usize) -> Vec<u8> {
    let uint16 = |number: u16| [&[TYPE_UINT16 << 5 | 2][..], &number.to_be_bytes()].concat();
    let node_count = (node_count as u32).to_be_bytes();
    // 2026-01-01; an unsigned number of 64 bits and a list are extended types.
    let built = [&[4, 2][..], &1_767_225_600_u32.to_be_bytes()].concat();
    map(&[
        ("binary_format_major_version", uint16(2)),
        ("binary_format_minor_version", uint16(0)),
        ("build_epoch", built),
        ("database_type", text("Test-Country")),
        ("description", map(&[])),
        ("ip_version", uint16(4)),
        ("languages", vec![0, 4]),
        (
            "node_count",
            [&[TYPE_UINT32 << 5 | 4][..], &node_count].concat(),
        ),
        ("record_size", uint16(24)),
    ])
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![TYPE_MAP << 5 | entries.len() as u8];
    for (key, value) in entries {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

/// Up to 28 bytes.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![TYPE_TEXT << 5 | text.len() as u8];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
