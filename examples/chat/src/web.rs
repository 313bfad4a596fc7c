//! What comes before the channel: the page, and the cookie that says who somebody is.

use crate::db::{DbError, Person};
use crate::store::StoreError;
use crate::text::{self, TextError};
use crate::{App, now, secret};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use tsugi::{CloseCode, ConnectRequest, Identity, Refusal, Server, UserId};

/// The cookie's name.
const COOKIE_NAME: &str = "chat";
/// A year, in seconds; after that a person logs in again.
const COOKIE_AGE: u32 = 31_536_000;

/// Everything but the channel itself.
pub fn router(app: App, server: Server) -> Router {
    Router::new()
        .route("/", get(|| page("text/html; charset=utf-8", include_str!("../page/dist/index.html"))))
        .route("/chat.css", get(|| page("text/css; charset=utf-8", include_str!("../page/dist/chat.css"))))
        .route("/chat.js", get(|| page("text/javascript; charset=utf-8", include_str!("../page/dist/chat.js"))))
        .route("/icon.svg", get(|| page("image/svg+xml", include_str!("../page/dist/icon.svg"))))
        .route("/api/me", get(me))
        .route("/api/login", post(log_in))
        .route("/api/join", post(join))
        .route("/api/logout", post(log_out))
        .with_state((app, server))
}

async fn page(kind: &'static str, text: &'static str) -> Response {
    // The page changes with the program: ask every time.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

/// Headers of every response that says nothing else: no script but ours, no frame around us.
pub async fn secure(mut response: Response) -> Response {
    let headers = [
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Who opens the channel: whoever the cookie belongs to. Called for every upgrade, poll and POST.
///
/// # Errors
/// 401 without a login, 503 when the database does not answer.
pub async fn identify(app: App, request: Arc<ConnectRequest>) -> Result<Identity, Refusal> {
    let token = cookie(request.headers()).ok_or_else(Refusal::unauthorized)?.to_owned();
    match app.store.ask(move |db| db.person_of(&token)).await {
        Ok(Some(person)) => Ok(Identity::user(user_id(&person))),
        Ok(None) => Err(Refusal::unauthorized()),
        Err(error) => {
            tracing::error!(%error, "who asks cannot be found out");
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "try again").header("retry-after", "2"))
        }
    }
}

/// Why somebody is not let in, in words for them.
#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("somebody has that name already; please choose another")]
    Taken,
    #[error("this code is not valid, or not any more; ask for a new one")]
    Code,
    #[error("please log in")]
    Unknown,
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Random(#[from] getrandom::Error),
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Db(DbError::NameTaken) => Self::Taken,
            error => Self::Store(error),
        }
    }
}

#[derive(Serialize)]
struct Problem {
    message: String,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Text(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Taken => StatusCode::CONFLICT,
            Self::Code => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Store(_) | Self::Random(_) => {
                tracing::error!(error = %self, "a request failed");
                let message = "the server could not do this; try again".to_owned();
                return (StatusCode::INTERNAL_SERVER_ERROR, Json(Problem { message })).into_response();
            }
        };
        (status, Json(Problem { message: self.to_string() })).into_response()
    }
}

type Shared = State<(App, Server)>;

async fn me(State((app, _)): Shared, headers: HeaderMap) -> Result<Json<Person>, Denied> {
    let token = cookie(&headers).ok_or(Denied::Unknown)?.to_owned();
    let person = app.store.ask(move |db| db.person_of(&token)).await?;
    person.map(Json).ok_or(Denied::Unknown)
}

#[derive(Deserialize)]
struct LogIn {
    name: String,
}

/// A new person. JSON only, which no page of another origin can send unasked.
async fn log_in(
    State((app, _)): Shared,
    headers: HeaderMap,
    Json(LogIn { name }): Json<LogIn>,
) -> Result<Response, Denied> {
    let (name, token) = (text::name(&name)?, secret::token()?);
    let set = set_cookie(&token, COOKIE_AGE, &headers);
    let person = app.store.ask(move |db| db.add_person(&name, &token, now())).await?;
    Ok(([(SET_COOKIE, set)], Json(person)).into_response())
}

#[derive(Deserialize)]
struct Join {
    code: String,
}

/// Another device of somebody who gave it a code.
async fn join(
    State((app, _)): Shared,
    headers: HeaderMap,
    Json(Join { code }): Json<Join>,
) -> Result<Response, Denied> {
    let id = app.codes.redeem(&code, Instant::now()).ok_or(Denied::Code)?;
    let token = secret::token()?;
    let set = set_cookie(&token, COOKIE_AGE, &headers);
    let person = app.store.ask(move |db| db.add_login(id, &token, now()).and_then(|()| db.person(id))).await?;
    Ok(([(SET_COOKIE, set)], Json(person)).into_response())
}

/// Forgets this device. The channels of all devices are closed so that each must show its cookie again; those that
/// still have one are back at once.
async fn log_out(State((app, server)): Shared, headers: HeaderMap) -> Result<Response, Denied> {
    let token = cookie(&headers).ok_or(Denied::Unknown)?.to_owned();
    let person = app
        .store
        .ask(move |db| {
            let person = db.person_of(&token)?;
            db.remove_login(&token)?;
            Ok(person)
        })
        .await?;
    if let Some(person) = person
        && let Err(error) = server.close(&user_id(&person), CloseCode::app(4000), "logged out").await
    {
        tracing::error!(%error, "a channel stays open after logging out");
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie("", 0, &headers))]).into_response())
}

fn user_id(person: &Person) -> UserId {
    person.id.to_string().into()
}

/// Out of reach of scripts, and not sent along from other sites; only over https when the page came over it, which its
/// browser says.
fn set_cookie(token: &str, age: u32, asked: &HeaderMap) -> String {
    let https = asked.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}{secure}")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value).filter(|value| !value.is_empty())
}
