//! What to do, as the command line says it.

use crate::Outcome;
use crate::dialect::Dialect;
use clap::{Parser, ValueEnum};
use std::net::SocketAddr;
use std::time::Duration;

/// Nothing is waited for longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Job {
    /// Requests of 64 bytes and their replies
    Echo,
    /// Messages of 128 bytes from one client to all
    Broadcast,
    /// Messages of 64 bytes from one client to one other each
    Push,
    /// Clients that connect, shake hands, close and begin again
    Connect,
    /// Clients that answer pings, and broadcasts to them, one for each line of input
    Crowd,
    /// Clients that only answer pings, for the server's CPU time
    Idle,
    /// The same in steps, each after a line of input, for the server's memory
    Hold,
}

/// The load of Tsugi's benchmark, for one server on loopback.
#[derive(Parser)]
pub(crate) struct Plan {
    /// Where the server listens; loopback only
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// The server's process, whose CPU time is read
    #[arg(long)]
    pub(crate) pid: u32,
    #[arg(long, value_enum)]
    pub(crate) dialect: Dialect,
    #[arg(long, value_enum)]
    pub(crate) job: Job,
    /// Clients; a process here may hold 20,000 files
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=19_900))]
    connections: u16,
    /// For `crowd`: the number of the first client, where other loads have those before
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    first: u32,
    /// Requests or pushes in flight, or broadcasts in one burst
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    depth: u8,
    /// How long to measure, after a quarter of it as warm-up; at most 60
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Messages a second, sent on time whatever the server does; without it, as fast as answers come
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) rate: Option<u32>,
    /// For `hold`: how many clients to have at each step
    #[arg(long, value_delimiter = ',')]
    pub(crate) steps: Vec<u16>,
}

impl Plan {
    pub(crate) fn check(&self) -> Outcome {
        if !self.address.ip().is_loopback() {
            return Err(format!("{} is not loopback: a load goes nowhere else", self.address).into());
        }
        if !(0.01..=60.0).contains(&self.seconds) {
            return Err("--seconds must be between 0.01 and 60".into());
        }
        if self.dialect.polls() && (self.job != Job::Echo || self.rate.is_some()) {
            return Err("over long-poll there is only the job echo, without a rate".into());
        }
        if matches!(self.job, Job::Push | Job::Broadcast | Job::Crowd) && self.connections < 2 {
            return Err("one client alone has nobody to talk to: --connections 2 or more".into());
        }
        if self.job == Job::Hold && (self.steps.is_empty() || !self.steps.is_sorted()) {
            return Err("hold wants --steps in ascending order".into());
        }
        Ok(())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.into()
    }

    /// The numbers of the clients.
    pub(crate) fn clients(&self) -> std::ops::Range<usize> {
        let first = self.first as usize;
        first..first + self.connections()
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth.into()
    }

    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        self.length() / 4
    }
}
