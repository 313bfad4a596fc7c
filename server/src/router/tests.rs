use super::*;
use crate::broker::{BrokerError, Command, Delivery, Envelope, Flush, Target};
use crate::event::{Event, USER_ONLINE};
use crate::extract::{Data, Extension, Raw, State, User};
use crate::handle::{Commands, KickError, PushError, Server};
use crate::handler::{Caller, Context};
use crate::identity::{Client, ClientId, SessionId, UserId};
use crate::outbox::Taken;
use crate::reply::{Answerer, Asked, Failed, Gone, NoReply, Responder};
use crate::topics::{SubscribeError, Topic};
use crate::users::Users;
use http::Extensions;
use parking_lot::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::sync::oneshot;
use tsugi_proto::codec::{Codec, Edn};
use tsugi_proto::{CloseCode, Value};

/// A server without a network: it keeps what it was told to publish.
struct Recorder {
    users: Users,
    published: Mutex<Vec<Envelope>>,
}

impl Commands for Recorder {
    fn publish(&self, envelope: Envelope) -> BoxFuture<'_, Result<Delivery, BrokerError>> {
        self.published.lock().push(envelope);
        Box::pin(async { Ok(Delivery { sessions: 1 }) })
    }

    fn subscribe(&self, _: Target, _: Topic) -> BoxFuture<'_, Result<Delivery, SubscribeError>> {
        Box::pin(async { Err(SubscribeError::Gone) })
    }

    fn unsubscribe(&self, _: Target, _: Topic) -> BoxFuture<'_, Delivery> {
        Box::pin(async { Delivery::default() })
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn shutdown(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn server() -> (Server, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { users: Users::new(), published: Mutex::default() });
    (Server::new(recorder.clone()), recorder)
}

/// Whose events these are: a client that asks by itself and in no slot.
struct Alone(Context);

impl Answerer for Alone {
    fn answer(self: Arc<Self>, _: &Value, _: Option<&Taken>, _: Reply) -> Result<(), Gone> {
        Err(Gone)
    }
}

impl Caller for Alone {
    fn context(&self) -> &Context {
        &self.0
    }

    fn codec(&self) -> &dyn Codec {
        const { &Edn::new() }
    }

    fn is_plain(&self) -> bool {
        true
    }
}

fn call_of(user: Option<&str>, id: EventId, data: Value, asked: Asked) -> Call {
    let caller = Arc::new(Alone(context(user)));
    Call { caller, id, payload: Payload::Made(data), asked, item: None }
}

fn context(user: Option<&str>) -> Context {
    let mut extensions = Extensions::new();
    extensions.insert("de-CH");
    Context {
        user: user.map(UserId::from),
        client: ClientId::new("tab-1").unwrap(),
        session: SessionId::random(0, 1).unwrap(),
        extensions: Arc::new(extensions),
        server: server().0,
    }
}

type Answers = Receiver<Result<Value, Failure>>;

/// A request for `id` by `user`, made so that only routes of their own match.
fn request(user: Option<&str>, id: &str) -> (Call, Answers) {
    let (sender, answers) = channel();
    let id = EventId::new(id).unwrap();
    let answer = Box::new(move |answer| sender.send(answer).map_err(|_| Gone));
    let responder = Responder::new(id.clone(), answer);
    (call_of(user, id, Value::Integer(7), Asked::By(Box::new(responder))), answers)
}

async fn ask(router: &Router, user: Option<&str>, id: &str) -> Option<Result<Value, Failure>> {
    let (call, answers) = request(user, id);
    router.call(call).await;
    let answer = answers.try_recv().ok();
    assert!(answers.try_recv().is_err(), "answered twice");
    answer
}

fn text(value: &str) -> Value {
    Value::String(value.into())
}

fn is_text(answer: Option<Result<Value, Failure>>, expected: &str) -> bool {
    matches!(answer, Some(Ok(Value::String(text))) if &*text == expected)
}

fn code(answer: Option<Result<Value, Failure>>) -> String {
    answer.expect("an answer").expect_err("a failure").code.into_owned()
}

#[tokio::test]
async fn what_a_handler_returns_is_the_reply() {
    let router: Router = Router::new()
        .on("a/nil", async || ())
        .on("a/value", async || text("here"))
        .on("a/refused", async || Err::<(), _>(Failure::new("muted", "hush")))
        .on("a/failed", async || -> Result<(), Failed> { Err("secret".into()) })
        .on("a/silent", async || NoReply);
    assert!(matches!(ask(&router, None, "a/nil").await, Some(Ok(Value::Nil))));
    assert!(is_text(ask(&router, None, "a/value").await, "here"));
    assert_eq!(code(ask(&router, None, "a/refused").await), "muted");
    assert_eq!(code(ask(&router, None, "a/failed").await), "failed");
    assert!(ask(&router, None, "a/silent").await.is_none());
}

#[tokio::test]
async fn arguments_are_read_by_their_types() {
    async fn all(User(user): User, client: Client, id: EventId, locale: Extension<&'static str>, _: Server) -> Value {
        assert_eq!(client.user.as_ref(), Some(&user));
        text(&format!("{user} {} {id} {}", client.id.as_str(), locale.0))
    }
    let router: Router = Router::new().on("a/all", all);
    assert!(is_text(ask(&router, Some("ann"), "a/all").await, "ann tab-1 a/all de-CH"));
}

#[tokio::test]
async fn an_argument_that_is_not_there_refuses_before_the_handler_runs() {
    let router: Router = Router::new()
        .on("a/user", async |_: User| -> () { unreachable!("the client is anonymous") })
        .on("a/optional", async |user: Option<User>| text(if user.is_some() { "user" } else { "nobody" }))
        .on("a/result", async |user: Result<User, Failure>| text(&user.unwrap_err().code))
        .on("a/extension", async |_: Extension<u64>| -> () { unreachable!("nobody put one there") });
    assert_eq!(code(ask(&router, None, "a/user").await), Failure::ANONYMOUS);
    assert!(is_text(ask(&router, None, "a/optional").await, "nobody"));
    assert!(is_text(ask(&router, Some("ann"), "a/optional").await, "user"));
    assert!(is_text(ask(&router, None, "a/result").await, Failure::ANONYMOUS));
    assert_eq!(code(ask(&router, None, "a/extension").await), Failure::FAILED);
}

#[tokio::test]
async fn routers_with_different_states_merge() {
    let one = Router::new().on("a/one", async |State(n): State<i64>| Value::Integer(n)).with_state(1_i64);
    let two = Router::new().on("a/two", async |State(s): State<&'static str>| text(s)).with_state("two");
    let router: Router = one.merge(two);
    assert_eq!(router.check(), Ok(()));
    assert!(matches!(ask(&router, None, "a/one").await, Some(Ok(Value::Integer(1)))));
    assert!(is_text(ask(&router, None, "a/two").await, "two"));
}

#[tokio::test]
async fn a_panic_fails_its_own_request_and_nothing_else() {
    async fn panics(_held: Responder) {
        panic!("a bug");
    }
    let router: Router = Router::new()
        .on("a/early", async || -> () { panic!("a bug") })
        .on("a/late", async || -> () {
            tokio::task::yield_now().await;
            panic!("a bug")
        })
        .on("a/took-it", panics)
        .on("a/fine", async || ());
    for id in ["a/early", "a/late", "a/took-it"] {
        assert_eq!(code(ask(&router, None, id).await), Failure::FAILED, "{id}");
    }
    assert!(matches!(ask(&router, None, "a/fine").await, Some(Ok(Value::Nil))));
}

#[tokio::test]
async fn a_responder_answers_after_its_handler_has_returned() {
    let (pass, passed) = oneshot::channel();
    let pass = Mutex::new(Some(pass));
    let later = move |responder: Responder| {
        let pass = pass.lock().take().expect("called once");
        async move {
            pass.send(responder).expect("the test waits");
            NoReply
        }
    };
    let router: Router = Router::new().on("a/later", later);
    let (call, answers) = request(None, "a/later");
    router.call(call).await;
    assert!(answers.try_recv().is_err(), "nothing yet");
    let responder = passed.await.unwrap();
    assert!(responder.is_asked());
    responder.reply(text("at last")).unwrap();
    assert!(is_text(answers.try_recv().ok(), "at last"));
}

#[tokio::test]
async fn what_the_server_makes_does_not_fall_back() {
    let router: Router = Router::new().fallback(async || text("fallback"));
    assert_eq!(code(ask(&router, None, BAD_EVENT).await), Failure::BAD_EVENT);
    assert_eq!(code(ask(&router, Some("ann"), USER_ONLINE).await), Failure::UNKNOWN_EVENT);
    let router: Router = router.merge(Router::new().on(USER_ONLINE, async |User(user): User| text(user.as_str())));
    assert!(router.has(&EventId::new(USER_ONLINE).unwrap()));
    assert!(is_text(ask(&router, Some("ann"), USER_ONLINE).await, "ann"));
}

#[test]
fn mistakes_in_a_router_are_found_when_it_is_checked() {
    async fn nothing() {}
    let check = |router: Router| router.check().unwrap_err();
    assert_eq!(check(Router::new().on("nameless", nothing)), RouterError::Id("nameless".to_owned()));
    let id = |id| EventId::new(id).unwrap();
    assert_eq!(check(Router::new().on("a/b", nothing).on("a/b", nothing)), RouterError::Twice(id("a/b")));
    assert_eq!(check(Router::new().on("chsk/handshake", nothing)), RouterError::Reserved(id("chsk/handshake")));
    let fallback = || Router::<()>::new().fallback(nothing);
    assert_eq!(check(fallback().merge(fallback())), RouterError::TwoFallbacks);
}

#[test]
fn routes_are_handled_in_order_unless_they_say_otherwise() {
    async fn slow(_: State<i64>) {}
    let router: Router = Router::new().on("a/slow", slow.concurrent(4)).on("a/one", slow).with_state(1_i64);
    let most = std::num::NonZeroUsize::new(4).unwrap();
    let concurrency = |id| {
        let call = call_of(None, EventId::new(id).unwrap(), Value::Nil, Asked::Not);
        router.find(&call).concurrency()
    };
    assert_eq!(concurrency("a/slow"), Concurrency::AtMost(most));
    assert_eq!(concurrency("a/one"), Concurrency::InOrder);
    assert_eq!(concurrency("a/unknown"), Concurrency::InOrder);
}

#[tokio::test]
async fn the_handle_addresses_what_it_is_told() {
    let (server, recorder) = server();
    let ann = UserId::from("ann");
    let client = Client { user: Some(ann.clone()), id: ClientId::new("tab-1").unwrap() };
    let room = Topic::new("room").unwrap();
    let event = || Event::bare("mail/new");
    let _ = server.push(&ann, event()).await.unwrap();
    let _ = server.push_now(&client, event()).await.unwrap();
    let _ = server.push_anonymous(event()).await.unwrap();
    let _ = server.broadcast(event()).await.unwrap();
    let _ = server.publish(&room, event()).await.unwrap();
    let sent: Vec<_> = recorder.published.lock().iter().map(|sent| (sent.target.clone(), flush(sent))).collect();
    let expected = [
        (Target::User(ann), Flush::Window),
        (Target::Client(client), Flush::Now),
        (Target::Anonymous, Flush::Window),
        (Target::Everyone, Flush::Window),
        (Target::Topic(room), Flush::Window),
    ];
    assert_eq!(sent, expected);
}

fn flush(envelope: &Envelope) -> Flush {
    match envelope.command {
        Command::Push(_, flush, _) => flush,
        Command::Close(_) => panic!("nothing was closed"),
    }
}

#[tokio::test]
async fn the_handle_refuses_what_no_client_could_read() {
    let (server, recorder) = server();
    let ann = UserId::from("ann");
    assert!(matches!(server.push(&ann, Event::bare("nameless")).await, Err(PushError::Event(_))));
    assert!(matches!(server.broadcast(Event::bare("chsk/state")).await, Err(PushError::Reserved(_))));
    let long = "x".repeat(124);
    assert!(matches!(server.close(&ann, CloseCode::NORMAL, long).await, Err(KickError::Close(_))));
    assert!(matches!(server.close(&ann, CloseCode::ABNORMAL, "").await, Err(KickError::Close(_))));
    assert!(recorder.published.lock().is_empty());
    let _ = server.close(&ann, CloseCode::app(4500), "signed out").await.unwrap();
    assert!(matches!(recorder.published.lock()[..], [Envelope { command: Command::Close(_), .. }]));
}

#[tokio::test]
async fn data_reads_as_the_handlers_type_or_is_refused() {
    let router: Router = Router::new()
        .on("a/number", async |Data(n): Data<i64>| Data(n + 1))
        .on("a/text", async |_: Data<String>| -> () { unreachable!("the data is a number") })
        .on("a/raw", async |Raw(value): Raw| value)
        .on("a/optional", async |data: Option<Data<i64>>| Data(data.is_some()));
    assert!(matches!(ask(&router, None, "a/number").await, Some(Ok(Value::Integer(8)))));
    assert_eq!(code(ask(&router, None, "a/text").await), Failure::BAD_DATA);
    assert!(matches!(ask(&router, None, "a/raw").await, Some(Ok(Value::Integer(7)))));
    assert!(matches!(ask(&router, None, "a/optional").await, Some(Ok(Value::Boolean(true)))));
}
