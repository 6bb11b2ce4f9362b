//! A web site of one page on this machine: so that downloading is exercised without leaving it. The same page stands at a
//! second port, which nobody may be allowed to reach.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use engine::error::{Error, ErrorKind, Result};
use futures::future::join;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The captions it offers.
pub(super) const CAPTIONS: &str =
    "WEBVTT\n\n00:00.000 --> 00:04.000\n<v Ann>The council votes on the flood wall.\n";
const LARGEST_HEAD_BYTES: usize = 16 * 1024;

/// The site, listening.
pub struct Site {
    open: Door,
    inside: Door,
}

struct Door {
    listener: TcpListener,
    address: SocketAddr,
    is_reached: AtomicBool,
}

impl Site {
    /// Listens on two free ports of 127.0.0.1. Kind `Internal` if none can be had.
    pub async fn open() -> Result<Self> {
        Ok(Self { open: Door::open().await?, inside: Door::open().await? })
    }

    /// What a fetcher must be allowed to reach.
    pub fn address(&self) -> SocketAddr {
        self.open.address
    }

    /// What it must not be allowed to reach.
    #[cfg(test)]
    pub(super) fn inside(&self) -> SocketAddr {
        self.inside.address
    }

    /// Where the captions are.
    pub(super) fn link(&self) -> String {
        self.open.link()
    }

    /// Where they are for nobody.
    pub(super) fn inside_link(&self) -> String {
        self.inside.link()
    }

    /// Whether somebody connected to where nobody may.
    pub(super) fn is_inside_reached(&self) -> bool {
        self.inside.is_reached.load(Ordering::Relaxed)
    }

    /// Answers for ever, at each port one request after the other; drop it to stop.
    pub async fn serve(&self) {
        join(self.open.serve(), self.inside.serve()).await;
    }
}

impl Door {
    async fn open() -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Internal, "no port of 127.0.0.1 can be listened on").because(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, is_reached: AtomicBool::new(false) })
    }

    fn link(&self) -> String {
        format!("http://{}/talk.vtt", self.address)
    }

    async fn serve(&self) {
        loop {
            if let Ok((stream, _)) = self.listener.accept().await {
                self.is_reached.store(true, Ordering::Relaxed);
                // Whoever does not listen any more is not told.
                let _ = answer(stream).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < LARGEST_HEAD_BYTES {
        let mut part = [0; 1024];
        match stream.read(&mut part).await? {
            0 => return Ok(()),
            read => head.extend_from_slice(&part[..read]),
        }
    }
    let (status, body) = match head.starts_with(b"GET /talk.vtt ") {
        true => ("200 OK", CAPTIONS),
        false => ("404 Not Found", ""),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/vtt\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
