//! The bare limit: hyper's upgrade, our WebSocket codec and frames that are prepared once. No protocol.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming as Body;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Request, Response, StatusCode, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use std::io::IoSlice;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::broadcast;
use tsugi_proto::websocket::{Decoder, Incoming, Role, accept_key};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let listener = tsugi_benches::listen().await?;
    let (everybody, _) = broadcast::channel(1024);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let everybody = everybody.clone();
        let service = service_fn(move |request| answer(request, everybody.clone()));
        let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(serving.with_upgrades());
    }
}

async fn answer(
    mut request: Request<Body>,
    everybody: broadcast::Sender<Bytes>,
) -> Result<Response<Empty<Bytes>>, hyper::http::Error> {
    let accept = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| accept_key(key.as_bytes())).unwrap_or_default();
    let upgraded = upgrade::on(&mut request);
    tokio::spawn(async move { talk(TokioIo::new(upgraded.await?), everybody).await });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Empty::new())
}

async fn talk(mut io: TokioIo<upgrade::Upgraded>, everybody: broadcast::Sender<Bytes>) -> Result<(), Error> {
    let mut heard = everybody.subscribe();
    let mut decoder = Decoder::new(Role::Server, 65_536);
    let mut scratch = vec![0; 16_384];
    let mut ready = Vec::new();
    loop {
        tokio::select! {
            frame = heard.recv() => ready.push(frame?),
            read = io.read(&mut scratch) => match read? {
                0 => return Ok(()),
                read => take(&mut decoder, &mut scratch[..read], &everybody, &mut ready)?,
            },
        }
        while let Ok(frame) = heard.try_recv() {
            ready.push(frame);
        }
        write(&mut io, &mut ready).await?;
    }
}

fn take(
    decoder: &mut Decoder,
    mut input: &mut [u8],
    everybody: &broadcast::Sender<Bytes>,
    ready: &mut Vec<Bytes>,
) -> Result<(), Error> {
    while let Some(incoming) = decoder.decode(&mut input)? {
        if let Incoming::Message(message) = incoming {
            let frame = frame(message.as_bytes());
            if message.as_bytes().starts_with(b"B") {
                everybody.send(frame)?;
            } else {
                ready.push(frame);
            }
        }
    }
    Ok(())
}

fn frame(payload: &[u8]) -> Bytes {
    let mut frame = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}

async fn write(io: &mut (impl AsyncWrite + Unpin), ready: &mut Vec<Bytes>) -> std::io::Result<()> {
    for some in ready.chunks_mut(64) {
        let mut slices: Vec<_> = some.iter().map(|frame| IoSlice::new(frame)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let written = io.write_vectored(rest).await?;
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    ready.clear();
    Ok(())
}
