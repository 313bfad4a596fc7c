//! Where what came and what happened is written.

use super::input::Above;
use crate::show;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Lines that wait for the terminal; more are counted, and said to be missing.
const BEHIND: usize = 10_000;

/// The terminal as it was before an editor had it.
#[cfg(unix)]
type Before = nix::sys::termios::Termios;
#[cfg(not(unix))]
type Before = ();

/// Standard output and error, or the lines above what a person is typing.
pub(super) enum Screen {
    Plain,
    Above { lines: SyncSender<String>, writer: JoinHandle<()>, missing: u64, before: Option<Before> },
}

impl Screen {
    /// Must be made before the editor changes the terminal.
    pub(super) fn new(above: Option<Above>, before: Option<Before>) -> Self {
        let Some(mut above) = above else { return Self::Plain };
        // Writing above waits for the editor, which a connection must not.
        let (lines, written) = sync_channel::<String>(BEHIND);
        let writer = std::thread::spawn(move || {
            while let Ok(line) = written.recv() {
                above(line + "\n");
            }
        });
        Self::Above { lines, writer, missing: 0, before }
    }

    /// What the terminal is like now.
    pub(super) fn before() -> Option<Before> {
        #[cfg(unix)]
        return nix::sys::termios::tcgetattr(std::io::stdin()).ok();
        #[cfg(not(unix))]
        None
    }

    /// What came: standard output.
    pub(super) fn said(&mut self, line: String) -> std::io::Result<()> {
        match self {
            Self::Plain => show::out(&line),
            Self::Above { .. } => {
                self.above(line);
                Ok(())
            }
        }
    }

    /// What happened: standard error, or between the rest for a person.
    pub(super) fn happened(&mut self, line: String) {
        match self {
            Self::Plain => eprintln!("{line}"),
            Self::Above { .. } => self.above(line),
        }
    }

    fn above(&mut self, line: String) {
        let Self::Above { lines, missing, .. } = self else { return };
        if *missing > 0 && lines.try_send(format!("-- {missing} lines came too fast to be shown")).is_ok() {
            *missing = 0;
        }
        if let Err(TrySendError::Full(_)) = lines.try_send(line) {
            *missing += 1;
        }
    }

    /// Gives the terminal back, in the middle of a line that is being typed.
    pub(super) fn leave(self) {
        let Self::Above { lines, writer, before, .. } = self else { return };
        drop(lines);
        let _ = writer.join();
        #[cfg(unix)]
        if let Some(before) = before {
            use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
            let changed = tcgetattr(std::io::stdin()).is_ok_and(|now| now.local_flags != before.local_flags);
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &before);
            if changed {
                // The prompt is gone from the line that comes.
                use std::io::Write;
                let _ = write!(std::io::stdout(), "\r\x1b[K").and_then(|()| std::io::stdout().flush());
            }
        }
        #[cfg(not(unix))]
        let _ = before;
    }
}
