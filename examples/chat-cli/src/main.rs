//! `cargo run -p chat-cli -- --name Ada`: the chat of `examples/chat` in a terminal. Lines in, lines out, and a status line.

mod login;
mod room;
mod screen;
mod wire;

use clap::Parser;
use room::Chat;
use screen::Screen;
use std::error::Error;
use std::process::ExitCode;
use tokio::sync::mpsc;
use tsugi_client::{Client, Paths};

/// A chat in the terminal: what you type is said, and what others say is shown.
///
/// Lines: /quit leaves, /who says who is here; everything else is said.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The chat server
    #[arg(default_value = "http://127.0.0.1:3000")]
    server: String,
    /// Begin as a new person of this name
    #[arg(long, required_unless_present_any = ["code", "cookie"])]
    name: Option<String>,
    /// Come in as somebody who asked for a code on another device
    #[arg(long, conflicts_with = "name")]
    code: Option<String>,
    /// Come in with a cookie of before, `chat=…`
    #[arg(long, conflicts_with_all = ["name", "code"])]
    cookie: Option<String>,
    /// The room to talk in
    #[arg(long, default_value = "Lobby")]
    room: String,
    /// Use long-polling only
    #[arg(long)]
    poll: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match talk(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-cli: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn talk(options: Options) -> Result<(), Box<dyn Error>> {
    let server = options.server.trim_end_matches('/');
    let cookie = match (&options.cookie, &options.code, &options.name) {
        (Some(cookie), _, _) => cookie.clone(),
        (None, Some(code), _) => login::join(server, code).await?,
        (None, None, name) => login::log_in(server, name.as_deref().unwrap_or_default()).await?,
    };
    let paths = if options.poll { Paths::Poll } else { Paths::Both };
    let client = Client::builder().header("Cookie", cookie).transports(paths).connect(&format!("{server}/chsk"))?;
    let chat = Chat::new(client, options.room, Screen::new());
    tokio::select! {
        ended = chat.run(lines()) => ended?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

/// Lines of the standard input. Its reads cannot be given up, so they have a thread that ends with the process.
fn lines() -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if give.blocking_send(line).is_err() {
                return;
            }
        }
    });
    take
}
