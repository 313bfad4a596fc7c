//! How the program ends, in words and as an exit code.

use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;
use thiserror::Error;
use tsugi_client::{ConnectError, Loss, Reason, WebSocketError};

/// Why the program does not end well. The exit codes are those of `tsugi --help`.
#[derive(Clone, Debug, Error)]
pub(crate) enum End {
    /// It ran, and something of it failed.
    #[error("{0}")]
    Failed(String),
    /// What failed was said where it failed.
    #[error("something failed")]
    Told,
    /// The program was not asked for something that can be done.
    #[error("{0}")]
    Usage(String),
    /// Nobody there, or nobody who answers.
    #[error("{0}")]
    NoConnection(String),
    /// The server does not want this client.
    #[error("{0}")]
    Refused(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl End {
    fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            Self::NoConnection(_) => 3,
            Self::Refused(_) => 4,
            Self::Interrupted => 130,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// Says why, where it was not said yet.
    pub(crate) fn tell(&self, json: bool) {
        match self {
            Self::Told | Self::Interrupted => {}
            // On standard output, where whoever reads JSON reads.
            _ if json => {
                let _ = crate::show::out(
                    &json!({ "type": "end", "message": self.to_string(), "exit": self.code() }).to_string(),
                );
            }
            _ => eprintln!("tsugi: {self}"),
        }
    }
}

impl From<Loss> for End {
    fn from(loss: Loss) -> Self {
        let told_to_stop = loss.code.is_some_and(|code| matches!(code.get(), 1008 | 3500..=3999 | 4500..=4999));
        let words = describe(&loss);
        match loss.reason {
            Reason::Refused | Reason::Rejected | Reason::Replaced => Self::Refused(words),
            Reason::Server if told_to_stop => Self::Refused(words),
            _ => Self::NoConnection(words),
        }
    }
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Url(_) | ConnectError::Header(_) | ConnectError::ClientId(_) => {
                Self::Usage(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<WebSocketError> for End {
    fn from(error: WebSocketError) -> Self {
        match error {
            WebSocketError::Connect(error) => error.into(),
            WebSocketError::Unreachable(why) => Self::NoConnection(format!("no connection: {}", plain(&why))),
            WebSocketError::Timeout => Self::NoConnection("no connection in time".to_owned()),
            WebSocketError::Refused { status, message, .. } => {
                let words = format!("the server answered {}", with_text(status, Some(&message)));
                if matches!(status, 400..=403) { Self::Refused(words) } else { Self::NoConnection(words) }
            }
        }
    }
}

/// What else it may be that speaks no events.
const PLAIN: &str = " (a plain WebSocket wants --raw)";

/// How a connection came to its end, in one line.
pub(crate) fn describe(loss: &Loss) -> String {
    let text = loss.message.as_deref().map(plain);
    let with = |words: &str| text.as_ref().map_or_else(|| words.to_owned(), |text| format!("{words}: {text}"));
    let status = |words: &str| {
        loss.status.map_or_else(|| with(words), |status| format!("{words} {}", with_text(status, text.as_deref())))
    };
    match loss.reason {
        Reason::Network if loss.status == Some(404) => status("the server answered") + " (is the path right?)",
        Reason::Network if loss.status == Some(426) => status("the server answered") + PLAIN,
        Reason::Network if loss.status.is_some() => status("the server answered"),
        Reason::Network => with("no connection"),
        Reason::Timeout if text.as_deref() == Some("no handshake in time") => with("no answer") + PLAIN,
        Reason::Timeout => with("no answer"),
        Reason::Server => {
            let code = loss.code.map_or_else(String::new, |code| format!(" ({code})"));
            with(&format!("the server closed the connection{code}"))
        }
        Reason::Busy => {
            let wait = loss
                .retry_after
                .map_or_else(String::new, |wait| format!("; it asks to come back in {} s", wait.as_secs()));
            status("the server is busy,") + &wait
        }
        Reason::Refused => status("the server refuses:"),
        Reason::Rejected => status("the server does not take this:"),
        Reason::BadFrame => with("the server does not speak this protocol or codec") + PLAIN,
        Reason::SessionGone => "the server does not know the session".to_owned(),
        Reason::Replaced => "another connection took this session over".to_owned(),
        Reason::Closed => "closed".to_owned(),
    }
}

fn with_text(status: u16, text: Option<&str>) -> String {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map_or_else(|| status.to_string(), |text| format!("{status} {}", crate::show::harmless(first_line(text))))
}

/// A page of HTML says no more in its second line.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What the system said, without the layers through which it came.
fn plain(why: &str) -> String {
    let mut rest = why;
    for layer in ["client error (Connect): ", "client error (SendRequest): ", "tcp connect error: ", "dns error: "] {
        rest = rest.strip_prefix(layer).unwrap_or(rest);
    }
    if rest.contains("InvalidContentType") {
        return "the server does not speak TLS".to_owned();
    }
    crate::show::harmless(rest)
}

/// A time for people: `1.3 ms`, `2.5 s`.
pub(crate) fn span(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1_000.0;
    match ms {
        _ if ms >= 10_000.0 => format!("{:.0} s", ms / 1_000.0),
        _ if ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        _ if ms >= 100.0 => format!("{ms:.0} ms"),
        _ if ms >= 1.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}
