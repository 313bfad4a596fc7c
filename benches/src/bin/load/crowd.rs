//! Clients that are one part of a crowd; other servers and other loads have the others.

use crate::Outcome;
use crate::dialect::{Dialect, Marks, Say};
use crate::jobs::{LARGE, Pings, attend, failing};
use crate::link::{hear, open_all};
use crate::plan::{PATIENCE, Plan};
use crate::speech::{Speech, Tally};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Time in which a second copy of a broadcast would arrive.
const SETTLE: Duration = Duration::from_millis(200);

/// Says `{"held":n}` once all are connected. For each line of input the first client broadcasts; then it says how many have
/// heard it, and after how long the last of them did.
pub(crate) async fn run(plan: &'static Plan) -> Outcome {
    let streams = open_all(plan, plan.clients(), false).await?;
    let count = streams.len() as u64;
    // How often each client was reached, and when the last was.
    let heard: Arc<Vec<AtomicU64>> = Arc::new(streams.iter().map(|_| AtomicU64::new(0)).collect());
    let (all, last) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let listener = |index: usize| {
        let (heard, all, last) = (heard.clone(), all.clone(), last.clone());
        move |came| {
            heard[index].fetch_add(came, Relaxed);
            all.fetch_add(came, Relaxed);
            if came > 0 {
                last.fetch_max(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX), Relaxed);
            }
        }
    };
    let mut streams = streams.into_iter().enumerate();
    let (first, stream) = streams.next().ok_or("no clients")?;
    let (speaker, frames) = mpsc::channel(1);
    tokio::spawn(failing(speak(plan.dialect, stream, frames, listener(first))));
    for (index, stream) in streams {
        tokio::spawn(failing(attend(plan.dialect, Pings::Anywhere, stream, listener(index))));
    }
    println!("{{\"held\":{count}}}");
    let mut speech = Speech::new(plan.dialect, Say::Broadcast, LARGE);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut rounds = 0;
    while lines.next_line().await?.is_some() {
        rounds += 1;
        let sent = begun.elapsed();
        speaker.send(speech.next(1).to_vec()).await?;
        while all.load(Relaxed) < count * rounds && begun.elapsed() < sent + PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(SETTLE).await;
        let reached = heard.iter().filter(|heard| heard.load(Relaxed) == rounds).count();
        let took = Duration::from_micros(last.load(Relaxed)).saturating_sub(sent);
        println!("{{\"reached\":{reached},\"seconds\":{:.6}}}", took.as_secs_f64());
    }
    Ok(())
}

/// As [`attend`], but writes these frames too.
async fn speak(
    dialect: Dialect,
    mut stream: TcpStream,
    mut frames: mpsc::Receiver<Vec<u8>>,
    mut came: impl FnMut(u64),
) -> Outcome {
    let (mut marks, mut tally) = (Marks::default(), Tally::new(dialect));
    loop {
        let (many, pong) = tokio::select! {
            Some(frame) = frames.recv() => (0, Some(frame)),
            heard = hear(&mut stream, |bytes| Pings::Anywhere.look(dialect, &mut marks, bytes)) => heard?,
        };
        if let Some(word) = pong.or_else(|| tally.more(many)) {
            stream.write_all(&word).await?;
        }
        came(many);
    }
}
