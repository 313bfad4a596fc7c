//! What is left of clients that are gone: nothing.

use crate::support::{ada, builder, in_time, ready, serve_events};
use std::time::Duration;
use tsugi_client::Paths;

/// Sockets that this process has open, those of other tests among them.
pub(crate) fn sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

async fn cycles(paths: Paths, count: usize) {
    let server = builder().limits(tsugi::Limits::default().max_sessions_per_user(2_000)).build().unwrap();
    let url = serve_events(&server).await;
    let once = async |url: &str| {
        let client = ada().transports(paths).connect(url).unwrap();
        ready(&client).await;
        assert_eq!(client.request::<i64>("test/echo", &1).await.unwrap(), 1);
    };
    once(&url).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..count {
        in_time(once(&url)).await;
    }
    // Goodbyes are bounded, and then there are no more tasks than the server's own few: far fewer than one for each cycle.
    let few = async {
        while tasks() > 20 || sockets() > 60 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), few).await;
    assert!(done.is_ok(), "{} tasks and {} sockets are left", tasks(), sockets());
}

#[tokio::test]
async fn a_thousand_websockets_leave_no_task_and_no_socket() {
    cycles(Paths::WebSocket, 1_000).await;
}

#[tokio::test]
async fn hundreds_of_runs_of_polls_leave_no_task_and_no_socket() {
    cycles(Paths::Poll, 300).await;
}
