//! Where lines come from: a person with an editor and its history, or a pipe.

use super::Seat;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Lines that were read and not looked at yet.
const AHEAD: usize = 64;
/// Typed lines that are kept.
const HISTORY: usize = 1_000;
/// Bytes of a line of a pipe; a longer one ends the reading.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// What was read.
#[derive(Debug)]
pub(super) enum Input {
    Line(String),
    /// Ctrl-C in the editor.
    Interrupted,
    /// It cannot be read any more.
    Broken(String),
}

/// Writes above what is being typed.
pub(super) type Above = Box<dyn FnMut(String) + Send>;

/// Begins to read. Reads cannot be given up, so they have a thread that ends with the process.
pub(super) fn read(seat: Seat, history: Option<PathBuf>) -> (mpsc::Receiver<Input>, Option<Above>) {
    let (give, take) = mpsc::channel(AHEAD);
    if seat == Seat::Person
        && let Ok((editor, above)) = editor(history.as_ref())
    {
        std::thread::spawn(move || type_lines(editor, history.as_deref(), &give));
        return (take, above);
    }
    std::thread::spawn(move || pipe_lines(&give));
    (take, None)
}

fn editor(history: Option<&PathBuf>) -> rustyline::Result<(DefaultEditor, Option<Above>)> {
    // A pasted text is lines, not one.
    let config = Config::builder().auto_add_history(true).history_ignore_space(true).bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config)?;
    editor.set_max_history_size(HISTORY)?;
    if let Some(path) = history {
        if let Some(folder) = path.parent() {
            // That there is no place for a history is said nowhere: nobody asked for one.
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = editor.load_history(path);
    }
    // There is none on a terminal that cannot move its cursor.
    let above = editor.create_external_printer().ok().map(|mut printer| {
        Box::new(move |text| {
            let _ = printer.print(text);
        }) as Above
    });
    Ok((editor, above))
}

fn type_lines(mut editor: DefaultEditor, history: Option<&Path>, give: &mpsc::Sender<Input>) {
    loop {
        let input = match editor.readline("> ") {
            Ok(line) => Input::Line(line),
            Err(ReadlineError::Eof) => return,
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(error) => Input::Broken(error.to_string()),
        };
        if let Some(path) = history {
            let _ = editor.append_history(path);
        }
        let last = !matches!(input, Input::Line(_));
        if give.blocking_send(input).is_err() || last {
            return;
        }
    }
}

fn pipe_lines(give: &mpsc::Sender<Input>) {
    use std::io::{BufRead, Read};
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = String::new();
        let read = input.by_ref().take(MAX_LINE).read_line(&mut line);
        let input = match read {
            Ok(0) => return,
            Ok(_) if line.len() as u64 == MAX_LINE => Input::Broken("a line of more than 64 MiB".to_owned()),
            Ok(_) => Input::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => Input::Broken(error.to_string()),
        };
        let last = matches!(input, Input::Broken(_));
        if give.blocking_send(input).is_err() || last {
            return;
        }
    }
}
