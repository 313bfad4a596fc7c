//! Lines above, the status in the last line, behind which one types.

use std::io::{IsTerminal, Write};

pub(crate) struct Screen {
    /// Whether somebody looks: otherwise there is no status line, and nothing is drawn over.
    terminal: bool,
    status: String,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal(), status: String::new() }
    }

    /// Writes a line above the status.
    pub(crate) fn line(&self, text: &str) {
        let text = harmless(text);
        if self.terminal {
            self.write(&format!("\r\x1b[K{text}\r\n{}", self.status))
        } else {
            self.write(&format!("{text}\n"))
        }
    }

    /// Changes the status line.
    pub(crate) fn status(&mut self, text: &str) {
        let status = format!("[{}] ", harmless(text));
        if self.terminal && status != self.status {
            self.write(&format!("\r\x1b[K{status}"));
        }
        self.status = status;
    }

    /// What was typed is shown when it was said: until then its line is free.
    pub(crate) fn typed(&self) {
        if self.terminal {
            self.write(&format!("\x1b[1A\r\x1b[K{}", self.status));
        }
    }

    #[expect(clippy::unused_self, reason = "only a screen writes")]
    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // When nobody can read it any more, the process ends soon.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// What others say must not drive the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
