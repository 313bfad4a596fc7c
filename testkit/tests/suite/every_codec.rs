//! A conversation in every codec, over both transports: what a codec joins, puts one after another and reads back is what
//! sessions and connections make of it, counts and resuming included.

use std::sync::Arc;
use std::time::Duration;
use tsugi_proto::codec::{Codec, Edn, Gzip, Json, MessagePack, Transit};
use tsugi_proto::connection::{Outcome, State};
use tsugi_proto::{Event, Value};
use tsugi_testkit::link::WebSockets;
use tsugi_testkit::pair::numbers;
use tsugi_testkit::{Link, Pair};

fn codecs() -> [Arc<dyn Codec>; 8] {
    [
        Arc::new(Edn::new()),
        Arc::new(Json::new()),
        Arc::new(Transit::new()),
        Arc::new(Transit::verbose()),
        Arc::new(MessagePack::new()),
        Arc::new(Gzip::new(Json::new())),
        Arc::new(Gzip::new(Transit::new())),
        Arc::new(Gzip::new(MessagePack::new())),
    ]
}

fn pair(codec: &Arc<dyn Codec>, websockets: WebSockets) -> Pair {
    let link = Link::with_latency(Duration::from_millis(20));
    let mut pair = Pair::new(Arc::clone(codec), link, || 0.5);
    pair.link.websockets = websockets;
    pair.open();
    pair.settle();
    assert!(pair.is_open(), "{}", codec.name());
    pair
}

/// What of a name is pushed, as numbers; events beside are left out.
fn pushed(pair: &Pair) -> Vec<i64> {
    let data = |event: &Event| event.data.clone().unwrap_or_default();
    let events: Vec<_> = pair.events.iter().map(|event| (event.id.as_str(), data(event))).collect();
    numbers(events.iter().map(|(id, data)| (*id, data)), "s/n")
}

#[test]
fn a_session_in_any_codec_carries_events_and_replies_and_comes_back_after_a_loss() {
    for codec in codecs() {
        for websockets in [WebSockets::Pass, WebSockets::Refuse] {
            let mut pair = pair(&codec, websockets);
            let name = codec.name();
            (0..20).for_each(|n| pair.push(&Event::new("s/n", &n).unwrap()));
            let request = |pair: &mut Pair, n: i64| {
                pair.request(&Event::new("c/n", &n).unwrap(), Duration::from_secs(30)).unwrap()
            };
            let requests: Vec<_> = (0..5).map(|n| request(&mut pair, n)).collect();
            pair.settle();
            pair.cut();
            (20..40).for_each(|n| pair.push(&Event::new("s/n", &n).unwrap()));
            assert!(pair.pass_until(Duration::from_secs(10), Pair::is_open), "{name}");
            let State::Open(open) = pair.client.state() else { panic!("{name}") };
            assert_eq!(open.outcome, Outcome::Resumed, "{name}");
            pair.settle();
            assert_eq!(pushed(&pair), (0..40).collect::<Vec<_>>(), "{name}");
            for (n, request) in requests.into_iter().enumerate() {
                assert_eq!(pair.reply(request), Some(&Ok(Value::Integer(n as i64))), "{name}");
            }
        }
    }
}

#[test]
fn a_batch_beyond_the_threshold_of_gzip_arrives_whole() {
    for codec in codecs() {
        let mut pair = pair(&codec, WebSockets::Refuse);
        let row = std::collections::BTreeMap::from([("a-name-that-comes-again", "text ".repeat(30))]);
        (0..30).for_each(|_| pair.push(&Event::new("s/row", &row).unwrap()));
        pair.settle();
        let expected = tsugi_proto::value::to_value(&row).unwrap();
        let rows: Vec<_> = pair.events.iter().filter(|event| event.id.as_str() == "s/row").collect();
        assert_eq!(rows.len(), 30, "{}", codec.name());
        assert!(rows.iter().all(|event| event.data.as_ref() == Some(&expected)), "{}", codec.name());
    }
}
