//! One program for a terminal and for a page. `cargo run -p interop`, then `cargo run -p everywhere`.

use tsugi_client::{Client, Notice, Value};

async fn talk(url: &str, print: fn(&str)) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().param("uid", "ada").connect(url)?;
    let mut events = client.events();
    client.send("test/push", &3)?.settled().await?;
    let reply: Value = client.request("test/echo", "hello").await?;
    print(&format!("replied {reply:?}"));
    while let Some(Notice::Event(event)) = events.next().await {
        print(&format!("pushed {} {:?}", event.id, event.data));
    }
    Ok(())
}

#[cfg(not(target_arch = "wasm32"))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    talk("http://127.0.0.1:9801/chsk-open", |line| println!("{line}")).await
}

#[cfg(target_arch = "wasm32")]
fn main() {
    let print = |line: &str| web_sys::console::log_1(&line.into());
    wasm_bindgen_futures::spawn_local(async move {
        talk("/chsk-open", print).await.unwrap_or_else(|error| print(&error.to_string()));
    });
}
