//! Clients that poll and POST, each over two connections as a browser has them.

use crate::Outcome;
use crate::dialect::{Dialect, Marks, Say};
use crate::http::Http;
use crate::jobs::{SMALL, failing};
use crate::meter::measure;
use crate::plan::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc;

struct Client {
    polls: Http,
    posts: Http,
    poll: Vec<u8>,
    /// A POST of as many requests as are in flight.
    post: Vec<u8>,
}

/// Opens a session and makes the two requests that it goes on with.
async fn open(plan: &Plan, index: usize) -> Outcome<Client> {
    let mut polls = Http::connect(plan.address, index).await?;
    let posts = Http::connect(plan.address, index).await?;
    let path = plan.dialect.path(index, false);
    let message = plan.dialect.message(Say::Echo, SMALL, 1);
    let many = |between: &str| vec![message.as_str(); plan.depth()].join(between);
    let (poll, post) = match plan.dialect {
        Dialect::TsugiPoll => {
            let headers = "X-Requested-With: XMLHttpRequest\r\nContent-Type: application/json\r\n";
            polls.done(&polls.request("GET", &path, headers, "")).await?;
            let welcome = polls.done(&polls.request("POST", &path, headers, r#"[["chsk/hello",{}],null]"#)).await?;
            let headers = format!("{headers}Tsugi-Session: {}\r\n", between(welcome, "\"session\":\"")?);
            (polls.request("GET", &path, &headers, ""), posts.request("POST", &path, &headers, &many("\n")))
        }
        Dialect::SocketIoPoll => {
            let headers = "Content-Type: text/plain;charset=UTF-8\r\n";
            let opened = polls.done(&polls.request("GET", &path, headers, "")).await?;
            let path = format!("{path}&sid={}", between(opened, "\"sid\":\"")?);
            polls.done(&polls.request("POST", &path, headers, "40")).await?;
            let poll = polls.request("GET", &path, headers, "");
            polls.done(&poll).await?;
            // The record separator stands between the packets of a payload (Engine.IO protocol 4).
            (poll, posts.request("POST", &path, headers, &many("\u{1e}")))
        }
        _ => {
            let poll = polls.request("POST", &format!("{path}/xhr"), "", "");
            polls.done(&poll).await?;
            let body = format!("[{}]", many(","));
            (poll, posts.request("POST", &format!("{path}/xhr_send"), "Content-Type: text/plain\r\n", &body))
        }
    };
    Ok(Client { polls, posts, poll, post })
}

/// What follows this, up to the next quote.
fn between(text: &[u8], before: &str) -> Outcome<String> {
    let text = std::str::from_utf8(text)?;
    let found = text.split_once(before).and_then(|(_, after)| after.split_once('"'));
    found.map(|(found, _)| found.to_owned()).ok_or_else(|| format!("no {before} in {text}").into())
}

pub(crate) async fn echo(plan: &'static Plan) -> Outcome {
    let count = Arc::new(AtomicU64::new(0));
    for index in 0..plan.connections() {
        let Client { mut polls, mut posts, poll, post } = open(plan, index).await?;
        let (answered, mut answers) = mpsc::channel(64);
        let count = count.clone();
        // Ends with the process, as its sibling does.
        tokio::spawn(failing(async move {
            let mut marks = Marks::default();
            loop {
                let came = marks.count(polls.done(&poll).await?);
                count.fetch_add(came, Relaxed);
                answered.send(came).await?;
            }
        }));
        let depth = plan.depth() as u64;
        tokio::spawn(failing(async move {
            let mut missing = 0;
            loop {
                posts.done(&post).await?;
                missing += depth;
                while missing > 0 {
                    missing -= answers.recv().await.ok_or("the polls ended")?.min(missing);
                }
            }
        }));
    }
    measure(plan, &count).await
}
