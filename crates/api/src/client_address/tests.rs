use super::{ForwardedHeader, TrustedProxies};
use axum::http::{HeaderMap, HeaderValue};
use proptest::prelude::any;
use proptest::{prop_assert_eq, prop_assume, proptest};
use std::net::IpAddr;

const NETWORKS: [&str; 4] = ["10.0.0.0/8", "192.168.7.7", "::1/128", "2001:db8:aa::/48"];

fn client(header: ForwardedHeader, peer: &str, lines: &[&str]) -> String {
    let proxies = TrustedProxies::new(&NETWORKS, header).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        headers.append(header.name(), value);
    }
    let peer = peer.parse().unwrap();
    proxies.client_of(peer, &headers).to_string()
}

fn by_x_forwarded_for(peer: &str, lines: &[&str]) -> String {
    client(ForwardedHeader::XForwardedFor, peer, lines)
}

#[test]
fn asvs_v4_1_3_asvs_v15_3_4_a_stranger_says_nothing_about_its_address() {
    for peer in ["203.0.113.9", "192.168.7.8", "::2", "2001:db8:ab::1"] {
        assert_eq!(by_x_forwarded_for(peer, &["198.51.100.1"]), peer);
        let forwarded = client(ForwardedHeader::Forwarded, peer, &["for=198.51.100.1"]);
        assert_eq!(forwarded, peer);
    }
    let nobody = TrustedProxies::default();
    let headers = HeaderMap::from_iter([(
        ForwardedHeader::XForwardedFor.name(),
        HeaderValue::from_static("198.51.100.1"),
    )]);
    let loopback: IpAddr = "127.0.0.1".parse().unwrap();
    assert_eq!(nobody.client_of(loopback, &headers), loopback);
}

#[test]
fn the_first_address_from_the_right_that_is_no_proxy_is_the_client() {
    for (lines, expected) in [
        (vec!["198.51.100.1"], "198.51.100.1"),
        // What the client itself sent stands to the left.
        (vec!["127.0.0.1, 10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        (vec!["198.51.100.1, 10.0.0.2, 192.168.7.7"], "198.51.100.1"),
        // Several lines are one list (RFC 9110 §5.3).
        (
            vec!["6.6.6.6", "198.51.100.1, 10.0.0.2", "10.0.0.3"],
            "198.51.100.1",
        ),
        (vec!["2001:db8::7"], "2001:db8::7"),
        (vec!["[2001:db8::7]:4711"], "2001:db8::7"),
        (vec!["[2001:db8::7]"], "2001:db8::7"),
        (vec!["198.51.100.1:80"], "198.51.100.1"),
        (vec!["::ffff:198.51.100.1"], "198.51.100.1"),
        // A proxy that is written as IPv4 in IPv6.
        (vec!["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
        (vec!["2001:db8:aa::5, ::1"], "2001:db8:aa::5"),
        // Nothing but proxies: the farthest is who asked.
        (vec!["10.0.0.5, 10.0.0.4"], "10.0.0.5"),
        (vec![], "10.0.0.1"),
    ] {
        assert_eq!(
            by_x_forwarded_for("10.0.0.1", &lines),
            expected,
            "{lines:?}"
        );
    }
    assert_eq!(
        by_x_forwarded_for("::ffff:10.0.0.1", &["198.51.100.1"]),
        "198.51.100.1"
    );
}

#[test]
fn what_cannot_be_read_ends_the_walk_at_the_last_good_address() {
    for garbage in [
        "",
        " ",
        "unknown",
        "_hidden",
        "localhost",
        "198.51.100",
        "198.51.100.1.1",
        "198.51.100.256",
        "198.51.100.1:99999",
        "198.51.100.1:x",
        "0x7f.1",
        "017700000001",
        "fe80::1%eth0",
        "[198.51.100.1]",
        "[::1",
        "198.51.100.1;",
        "\"198.51.100.1\"",
        "198.51.100.1 198.51.100.2",
        "\u{fc}",
        "198.51.100.1/32",
    ] {
        let line = format!("198.51.100.1, {garbage}, 10.0.0.4");
        assert_eq!(
            by_x_forwarded_for("10.0.0.1", &[&line]),
            "10.0.0.4",
            "{garbage:?}"
        );
        assert_eq!(
            by_x_forwarded_for("10.0.0.1", &[garbage]),
            "10.0.0.1",
            "{garbage:?}"
        );
    }
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    for (lines, expected) in [
        (vec!["for=198.51.100.1"], "198.51.100.1"),
        (
            vec!["For=198.51.100.1;proto=https;by=10.0.0.9"],
            "198.51.100.1",
        ),
        (
            vec![r#"proto=http; for="[2001:db8::7]:4711""#],
            "2001:db8::7",
        ),
        (
            vec![r#"for="198.51.100.1:80", for=10.0.0.2"#],
            "198.51.100.1",
        ),
        (
            vec!["for=6.6.6.6, for=198.51.100.1", "for=10.0.0.2"],
            "198.51.100.1",
        ),
        // A comma in quotes separates nothing.
        (vec![r#"for=6.6.6.6;host="a, for=198.51.100.1""#], "6.6.6.6"),
        (
            vec![r#"for=6.6.6.6;host="a\", for=198.51.100.1""#],
            "6.6.6.6",
        ),
        // Garbage.
        (vec!["for=198.51.100.1, for=unknown"], "10.0.0.1"),
        (
            vec!["for=198.51.100.1, for=_gazonk, for=10.0.0.2"],
            "10.0.0.2",
        ),
        (vec!["for=198.51.100.1, proto=https"], "10.0.0.1"),
        (vec!["for=198.51.100.1;for=198.51.100.2"], "10.0.0.1"),
        (vec![r#"for="198.51.100.1"#], "10.0.0.1"),
        (vec![r#"for=198.51.100.1, host="x"#], "10.0.0.1"),
        (vec!["198.51.100.1"], "10.0.0.1"),
        (vec!["for = 198.51.100.1"], "10.0.0.1"),
        (vec![""], "10.0.0.1"),
    ] {
        let found = client(ForwardedHeader::Forwarded, "10.0.0.1", &lines);
        assert_eq!(found, expected, "{lines:?}");
    }
}

#[test]
fn one_header_alone_is_read() {
    let proxies = TrustedProxies::new(&NETWORKS, ForwardedHeader::XForwardedFor).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
    headers.insert("x-real-ip", HeaderValue::from_static("6.6.6.6"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1"));
    let found = proxies.client_of("10.0.0.1".parse().unwrap(), &headers);
    assert_eq!(found.to_string(), "198.51.100.1");
}

#[test]
fn networks_are_addresses_or_blocks_and_never_everybody() {
    for bad in [
        "",
        "::ffff:0:0/96",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "::/0",
        "10.0.0",
        "proxy.example",
        "10.0.0.0/8 ",
    ] {
        let refused = TrustedProxies::new(&[bad], ForwardedHeader::default());
        assert!(refused.is_err(), "{bad:?}");
    }
    // Everybody, written as IPv4 in IPv6.
    let mapped = TrustedProxies::new(&["::ffff:0:0/97"], ForwardedHeader::default()).unwrap();
    assert!(mapped.contains("1.2.3.4".parse().unwrap()));
    assert!(!mapped.contains("200.2.3.4".parse().unwrap()));
    let mapped = TrustedProxies::new(&["::ffff:10.0.0.0/104"], ForwardedHeader::default()).unwrap();
    assert!(mapped.contains("10.1.2.3".parse().unwrap()));
    assert!(!mapped.contains("11.1.2.3".parse().unwrap()));
}

proptest! {
    /// Whatever a client writes into the header before a proxy appends its address: that address is what counts.
    #[test]
    fn asvs_v15_3_4_what_a_client_writes_never_counts(written in "[ -~]{0,80}", client in any::<[u8; 4]>()) {
        let client = IpAddr::from(client);
        let proxies = TrustedProxies::new(&NETWORKS, ForwardedHeader::XForwardedFor).unwrap();
        prop_assume!(!proxies.contains(client));
        let found = by_x_forwarded_for("10.0.0.1", &[&format!("{written}, {client}")]);
        prop_assert_eq!(found, client.to_string());
        let found = by_x_forwarded_for("10.0.0.1", &[&written, &client.to_string()]);
        prop_assert_eq!(found, client.to_string());
    }

    #[test]
    fn no_header_makes_it_fail(value in proptest::collection::vec(32_u8..=255, 0..80)) {
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            let proxies = TrustedProxies::new(&NETWORKS, header).unwrap();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(header.name(), value)]);
                let _ = proxies.client_of("10.0.0.1".parse().unwrap(), &headers);
            }
        }
    }
}
