//! What can be asked for, and how that is explained.

use crate::given;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0    everything was answered
  1    something failed: a request, a line that is no event, a connection before its time
  2    asked for something that cannot be: an option, a URL, a header, a file
  3    no connection: refused, no such name, TLS, no answer in time
  4    the server does not want this client: 400 to 403, or a close code that says so
  130  interrupted";

const CONNECT_EXAMPLES: &str = "\
A line is an event, in EDN, in JSON, or its id and data:
  [:chat/say {:text \"hi\"}]      [\"chat/say\", {\"text\": \"hi\"}]      chat/say {:text \"hi\"}
It is sent as a request, and its reply printed with the time it took; behind a leading ! it is sent as an \
event without reply. What the server pushes is printed as it comes. Empty lines, and lines that begin with ; \
are skipped. In a terminal there are also /help, /state, /reconnect and /quit. With --raw every line is a text message.

From a pipe it ends when everything was answered or is not waited for any more. Replies and events go to \
standard output, what happened and what failed to standard error.

Secrets: a value that begins with @ names the file that holds it; TSUGI_HEADER (one a line), TSUGI_CSRF_TOKEN \
and TSUGI_CLIENT_ID do without a file.

Examples:
  tsugi connect http://localhost:9801/chsk-open
  echo 'test/echo {:a 1}' | tsugi connect http://localhost:9801/chsk-open
  echo '[\"test/echo\", 1]' | tsugi connect --codec json --json http://localhost:9801/chsk-open
  tsugi connect --linger forever 'http://localhost:9801/chsk-open?uid=ada' < /dev/null
  tsugi connect --wire sente --csrf-token @token.txt http://localhost:9801/chsk
  tsugi connect -H @cookie.txt --transport poll https://chat.example/chsk
  echo hello | tsugi connect --raw ws://localhost:9801/raw/echo";

const BENCH_EXAMPLES: &str = "\
Messages become due at the rate that was asked for, whatever the server does (an open loop), and a latency is \
counted from when its message was due: a server that stalls for a second is charged for everything that had to \
wait meanwhile. Beside it stands what is seen from when the message was really sent. Latencies are those of answers; \
messages that failed, took too long or could not be sent are counted.

MESSAGE is a line as `tsugi connect` takes it; behind a ! it is an event, done when the server has handled it. \
With --raw it is a text message, and the nth message that comes answers the nth that was sent: an echo. \
{i} in the URL, in headers and in the client id is the number of the connection, from 0.

Ctrl-C ends it early, with the results so far.

Examples:
  tsugi bench http://localhost:9801/chsk-open test/echo
  tsugi bench -c 100 -r 2000 -d 30s --payload 512 http://localhost:9801/chsk-open test/echo
  tsugi bench --transport poll 'http://localhost:9801/chsk-open?uid=u{i}' 'test/echo {:a 1}'
  tsugi bench --raw ws://localhost:9801/raw/echo hello
  tsugi bench --json -d 2s http://localhost:9801/chsk-open test/echo | jq .latency_ms.p99";

/// Channel sockets and plain WebSockets from the command line
///
/// For servers of Tsugi, of Sente, and for any WebSocket with --raw.
#[derive(Debug, Parser)]
#[command(name = "tsugi", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk to a server: lines in, replies and events out
    #[command(after_help = CONNECT_EXAMPLES)]
    Connect(Connect),
    /// Put a load on a server and measure how long its answers take
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(Bench),
}

/// Who is connected to, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// The endpoint: http, https, ws or wss; without any, http
    pub(crate) url: String,
    /// A plain WebSocket: text messages, no events
    #[arg(long, conflicts_with_all = ["codec", "transport", "wire"])]
    pub(crate) raw: bool,
    /// A header of every request, 'Name: value', or @FILE with one a line
    #[arg(
        short = 'H',
        long,
        value_name = "HEADER",
        env = "TSUGI_HEADER",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub(crate) header: Vec<String>,
    /// How values are written on the wire; the server must offer it
    #[arg(long, value_enum, default_value_t = CodecName::Edn)]
    pub(crate) codec: CodecName,
    /// The way to the server
    #[arg(long, value_enum, default_value_t = TransportName::Auto)]
    pub(crate) transport: TransportName,
    /// What is asked for; a Sente server is understood in any case, but needs `sente` to see a CSRF token
    #[arg(long, value_enum, default_value_t = WireName::Tsugi)]
    pub(crate) wire: WireName,
    /// The application's CSRF token, or @FILE
    #[arg(long, value_name = "TOKEN", env = "TSUGI_CSRF_TOKEN", hide_env_values = true)]
    pub(crate) csrf_token: Option<String>,
    /// The name of this client, or @FILE; a secret towards a Sente server [default: random]
    #[arg(long, value_name = "ID", env = "TSUGI_CLIENT_ID", hide_env_values = true)]
    pub(crate) client_id: Option<String>,
    /// How long a reply may take
    #[arg(long, value_name = "TIME", value_parser = given::time, default_value = "10s")]
    pub(crate) timeout: Duration,
    /// How long it may take until there is a connection
    #[arg(long, value_name = "TIME", value_parser = given::time, default_value = "10s")]
    pub(crate) connect_timeout: Duration,
    /// Print JSON, for machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Try again until there is a connection or --connect-timeout is over
    #[arg(long)]
    pub(crate) retry: bool,
    /// From a pipe: stay so long after the last reply, or `forever`; with --raw, until nothing came for so long
    /// [default: 0s; with --raw 1s]
    #[arg(long, value_name = "TIME", value_parser = given::time_or_forever)]
    pub(crate) linger: Option<Duration>,
    /// Where typed lines are kept [default: ~/.local/state/tsugi/history]
    #[arg(long, value_name = "FILE", env = "TSUGI_HISTORY", hide_env_values = true, conflicts_with = "no_history")]
    pub(crate) history: Option<PathBuf>,
    /// Keep no typed lines
    #[arg(long)]
    pub(crate) no_history: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) server: Server,
    /// What is sent again and again
    pub(crate) message: String,
    /// How many connections
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: u32,
    /// How many messages a second, over all connections
    #[arg(short, long, value_name = "N", default_value_t = 100.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// For how long messages become due, once the connections are open
    #[arg(short, long, value_name = "TIME", value_parser = given::time, default_value = "10s")]
    pub(crate) duration: Duration,
    /// Open the connections one after another over this time
    #[arg(long, value_name = "TIME", value_parser = given::time, default_value = "1s")]
    pub(crate) ramp: Duration,
    /// Send text of so many bytes as the event's data, or as the message
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=16_777_216))]
    pub(crate) payload: Option<u32>,
    /// How many messages of one connection may be unanswered; further ones wait, and their time counts
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) in_flight: u32,
}

/// How values are written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecName {
    Edn,
    Json,
    Transit,
    TransitVerbose,
    Msgpack,
    GzEdn,
    GzMsgpack,
}

/// The ways to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportName {
    /// A WebSocket, or long-polling where there is no way for one
    Auto,
    /// A WebSocket or nothing
    Ws,
    /// Long-polling only
    Poll,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WireName {
    /// Tsugi's extension, and Sente where there is none
    Tsugi,
    /// Sente and nothing else
    Sente,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of messages a second".to_owned())?;
    if (0.001..=10_000_000.0).contains(&rate) { Ok(rate) } else { Err("from 0.001 to 10,000,000".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::{Args, Command};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_is_a_command_that_is_understood() {
        let help = [super::CONNECT_EXAMPLES, super::BENCH_EXAMPLES].join("\n");
        let mut seen = 0;
        for line in help.lines().filter(|line| line.starts_with("  tsugi") || line.starts_with("  echo")) {
            let command = &line[line.find("tsugi").unwrap()..];
            let command = command.split(" < ").next().unwrap().split(" | ").next().unwrap();
            // The quotes of the examples hold a URL or a message as their last words.
            let words = command.split('\'').enumerate();
            let arguments = words.flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().collect::<Vec<_>>(),
                _ => vec![part],
            });
            let parsed = Args::try_parse_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(matches!(parsed.command, Command::Connect(_) | Command::Bench(_)));
            seen += 1;
        }
        assert_eq!(seen, 12);
    }

    #[test]
    fn the_help_says_what_is_written_here() {
        for (name, text) in [("connect", super::CONNECT_EXAMPLES), ("bench", super::BENCH_EXAMPLES)] {
            let mut command = Args::command();
            // As wide as the longest line, so that none is broken.
            let help =
                command.find_subcommand_mut(name).unwrap().clone().term_width(10_000).render_long_help().to_string();
            assert!(help.contains(text), "{help}");
        }
    }

    #[test]
    fn bounds_are_kept() {
        for wrong in ["-c 0", "-c 100001", "-r 0", "-r NaN", "-r -1", "--payload 16777217", "--in-flight 0", "-d x"] {
            let line = format!("tsugi bench {wrong} http://a b/c");
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
        for wrong in ["--raw --codec edn", "--raw --transport ws", "--history x --no-history"] {
            let line = format!("tsugi connect {wrong} http://a");
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
    }
}
