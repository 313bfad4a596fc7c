//! The clients of `cargo xtask memory ADDRESS COUNT`: each a WebSocket that answers pings and says nothing else. They
//! stay until killed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Clients from one address, below the number of its ports.
const PER_ADDRESS: usize = 5_000;
/// Handshakes at a time.
const AT_ONCE: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let server: SocketAddr = arguments.next().ok_or("an address")?.parse()?;
    let count: usize = arguments.next().ok_or("a count")?.parse()?;
    let mut held = Vec::with_capacity(count);
    for first in (0..count).step_by(AT_ONCE) {
        let last = (first + AT_ONCE).min(count);
        let opening: Vec<_> = (first..last).map(|index| tokio::spawn(connect(server, index))).collect();
        for client in opening {
            held.push(tokio::spawn(stay(client.await??)));
        }
    }
    println!("connected {}", held.len());
    std::future::pending::<()>().await;
    Ok(())
}

async fn connect(server: SocketAddr, index: usize) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // At most 250 addresses of 5,000 clients.
    let host = u8::try_from(index / PER_ADDRESS + 1).map_err(std::io::Error::other)?;
    socket.bind((IpAddr::V4(Ipv4Addr::new(127, 0, 1, host)), 0).into())?;
    let mut stream = socket.connect(server).await?;
    let head = format!(
        "GET /chsk?client-id=client-{index:012}&uid=user-{index} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut seen = Vec::new();
    // The handshake event is the first thing after the head, and ends with these bytes.
    while !seen.ends_with(b"nil nil]] nil]") {
        let mut chunk = [0; 512];
        match stream.read(&mut chunk).await? {
            0 => return Err(std::io::Error::other(String::from_utf8_lossy(&seen).into_owned())),
            read => seen.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(stream)
}

/// An idle client hears nothing but pings. One that did not answer would soon be gone from what is measured.
async fn stay(mut stream: TcpStream) -> std::io::Result<()> {
    const PONG: &[u8; 21] = b"[[:chsk/ws-pong] nil]";
    // A masked text frame whose mask is zero (RFC 6455, section 5.2).
    let mut frame = vec![0x81, 0x80 | 21, 0, 0, 0, 0];
    frame.extend_from_slice(PONG);
    let mut heard = [0; 64];
    while stream.read(&mut heard).await? > 0 {
        stream.write_all(&frame).await?;
    }
    Ok(())
}
