//! The SockJS endpoints.

use crate::log::Log;
use axum::Router;
use std::time::Duration;
use tsugi::{
    BoxError, ConfigError, Origins, SessionCookie, SockJs, SockJsConfig, SockJsProfile, SockJsTransport, Socket,
    SocketConfig, Sockets,
};

fn open_to_all() -> SocketConfig {
    SocketConfig::default().origins(Origins::Any).max_message(2 * 1024 * 1024)
}

pub(crate) fn routes(profile: SockJsProfile) -> Result<Router<Log>, ConfigError> {
    let config = SockJsConfig::default().profile(profile).response_limit(4096).max_body(2 * 1024 * 1024);
    let no_websocket: Vec<_> = SockJsTransport::ALL
        .into_iter()
        .filter(|transport| !matches!(transport, SockJsTransport::WebSocket | SockJsTransport::RawWebSocket))
        .collect();
    let fast = config.clone().heartbeat(Duration::from_millis(400)).disconnect_delay(Duration::from_secs(1));
    let same_origin = open_to_all().origins(Origins::Same);
    let echoes = Sockets::new(open_to_all(), echo);
    let services = [
        ("/echo", echoes.sockjs_with(config.clone())?),
        ("/disabled_websocket_echo", echoes.sockjs_with(config.clone().transports(no_websocket))?),
        ("/cookie_needed_echo", echoes.sockjs_with(config.clone().session_cookie(SessionCookie::On))?),
        ("/fast_echo", echoes.sockjs_with(fast)?),
        ("/nocors", Sockets::new(same_origin, echo).sockjs_with(config.clone())?),
        ("/close", Sockets::new(open_to_all(), close).sockjs_with(config.clone())?),
        ("/close_later", Sockets::new(open_to_all(), close_later).sockjs_with(config.clone())?),
        ("/amplify", Sockets::new(open_to_all(), amplify).sockjs_with(config)?),
    ];
    Ok(services.into_iter().fold(Router::new(), |app, (path, service)| mount(app, path, service.at(path))))
}

/// For the whole path, not by `nest_service`: the protocol's suite looks at every slash.
fn mount(app: Router<Log>, path: &str, service: SockJs) -> Router<Log> {
    let below = format!("{path}/");
    let all_below = format!("{path}/{{*rest}}");
    app.route_service(path, service.clone()).route_service(&below, service.clone()).route_service(&all_below, service)
}

async fn echo(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        outgoing.send(message).await?;
    }
    Ok(())
}

async fn close(socket: Socket) -> Result<(), BoxError> {
    let (_incoming, outgoing, _errors) = socket.split();
    outgoing.close(3000, "Go away!")?;
    Ok(())
}

async fn close_later(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    if let Some(first) = incoming.recv().await {
        let text = String::from_utf8_lossy(first.as_bytes());
        outgoing.send(format!("got {text}")).await?;
    }
    outgoing.close(3001, "bye")?;
    Ok(())
}

/// The largest exponent that is amplified by.
const MOST: u32 = 19;

async fn amplify(socket: Socket) -> Result<(), BoxError> {
    let (mut incoming, mut outgoing, _errors) = socket.split();
    while let Some(message) = incoming.recv().await {
        let exponent = std::str::from_utf8(message.as_bytes()).ok().and_then(|text| text.trim().parse::<u32>().ok());
        let Some(exponent) = exponent.filter(|exponent| *exponent <= MOST) else { continue };
        outgoing.send("x".repeat(1 << exponent)).await?;
    }
    Ok(())
}
