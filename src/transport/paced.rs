use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that yields to other tasks after each 16 KiB read.
///
/// hyper reads informational responses (1xx) as long as they arrive. tokio lets a task do so for 128 reads, and a
/// `current_thread` runtime polls its timers only after about 60 such turns. So a server that sends nothing else could
/// outlast any time limit.
#[derive(Debug)]
pub(super) struct Paced {
    stream: TcpStream,
    read: usize,
}

const TURN: usize = 16 * 1024;

impl Paced {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read: 0 }
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.read >= TURN {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => {
                self.read = 0;
                Poll::Pending
            }
            Poll::Ready(outcome) => {
                self.read += buffer.filled().len().saturating_sub(before);
                Poll::Ready(outcome)
            }
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connection for Paced {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
