//! The Rust client as a page can use it: what `conformance/browser/wasm.test.mjs` plays with. It is there in a browser only.
#![cfg(target_arch = "wasm32")]

use serde::Deserialize;
use std::cell::RefCell;
use std::rc::Rc;
use tsugi_client::codec::{Edn, Json};
use tsugi_client::{Client, Close, CloseCode, Paths, State, Value};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// A client of the interop server.
#[wasm_bindgen]
pub struct Player {
    client: Client,
    heard: Rc<RefCell<Vec<i64>>>,
}

/// What the interop server answers to `test/echo`.
#[derive(Deserialize)]
struct Echo {
    echo: String,
}

#[wasm_bindgen]
impl Player {
    /// Begins to connect. `paths` is `both`, `ws` or `poll`; `codec` is `json` or `edn`.
    ///
    /// # Errors
    /// Those of the client.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, user: &str, paths: &str, codec: &str) -> Result<Self, JsError> {
        let paths = match paths {
            "ws" => Paths::WebSocket,
            "poll" => Paths::Poll,
            _ => Paths::Both,
        };
        let builder = Client::builder().param("uid", user).transports(paths);
        let builder = if codec == "edn" { builder.codec(Edn::new()) } else { builder.codec(Json::new()) };
        let client = builder.connect(url)?;
        let heard = Rc::new(RefCell::new(Vec::new()));
        // What a handler holds need not be `Send` here: `Rc` is none.
        let hears = Rc::clone(&heard);
        client.on("srv/n", move |n: i64| hears.borrow_mut().push(n))?;
        Ok(Self { client, heard })
    }

    /// Waits for a connection and tells its transport and whether the session goes on.
    ///
    /// # Errors
    /// When there will be none.
    pub async fn ready(&self) -> Result<String, JsError> {
        let client = self.client.clone();
        let open = client.ready().await?;
        Ok(format!("{:?} {:?}", open.transport, open.outcome))
    }

    /// The state of the connection, in a word or two.
    pub fn state(&self) -> String {
        match &*self.client.state().borrow() {
            State::Open(open) => format!("{:?}", open.transport),
            State::Waiting { .. } => "Waiting".to_owned(),
            State::Closed(loss) => format!("Closed {:?}", loss.reason),
            other => format!("{other:?}"),
        }
    }

    /// Asks the server for an echo.
    ///
    /// # Errors
    /// When none comes.
    pub async fn echo(&self, text: String) -> Result<String, JsError> {
        let client = self.client.clone();
        Ok(client.request::<Echo>("test/echo", &text).await?.echo)
    }

    /// Sends so many texts of so many letters at once, and waits until all were handled.
    ///
    /// # Errors
    /// When one was not.
    pub async fn flood(&self, count: usize, letters: usize) -> Result<(), JsError> {
        let text = "x".repeat(letters);
        let send = |_| self.client.send("test/echo", &text);
        let deliveries = (0..count).map(send).collect::<Result<Vec<_>, _>>()?;
        for delivery in deliveries {
            delivery.settled().await?;
        }
        Ok(())
    }

    /// Asks for so many pushes.
    ///
    /// # Errors
    /// When the server did not handle that.
    pub async fn pushes(&self, count: i64) -> Result<(), JsError> {
        let delivery = self.client.send("test/push", &Value::Integer(count))?;
        Ok(delivery.settled().await?)
    }

    /// What was pushed so far.
    pub fn heard(&self) -> Vec<i64> {
        self.heard.borrow().clone()
    }

    /// Connects anew, now.
    pub fn reconnect(&self) {
        self.client.reconnect();
    }

    /// Says goodbye.
    pub fn close(&self) {
        self.client.close(&Close::because(CloseCode::NORMAL, "enough"));
    }
}
