//! Children that answer each line with a line.

use crate::shell::Outcome;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A child that answers each line with a line, and is killed when nobody wants it any more.
pub(crate) struct Talker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talker {
    /// Starts a program with its arguments. The process may open as many files as the system lets it.
    pub(crate) fn start(line: &[String]) -> Outcome<Self> {
        // Every client is an open file, and the usual soft limit is 1,024. The hard limit is there to be used; `exec`
        // keeps the process that is measured the one that was started.
        let raise = r#"ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@""#;
        let mut child = Command::new("sh")
            .args(["-c", raise])
            .args(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", line.join(" ")))?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = child.stdout.take().map(BufReader::new).ok_or("no standard output")?;
        Ok(Self { child, input, output })
    }

    pub(crate) fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.is_empty() { Err("a process ended early".to_owned()) } else { Ok(line.trim().to_owned()) }
    }

    pub(crate) fn say(&mut self, line: &str) -> Outcome {
        writeln!(self.input, "{line}").map_err(|error| error.to_string())
    }

    pub(crate) fn ask(&mut self, line: &str) -> Outcome<String> {
        self.say(line)?;
        self.line()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes (proc(5), `VmRSS`).
    pub(crate) fn resident(&self) -> Outcome<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| format!("{path} has no VmRSS"))
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
