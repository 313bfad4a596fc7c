//! `tsugi connect`: lines in, replies and events out.

mod events;
mod input;
mod raw;
mod screen;

use crate::args::Connect;
use crate::end::End;
use crate::reach::{Retry, Target};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Whether a person sits in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    /// Standard input and output are a terminal.
    Person,
    /// Either is not: it ends by itself.
    Pipe,
}

impl Seat {
    fn here() -> Self {
        let person = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if person { Self::Person } else { Self::Pipe }
    }
}

pub(crate) async fn run(options: Connect) -> Result<(), End> {
    let target = Target::of(&options.server)?;
    let retry = if options.retry { Retry::Until } else { Retry::Never };
    if options.server.raw {
        raw::run(&target, retry, &options).await
    } else {
        events::run(&target, retry, &options).await
    }
}

/// Where typed lines are kept.
fn history(options: &Connect) -> Option<PathBuf> {
    if options.no_history {
        return None;
    }
    let state = || {
        let of_user = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
        Some(
            of_user
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?
                .join("tsugi/history"),
        )
    };
    options.history.clone().or_else(state)
}
