//! `tsugi bench`: a load at a rate of its own, and how long the answers take.

mod events;
mod pace;
mod progress;
mod raw;
mod report;
mod schedule;
mod tally;

use crate::args::Bench;
use crate::end::End;
use crate::line::{self, Said};
use crate::reach::{Retry, Target};
use crate::show;
use futures_util::stream::{FuturesUnordered, StreamExt};
use progress::Progress;
use schedule::Schedule;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tsugi_client::Message;

/// What is sent again and again.
#[derive(Clone)]
enum Cargo {
    Event(Said),
    Message(Message),
}

/// A connection that is open, before it has anything to do.
enum Worker {
    Events(events::Worker),
    Raw(Box<raw::Worker>),
}

/// Whether it went on to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Whole,
    Interrupted,
}

pub(crate) async fn run(options: Bench) -> Result<(), End> {
    let target = Target::of(&options.server)?;
    if options.connections > 1 && target.names_one_client() {
        return Err(End::Usage("several connections with one client id are one client: put {i} into it".to_owned()));
    }
    let cargo = cargo(&options)?;
    let tally = Arc::new(Tally::default());
    let stop = CancellationToken::new();
    let progress = Progress::begin(&options, Arc::clone(&tally));
    let mut interrupted = pin!(tokio::signal::ctrl_c());

    let workers = tokio::select! {
        workers = open(&options, &target, &cargo, &tally) => workers,
        _ = &mut interrupted => return Err(End::Interrupted),
    };
    let mut finish = Finish::Whole;
    let begun = Instant::now();
    if !workers.is_empty() {
        let mut load = pin!(load(&options, workers, &stop, &progress));
        tokio::select! {
            () = &mut load => {}
            _ = &mut interrupted => {
                finish = Finish::Interrupted;
                stop.cancel();
                load.await;
            }
        }
    }
    progress.end();
    let report = report::Report::of(&options, &tally, begun.elapsed(), finish);
    let text = if options.server.json { report.json() } else { report.text() };
    show::out(&text).map_err(|_| End::Told)?;
    match (finish, tally.first_refusal()) {
        (Finish::Interrupted, _) => Err(End::Interrupted),
        (Finish::Whole, Some(end)) => Err(end),
        (Finish::Whole, None) if report.is_clean() => Ok(()),
        (Finish::Whole, None) => Err(End::Told),
    }
}

fn cargo(options: &Bench) -> Result<Cargo, End> {
    let filler = options.payload.map(|bytes| "x".repeat(bytes as usize));
    if options.server.raw {
        return Ok(Cargo::Message(Message::text(filler.unwrap_or_else(|| options.message.clone()))));
    }
    let said = line::read(&options.message).map_err(|error| End::Usage(error.to_string()))?;
    let mut said = said.ok_or_else(|| End::Usage("there is nothing to send: name an event".to_owned()))?;
    if let Some(filler) = filler {
        said.event.data = Some(filler.as_str().into());
    }
    Ok(Cargo::Event(said))
}

/// Opens the connections over the ramp. Those that fail are counted, and left out.
async fn open(options: &Bench, target: &Target, cargo: &Cargo, tally: &Arc<Tally>) -> Vec<Worker> {
    let begun = tokio::time::Instant::now();
    let opening = (0..options.connections).map(|n| {
        let turn = begun + options.ramp.mul_f64(f64::from(n) / f64::from(options.connections));
        async move {
            tokio::time::sleep_until(turn).await;
            let asked = Instant::now();
            match worker(options, &target.numbered(n), cargo, tally).await {
                Ok(worker) => {
                    tally.connected(asked.elapsed());
                    Some(worker)
                }
                Err(end) => {
                    tally.refused(end);
                    None
                }
            }
        }
    });
    let opening: FuturesUnordered<_> = opening.collect();
    opening.filter_map(std::future::ready).collect().await
}

async fn worker(options: &Bench, target: &Target, cargo: &Cargo, tally: &Arc<Tally>) -> Result<Worker, End> {
    let limits = schedule::Limits { timeout: options.server.timeout, in_flight: options.in_flight as usize };
    let tally = Arc::clone(tally);
    match cargo {
        Cargo::Event(said) => {
            let client = target.client(limits.in_flight + 1)?;
            target.reach(&client, Retry::Never).await?;
            Ok(Worker::Events(events::Worker::new(client, said.clone(), limits, tally)))
        }
        Cargo::Message(message) => {
            let socket = target.websocket(Retry::Never).await?;
            Ok(Worker::Raw(Box::new(raw::Worker::new(socket, message.clone(), limits, tally))))
        }
    }
}

/// Runs the workers until everything that became due was answered, or is not waited for any more.
async fn load(options: &Bench, workers: Vec<Worker>, stop: &CancellationToken, progress: &Progress) {
    let schedule = Schedule::new(options.rate, options.duration, workers.len());
    progress.load(&schedule);
    let bells = schedule.bells();
    let mut running = JoinSet::new();
    for (n, worker) in workers.into_iter().enumerate() {
        let (turns, stop) = (schedule.turns(n, &bells), stop.clone());
        match worker {
            Worker::Events(worker) => running.spawn(worker.run(turns, stop)),
            Worker::Raw(worker) => running.spawn(worker.run(turns, stop)),
        };
    }
    let pace = pace::begin(schedule, bells, stop.clone());
    while running.join_next().await.is_some() {}
    // It has nobody left to ring for.
    stop.cancel();
    let _ = pace.join();
}

/// Times as milliseconds, for people and machines alike.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
