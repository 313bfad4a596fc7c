//! `cargo run -p hello`, then open http://127.0.0.1:3001 in two windows.

use axum::response::Html;
use axum::routing::get;
use tsugi::{Data, Event, Failed, Router, Server};

/// A request: the return value is the reply, and everybody hears of it.
async fn greet(Data(name): Data<String>, server: Server) -> Result<Data<String>, Failed> {
    let heard = server.broadcast(Event::new("hello/greeted", &name)).await?;
    Ok(Data(format!("Hello, {name}! Windows that heard it: {}", heard.sessions)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().router(Router::new().on("hello/greet", greet)).build()?;
    let script = || async { ([("content-type", "text/javascript")], include_str!("../../../js/dist/tsugi.min.js")) };
    let app = axum::Router::new()
        .route("/", get(Html(include_str!("../page.html"))))
        .route("/tsugi.js", get(script))
        .route_service("/chsk", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
    println!("hello at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
