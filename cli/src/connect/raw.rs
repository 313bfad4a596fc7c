//! A plain WebSocket: a line is a message, and a message a line.

use super::input::{self, Input};
use super::screen::Screen;
use super::{Seat, history};
use crate::args::Connect;
use crate::end::End;
use crate::reach::{Retry, Target};
use crate::show::harmless;
use serde_json::json;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tsugi_client::{Close, CloseCode, Message, WebSocket, WebSocketEnd};

/// How long a pipe waits for what may still come.
const LINGER: Duration = Duration::from_secs(1);
/// The longest wait there is.
const EVER: Duration = Duration::from_secs(86_400 * 365);

/// For whom messages are written, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Person,
    /// Text as it is.
    Pipe,
    Json,
}

pub(super) async fn run(target: &Target, retry: Retry, options: &Connect) -> Result<(), End> {
    let mut socket = tokio::select! {
        socket = target.websocket(retry) => socket?,
        _ = tokio::signal::ctrl_c() => return Err(End::Interrupted),
    };
    let seat = Seat::here();
    let form = match seat {
        _ if options.server.json => Form::Json,
        Seat::Person => Form::Person,
        Seat::Pipe => Form::Pipe,
    };
    let before = (seat == Seat::Person).then(Screen::before).flatten();
    let (lines, above) = input::read(seat, history(options));
    let mut screen = Screen::new(above, before);
    if form == Form::Person {
        screen.happened("-- connected; every line is a message, Ctrl-D leaves".to_owned());
    }
    let ended = talk(&mut socket, lines, &mut screen, form, options.linger.unwrap_or(LINGER)).await;
    socket.close(&Close::because(CloseCode::NORMAL, "")).await;
    screen.leave();
    if let Some(goodbye) = ended?
        && form != Form::Json
    {
        eprintln!("-- {goodbye}");
    }
    Ok(())
}

/// Until the end, with the server's goodbye if it said one.
async fn talk(
    socket: &mut WebSocket,
    mut lines: mpsc::Receiver<Input>,
    screen: &mut Screen,
    form: Form,
    linger: Duration,
) -> Result<Option<String>, End> {
    let mut reading = true;
    // A line that waits for room.
    let mut waiting: Option<Message> = None;
    let mut quiet = Instant::now();
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        if let Some(message) = waiting.take()
            && socket.send(message.clone()).is_err()
        {
            waiting = Some(message);
        }
        let until = quiet.checked_add(linger.min(EVER)).unwrap_or(quiet);
        tokio::select! {
            biased;
            _ = &mut interrupted => return Err(End::Interrupted),
            came = socket.next() => match came {
                Ok(message) => {
                    quiet = Instant::now();
                    screen.said(shown(&message, form)).map_err(|_| End::Told)?;
                }
                Err(end) => return over(&end, reading || waiting.is_some(), form),
            },
            input = lines.recv(), if reading && waiting.is_none() => match input {
                Some(Input::Line(line)) => {
                    quiet = Instant::now();
                    waiting = Some(Message::text(line));
                }
                None if form == Form::Person => return Ok(None),
                None => (reading, quiet) = (false, Instant::now()),
                Some(Input::Interrupted) => return Err(End::Interrupted),
                Some(Input::Broken(why)) => return Err(End::Failed(format!("no more lines: {why}"))),
            },
            () = tokio::time::sleep_until(until), if !reading && waiting.is_none() => {
                if socket.is_flushed() {
                    return Ok(None);
                }
                // The server has not taken everything yet.
                quiet = Instant::now();
            }
        }
    }
}

fn shown(message: &Message, form: Form) -> String {
    match (message, form) {
        (Message::Text(text), Form::Pipe) => text.to_string(),
        (Message::Text(text), Form::Person) => format!("<- {}", harmless(text)),
        (Message::Text(text), Form::Json) => json!({ "type": "message", "text": text.as_str() }).to_string(),
        (Message::Binary(bytes), Form::Json) => json!({ "type": "message", "hex": hex(bytes) }).to_string(),
        (Message::Binary(bytes), Form::Pipe) => hex(bytes),
        (Message::Binary(bytes), Form::Person) => format!("<- {} bytes: {}", bytes.len(), hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that says goodbye after the last line is as good as one that does not.
fn over(end: &WebSocketEnd, unsaid: bool, form: Form) -> Result<Option<String>, End> {
    let words = match end {
        WebSocketEnd::Closed(close) => {
            format!("the server closed the connection ({}) {}", close.code, harmless(&close.reason))
                .trim_end()
                .to_owned()
        }
        WebSocketEnd::Lost => "the connection was lost".to_owned(),
    };
    let said_goodbye = match end {
        WebSocketEnd::Closed(close) => matches!(close.code.get(), 1000 | 1001 | 1005),
        WebSocketEnd::Lost => false,
    };
    if said_goodbye && (!unsaid || form == Form::Person) { Ok(Some(words)) } else { Err(End::Failed(words)) }
}
