//! A connection whose client must begin, and must go on reading.
//!
//! hyper bounds how long a request takes to arrive, but only once it knows whether HTTP/1 or HTTP/2 is spoken: a client that
//! never says so would hold its connection for ever. Nor does it bound how long an answer takes to leave: a client that never
//! reads would do the same once the system's buffers are full.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may take none of what is sent to it.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a client may take until it is known which HTTP it speaks.
const OPENING_MAX: Duration = Duration::from_secs(30);
/// What a client of HTTP/2 says first (RFC 9113 §3.4). hyper has no timer of its own until these bytes are there or others are.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that fails when nothing can be written to it for [`STALL_MAX`], and when the first bytes that are read from it
/// take longer than [`OPENING_MAX`].
pub(super) struct Patient<S> {
    stream: S,
    /// Set while a write waits; a connection that is read from costs nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Until it is known what the client speaks.
    opening: Option<Opening>,
}

/// How much of the preface was read, and until when the rest is waited for.
#[derive(Default)]
struct Opening {
    read: usize,
    /// Set by the first read that waits, and never again: a byte now and then gains no time.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Opening {
    /// Whether the client may still be about to speak HTTP/2, and has not said so.
    fn goes_on_after(&mut self, bytes: &[u8]) -> bool {
        let expected = PREFACE.get(self.read..).unwrap_or_default();
        self.read += bytes.len();
        // Nothing is the end of the stream.
        !bytes.is_empty() && self.read < PREFACE.len() && expected.starts_with(bytes)
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(OPENING_MAX)));
        let late = || Error::new(ErrorKind::TimedOut, "the client does not begin");
        deadline.as_mut().poll(context).map(|()| Err(late()))
    }
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            stalled: None,
            opening: Some(Opening::default()),
        }
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(STALL_MAX)));
        stalled
            .as_mut()
            .poll(context)
            .map(|()| Err(Error::new(ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(opening) = &mut self.opening else {
            return polled;
        };
        if polled.is_pending() {
            return opening.wait(context);
        }
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if !opening.goes_on_after(bytes) {
            self.opening = None;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bounded(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::{OPENING_MAX, PREFACE, Patient, STALL_MAX};
    use std::io::ErrorKind;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (ours, _theirs) = duplex(8);
        let mut patient = Patient::new(ours);
        let error = patient.write_all(&[0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_reads_slowly_is_waited_for() {
        let (ours, mut theirs) = duplex(8);
        let reading = tokio::spawn(async move {
            let mut bytes = [0; 8];
            for _ in 0..10 {
                sleep(STALL_MAX - Duration::from_secs(1)).await;
                theirs.read_exact(&mut bytes).await.unwrap();
            }
        });
        Patient::new(ours).write_all(&[0; 80]).await.unwrap();
        reading.await.unwrap();
    }

    /// Whether a client that sends these bytes, a second apart, and then nothing is given up within so long.
    async fn is_given_up(bytes: &'static [u8], within: Duration) -> bool {
        let (ours, mut theirs) = duplex(64);
        let sending = tokio::spawn(async move {
            for byte in bytes {
                theirs.write_all(&[*byte]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
            // It neither says more nor hangs up.
            sleep(Duration::MAX).await;
        });
        let mut patient = Patient::new(ours);
        let reading = timeout(within, async {
            while patient
                .read(&mut [0; 64])
                .await
                .map_err(|error| error.kind())?
                > 0
            {}
            Ok::<(), ErrorKind>(())
        });
        let ended = reading.await;
        sending.abort();
        assert!(ended.is_err() || ended == Ok(Err(ErrorKind::TimedOut)));
        ended.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_say_what_they_speak_is_given_up() {
        let second = Duration::from_secs(1);
        // The end of its first line is not the end of the preface.
        for bytes in [b"", &b"P"[..], &PREFACE[..16], &PREFACE[..23]] {
            assert!(!is_given_up(bytes, OPENING_MAX - second).await);
            assert!(is_given_up(bytes, OPENING_MAX + second).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_is_hypers_to_bound() {
        let mistaken = b"PRI * HTTP/1.1\r\n\r\n";
        for bytes in [PREFACE, b"G", mistaken, b"GET / HTTP/1.0\r\n\r\n"] {
            assert!(!is_given_up(bytes, Duration::from_secs(3_600)).await);
        }
    }
}
