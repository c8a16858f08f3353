//! Plays a script's steps as a response body, and the socket that can be reset under it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::provider::OpenExchange;
use crate::script::Step;

/// The provider broke the connection off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the simulated provider broke the connection off")]
pub(crate) struct BrokenOff;

/// A response body made of steps.
#[derive(Debug)]
pub(crate) struct Playback {
    steps: VecDeque<Step>,
    timer: Option<Pin<Box<Sleep>>>,
    /// What was sent before a cut has been given to the socket.
    flushed: bool,
    exchange: OpenExchange,
}

impl Playback {
    pub(crate) fn new(steps: Vec<Step>, mut exchange: OpenExchange) -> Self {
        if steps.is_empty() {
            exchange.end();
        }
        Self { steps: steps.into(), timer: None, flushed: false, exchange }
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            match self.steps.pop_front() {
                None => {
                    self.exchange.end();
                    return Poll::Ready(None);
                }
                Some(Step::Send(bytes)) => {
                    if self.steps.is_empty() {
                        self.exchange.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(time)) => self.timer = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Stall) => {
                    // Never woken by us: hyper drops the body when the client goes away.
                    self.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
                Some(Step::Cut) if self.flushed => {
                    self.exchange.end();
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                Some(Step::Cut) => {
                    // hyper flushes when a body has nothing ready, and drops what is unflushed on an error.
                    self.flushed = true;
                    self.steps.push_front(Step::Cut);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.timer.is_none()
    }
}

/// Turns the close of one connection into a reset.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    pub(crate) fn arm(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_armed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A connection that ends in a RST instead of a FIN once its switch is armed.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    switch: ResetSwitch,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, switch: ResetSwitch) -> Self {
        Self { stream, switch }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.switch.is_armed() {
            // Without it the client meets an orderly close, which is the milder of the two faults.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.is_armed() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
