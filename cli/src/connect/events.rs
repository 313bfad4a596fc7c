//! Events: what is typed is asked, what is answered and pushed is shown.

use super::input::{self, Input};
use super::screen::Screen;
use super::{Seat, history};
use crate::args::Connect;
use crate::end::{End, describe};
use crate::line::{self, Said, Wants};
use crate::reach::{Retry, Target};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use report::{Answer, Report};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tsugi_client::{Client, Close, CloseCode, Events, Loss, RequestError, SendError, State, Value};

mod report;

/// Lines that may be on their way; further ones are read when one of them was answered.
const UNDER_WAY: usize = 256;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

const HELP: [&str; 7] = [
    "-- [:chat/say {:text \"hi\"}]      a request, in EDN",
    "-- [\"chat/say\", {\"text\": \"hi\"}]  the same in JSON",
    "-- chat/say {:text \"hi\"}         the same in words",
    "-- !chat/typing true             an event without reply",
    "-- /state                        how the connection is doing",
    "-- /reconnect                    connect anew, now",
    "-- /quit                         leave; so does Ctrl-D",
];

/// What became of a line.
struct Done {
    line: u64,
    id: String,
    took: Duration,
    result: Result<Answer, RequestError>,
}

struct Talk {
    client: Client,
    state: watch::Receiver<State>,
    screen: Screen,
    report: Report,
    timeout: Duration,
    lines: u64,
    failures: u64,
    /// Set once there will be no connection any more.
    lost: Option<Loss>,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// What to do after a line.
#[derive(PartialEq, Eq)]
enum Next {
    Line,
    Leave,
}

pub(super) async fn run(target: &Target, retry: Retry, options: &Connect) -> Result<(), End> {
    let client = target.client(UNDER_WAY + 1)?;
    let events = client.events();
    let state = client.state();
    let reached = tokio::select! {
        reached = target.reach(&client, retry) => reached,
        _ = tokio::signal::ctrl_c() => Err(End::Interrupted),
    };
    let seat = Seat::here();
    let before = (seat == Seat::Person).then(Screen::before).flatten();
    let report = if options.server.json { Report::Json } else { Report::People(target.tongue()) };
    reached?;
    let (lines, above) = input::read(seat, history(options));
    let mut talk = Talk {
        client,
        state,
        screen: Screen::new(above, before),
        report,
        timeout: options.server.timeout,
        lines: 0,
        failures: 0,
        lost: None,
        under_way: FuturesUnordered::new(),
    };
    talk.state.mark_changed();
    let mut events = events;
    let ended = talk.run(lines, &mut events, seat, options.linger.unwrap_or_default()).await;
    talk.leave(events, seat, ended).await
}

impl Talk {
    /// Until it is left, or the lines are over and nothing is under way.
    async fn run(
        &mut self,
        mut lines: mpsc::Receiver<Input>,
        events: &mut Events,
        seat: Seat,
        linger: Duration,
    ) -> Result<(), End> {
        let mut reading = true;
        let mut stays: Option<tokio::time::Instant> = None;
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            let idle = !reading && self.under_way.is_empty();
            if idle && self.lost.is_some() {
                return Ok(());
            }
            if idle && stays.is_none() {
                let now = tokio::time::Instant::now();
                stays = Some(now.checked_add(linger).unwrap_or(now + Duration::from_secs(86_400 * 365)));
            }
            let room = reading && self.under_way.len() < UNDER_WAY;
            tokio::select! {
                biased;
                _ = &mut interrupted => return Err(End::Interrupted),
                changed = self.state.changed() => if changed.is_ok() { reading &= self.state_changed() == Next::Line },
                Some(notice) = events.next() => self.said(self.report.notice(&notice))?,
                Some(done) = self.under_way.next() => self.done(&done)?,
                () = tokio::time::sleep_until(stays.unwrap_or_else(tokio::time::Instant::now)), if idle => return Ok(()),
                input = lines.recv(), if room => match input {
                    None if seat == Seat::Person => return Ok(()),
                    None => reading = false,
                    Some(Input::Line(line)) if self.line(&line, seat)? == Next::Leave => return Ok(()),
                    Some(Input::Line(_)) => {}
                    Some(Input::Interrupted) => return Err(End::Interrupted),
                    Some(Input::Broken(why)) => {
                        reading = false;
                        self.failures += 1;
                        self.happened_in(self.report.unread(self.lines + 1, &why))?;
                    }
                },
            }
        }
    }

    fn line(&mut self, line: &str, seat: Seat) -> Result<Next, End> {
        self.lines += 1;
        if let (Seat::Person, Some(command)) = (seat, line.trim().strip_prefix('/')) {
            return Ok(self.command(command));
        }
        match line::read(line) {
            Ok(None) => {}
            Ok(Some(said)) => self.send(said),
            Err(error) => {
                self.failures += 1;
                self.happened_in(self.report.not_an_event(self.lines, &error.to_string()))?;
            }
        }
        Ok(Next::Line)
    }

    fn command(&mut self, command: &str) -> Next {
        match command {
            "quit" | "exit" | "q" => return Next::Leave,
            "state" => {
                if matches!(*self.state.borrow(), State::Idle | State::Connecting { .. }) {
                    self.screen.happened("-- connecting".to_owned());
                }
                self.state_changed();
            }
            "reconnect" => self.client.reconnect(),
            "help" | "?" => HELP.iter().for_each(|line| self.screen.happened((*line).to_owned())),
            _ => self.screen.happened("-- there are /help, /state, /reconnect and /quit".to_owned()),
        }
        Next::Line
    }

    fn send(&self, Said { event, wants }: Said) {
        let (client, timeout, line, id) = (self.client.clone(), self.timeout, self.lines, event.id.as_str().to_owned());
        let begun = Instant::now();
        let answer = async move {
            match wants {
                Wants::Reply => client.request_event::<Value>(&event, timeout).await.map(Answer::Reply),
                Wants::Nothing => {
                    let delivery = client.send_event(&event, timeout).map_err(RequestError::Send)?;
                    Ok(delivery.settled().await.map(|()| Answer::Handled)?)
                }
            }
        };
        let mut answer = Box::pin(answer);
        // It is under way from now on, and so in the order of the lines, whatever is looked at first.
        match answer.as_mut().now_or_never() {
            Some(result) => {
                let done = Done { line, id, took: begun.elapsed(), result };
                self.under_way.push(std::future::ready(done).boxed());
            }
            None => self.under_way.push(
                async move {
                    let result = answer.await;
                    Done { line, id, took: begun.elapsed(), result }
                }
                .boxed(),
            ),
        }
    }

    fn done(&mut self, Done { line, id, took, result }: &Done) -> Result<(), End> {
        match result {
            Ok(answer) => self.said(self.report.answer(*line, id, *took, answer)),
            Err(why) => {
                self.failures += 1;
                // The server has the line, if it was not refused here.
                debug_assert!(!matches!(why, RequestError::Send(SendError::Event(_))));
                self.happened_in(self.report.failure(*line, id, *took, why))
            }
        }
    }

    fn state_changed(&mut self) -> Next {
        let state = self.state.borrow_and_update().clone();
        let text = match &state {
            State::Waiting { until, .. } => self.report.state(&state, self.client.time_until(*until)),
            state => self.report.state(state, Duration::ZERO),
        };
        if let Some(text) = text {
            let _ = self.happened_in(text);
        }
        match state {
            State::Closed(loss) => {
                self.lost = Some(loss);
                Next::Leave
            }
            _ => Next::Line,
        }
    }

    /// What came goes to standard output; nobody reading that is the end.
    fn said(&mut self, line: String) -> Result<(), End> {
        self.screen.said(line).map_err(|_| End::Told)
    }

    /// What happened goes to standard error, but with everything else where machines read.
    fn happened_in(&mut self, line: String) -> Result<(), End> {
        if self.report == Report::Json {
            return self.said(line);
        }
        self.screen.happened(line);
        Ok(())
    }

    async fn leave(self, mut events: Events, seat: Seat, ended: Result<(), End>) -> Result<(), End> {
        let Self { client, screen, lost, failures, under_way, .. } = self;
        // What is under way holds the client, which says goodbye when nobody holds it.
        drop(under_way);
        client.close(&Close::because(CloseCode::NORMAL, ""));
        drop(client);
        let _ = tokio::time::timeout(GOODBYE, async { while events.next().await.is_some() {} }).await;
        screen.leave();
        ended?;
        match lost.map(|loss| (describe(&loss), End::from(loss))) {
            Some((_, refused @ End::Refused(_))) => Err(refused),
            Some((words, _)) => Err(End::Failed(words)),
            None if failures > 0 && seat == Seat::Pipe => Err(End::Told),
            None => Ok(()),
        }
    }
}
