//! A client that costs far less than the server: one thread, kept connections, requests written beforehand.
//!
//! Closed loop: each connection has one request under way. The connections are read in turn, which a server that answers
//! in about the order of the requests does not notice.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kept connection, with what was read of it.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What a drive saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Driven {
    pub(crate) answers: usize,
    pub(crate) refused: usize,
    pub(crate) elapsed: Duration,
    /// Of each answer, in microseconds; empty unless asked for.
    pub(crate) micros: Vec<f64>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 16_384],
        })
    }

    /// Does not sleep until an answer comes, but asks again and again.
    ///
    /// Whoever sends to somebody who sleeps pays for waking them: a slow server would be billed for each answer what a fast
    /// one, whose answers are there when they are asked for, never pays.
    fn wide_awake(self) -> std::io::Result<Self> {
        self.stream.set_nonblocking(true)?;
        Ok(self)
    }

    fn read(&mut self, from: usize) -> std::io::Result<usize> {
        let begun = Instant::now();
        loop {
            match self.stream.read(&mut self.buffer[from..]) {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < PATIENCE =>
                {
                    std::hint::spin_loop();
                }
                read => return read,
            }
        }
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(request)
    }

    /// Reads one answer; its status and its body.
    pub(crate) fn answer(&mut self) -> std::io::Result<(u16, &[u8])> {
        let mut length = 0;
        loop {
            let read = self.read(length)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            length += read;
            let text = &self.buffer[..length];
            let Some(head) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            if length >= head + 4 + content_length(&text[..head]) {
                let status = std::str::from_utf8(&text[9..12]).unwrap().parse().unwrap();
                return Ok((status, &self.buffer[head + 4..length]));
            }
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(begin) = head
        .windows(NAME.len())
        .position(|window| window.eq_ignore_ascii_case(NAME))
    else {
        return 0;
    };
    let digits = head[begin + NAME.len()..].iter();
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

/// Whether a server answers a request with 200.
pub(crate) fn answers(port: u16, request: &str) -> bool {
    let Ok(mut connection) = Connection::open(port) else {
        return false;
    };
    connection.send(request.as_bytes()).is_ok() && matches!(connection.answer(), Ok((200, _)))
}

/// Drives `connections` for `seconds`, each with the next of `requests`; all must be answered with 200.
pub(crate) fn drive(port: u16, connections: usize, requests: &[Vec<u8>], seconds: f64) -> Driven {
    let mut open: Vec<Connection> = (0..connections)
        .map(|_| Connection::open(port).unwrap().wide_awake().unwrap())
        .collect();
    let mut next = 0;
    let mut request = || {
        let request = &requests[next];
        next = (next + 1) % requests.len();
        request
    };
    let begun = Instant::now();
    for connection in &mut open {
        connection.send(request()).unwrap();
    }
    let (deadline, mut answers) = (Duration::from_secs_f64(seconds), 0);
    while begun.elapsed() < deadline {
        for connection in &mut open {
            let (status, body) = connection.answer().unwrap();
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
            connection.send(request()).unwrap();
            answers += 1;
        }
    }
    // Those that are under way count as well: the server works for them.
    for connection in &mut open {
        connection.answer().unwrap();
        answers += 1;
    }
    let elapsed = begun.elapsed();
    Driven {
        answers,
        elapsed,
        ..Driven::default()
    }
}

/// Asks each of `requests` once, so that memory knows what they name.
pub(crate) fn warm(port: u16, requests: &[Vec<u8>]) {
    let mut open: Vec<Connection> = (0..8).map(|_| Connection::open(port).unwrap()).collect();
    for batch in requests.chunks(open.len()) {
        for (connection, request) in open.iter_mut().zip(batch) {
            connection.send(request).unwrap();
        }
        for (connection, _) in open.iter_mut().zip(batch) {
            let (status, body) = connection.answer().unwrap();
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        }
    }
}

/// Drives each connection from a thread of its own, and notes how long each answer took. 503 counts as refused.
pub(crate) fn drive_timed(
    port: u16,
    connections: usize,
    requests: &[Vec<u8>],
    seconds: f64,
) -> Driven {
    let one = |first: usize| {
        let mut connection = Connection::open(port).unwrap();
        let (begun, mut driven) = (Instant::now(), Driven::default());
        let turns = (first..).step_by(connections);
        for turn in turns {
            if begun.elapsed().as_secs_f64() >= seconds {
                break;
            }
            let sent = Instant::now();
            connection.send(&requests[turn % requests.len()]).unwrap();
            match connection.answer().unwrap().0 {
                200 => {
                    driven.answers += 1;
                    driven.micros.push(sent.elapsed().as_secs_f64() * 1e6);
                }
                503 => {
                    driven.refused += 1;
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => assert_eq!(other, 200),
            }
        }
        driven.elapsed = begun.elapsed();
        driven
    };
    let all: Vec<Driven> = std::thread::scope(|threads| {
        let started: Vec<_> = (0..connections)
            .map(|first| threads.spawn(move || one(first)))
            .collect();
        let joined = started.into_iter().map(|thread| thread.join().unwrap());
        joined.collect()
    });
    all.into_iter().fold(Driven::default(), |mut sum, one| {
        sum.answers += one.answers;
        sum.refused += one.refused;
        sum.elapsed = sum.elapsed.max(one.elapsed);
        sum.micros.extend(one.micros);
        sum
    })
}
