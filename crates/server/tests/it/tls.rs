//! TLS from files: who is served how, what a handshake may take, and a certificate that changes.

use crate::instance::Instance;
use crate::process::{Process, Stopwatch};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);

/// An instance whose certificate is `name`'s.
fn instance() -> Instance {
    let mut instance = Instance::on_sqlite();
    let (certificate, key) = (instance.beside("tls.crt"), instance.beside("tls.key"));
    instance.set("KEYWARD_TLS_CERTIFICATE_FILE", certificate);
    instance.set("KEYWARD_TLS_KEY_FILE", key);
    instance
}

/// Puts a new pair into the files; gives the certificate.
fn renew(instance: &Instance) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(instance.beside("tls.crt"), cert.pem()).unwrap();
    std::fs::write(instance.beside("tls.key"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn serve(instance: &Instance) -> (Process, SocketAddr) {
    let process = instance.start(&["serve", "--listen", "127.0.0.1:0"]);
    let stopwatch = Stopwatch::start();
    loop {
        let greeting = process.stdout();
        let rest = greeting
            .split_once("is ready at https://")
            .map(|(_, rest)| rest);
        if let Some((address, _)) = rest.and_then(|rest| rest.split_once(' ')) {
            return (process, address.parse().unwrap());
        }
        assert!(
            stopwatch.elapsed() < WAIT,
            "not ready: {}",
            process.stderr()
        );
        sleep(Duration::from_millis(5));
    }
}

/// Asks over TLS; gives the first line of the answer, and what the two sides agreed on.
fn ask(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    (version, alpn): (&'static SupportedProtocolVersion, &[u8]),
) -> Result<(String, Option<Vec<u8>>), String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let connection =
        ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream
        .write_all(request)
        .map_err(|error| error.to_string())?;
    let agreed = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
    let mut answer = Vec::new();
    // hyper may close without TLS's own good-bye; the length of the answer says whether it is whole.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    Ok((text.lines().next().unwrap_or_default().to_owned(), agreed))
}

const TLS13: (&SupportedProtocolVersion, &[u8]) = (&rustls::version::TLS13, b"http/1.1");

fn is_served(address: SocketAddr, trusted: &CertificateDer<'static>) -> bool {
    ask(address, trusted, TLS13).is_ok_and(|(status, _)| status == "HTTP/1.1 200 OK")
}

#[test]
fn asvs_v12_1_1_tls_1_2_and_1_3_are_spoken_and_plain_http_is_not() {
    let instance = instance();
    let certificate = renew(&instance);
    let (_process, address) = serve(&instance);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (status, agreed) = ask(address, &certificate, (version, b"http/1.1")).unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert_eq!(agreed.as_deref(), Some(&b"http/1.1"[..]));
    }
    let (_, agreed) = ask(address, &certificate, (&rustls::version::TLS13, b"h2")).unwrap();
    assert_eq!(agreed.as_deref(), Some(&b"h2"[..]));
    assert!(ask(address, &certificate, (&rustls::version::TLS13, b"spdy/1")).is_err());
    let mut plain = TcpStream::connect(address).unwrap();
    plain.set_read_timeout(Some(WAIT)).unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(is_served(address, &certificate));
}

#[test]
fn a_new_certificate_is_taken_on_sighup_and_a_broken_one_is_not() {
    let instance = instance();
    let first = renew(&instance);
    let (process, address) = serve(&instance);
    assert!(is_served(address, &first));
    let second = renew(&instance);
    process.signal("HUP");
    let stopwatch = Stopwatch::start();
    while !is_served(address, &second) {
        assert!(stopwatch.elapsed() < WAIT, "{}", process.stderr());
        sleep(Duration::from_millis(20));
    }
    assert!(!is_served(address, &first));
    // A key of somebody else, and no certificate at all.
    let keys = ["tls.key", "tls.crt"];
    for (count, broken) in keys.into_iter().enumerate() {
        let good = std::fs::read(instance.beside(broken)).unwrap();
        let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let text = match broken {
            "tls.key" => other.signing_key.serialize_pem(),
            _ => "no certificate".to_owned(),
        };
        std::fs::write(instance.beside(broken), text).unwrap();
        process.signal("HUP");
        let stopwatch = Stopwatch::start();
        while process.stderr().matches("could not be read again").count() <= count {
            assert!(stopwatch.elapsed() < WAIT, "{}", process.stderr());
            sleep(Duration::from_millis(20));
        }
        assert!(is_served(address, &second), "the one before stays");
        std::fs::write(instance.beside(broken), good).unwrap();
    }
    assert!(!process.stderr().contains("PRIVATE KEY"));
}

#[test]
fn handshakes_that_stall_keep_nobody_from_being_served() {
    let instance = instance();
    let certificate = renew(&instance);
    let (_process, address) = serve(&instance);
    let mut stalled: Vec<_> = (0..500)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for (number, stream) in stalled.iter_mut().enumerate() {
        // Nothing at all, or the beginning of a hello.
        if number % 2 == 0 {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
        }
    }
    for _ in 0..20 {
        assert!(is_served(address, &certificate));
    }
    // And they are given up after a while, which the first of them sees.
    let mut first = stalled.remove(0);
    first.set_read_timeout(Some(WAIT)).unwrap();
    let mut rest = Vec::new();
    let ended = first.read_to_end(&mut rest);
    assert!(!ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
}

#[test]
fn files_that_cannot_be_used_stop_the_start_and_are_named() {
    let check = |words: &[&str], change: &dyn Fn(&Instance)| {
        let instance = instance();
        renew(&instance);
        change(&instance);
        let finished = instance
            .start(&["serve", "--listen", "127.0.0.1:0"])
            .finish();
        finished.expect_failure(2, words);
        assert!(!finished.stderr.contains("PRIVATE KEY"), "{finished:?}");
    };
    let write = |name: &'static str, text: String| {
        move |instance: &Instance| std::fs::write(instance.beside(name), &text).unwrap()
    };
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    check(&["tls.certificate_file"], &|instance| {
        std::fs::remove_file(instance.beside("tls.crt")).unwrap()
    });
    check(&["tls.key_file"], &|instance| {
        std::fs::remove_file(instance.beside("tls.key")).unwrap()
    });
    check(
        &["tls.certificate_file", "no certificate"],
        &write("tls.crt", "nothing".to_owned()),
    );
    check(&["tls.key_file"], &write("tls.key", "nothing".to_owned()));
    check(
        &["tls.key_file", "it is not the key of"],
        &write("tls.key", other.signing_key.serialize_pem()),
    );
}
