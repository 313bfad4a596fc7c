//! Sections 11 and 12: scripts for browsers that know no other way.

use super::{PROFILES, ask, get, no_cache, post, serve, session};
use tsugi::SockJsProfile;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=UTF-8";

fn script(profile: SockJsProfile, frame: &str) -> String {
    let guard = if profile == SockJsProfile::Current { "/**/" } else { "" };
    format!("{guard}cb(\"{frame}\");\r\n")
}

#[tokio::test]
async fn s11_1_s11_2_s12_1_s12_2_a_script_calls_the_page_and_a_form_answers() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let id = session();
        let path = format!("/echo/0/{id}/jsonp?c=cb");
        let open = get(address, &path).await;
        assert_eq!((open.status, open.body.as_str()), (200, script(profile, "o").as_str()));
        assert_eq!(open.header("content-type"), Some("application/javascript; charset=UTF-8"));
        assert_eq!(open.header("cache-control"), Some(no_cache(profile)));
        assert_eq!(open.header("x-content-type-options"), Some("nosniff"));
        let send = format!("/echo/0/{id}/jsonp_send");
        let sent = ask(address, "POST", &send, &[FORM], "i=1&d=%5B%22x+y%22%5D").await;
        assert_eq!((sent.status, sent.body.as_str()), (200, "ok"));
        assert_eq!(sent.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(sent.header("cache-control"), Some(no_cache(profile)));
        assert_eq!(sent.header("content-length"), Some("2"));
        assert_eq!(sent.header("access-control-allow-origin"), None);
        assert_eq!(get(address, &path).await.body, script(profile, "a[\\\"x y\\\"]"));
        post(address, &send, "[\"%61bc\"]").await;
        assert_eq!(get(address, &path).await.body, script(profile, "a[\\\"%61bc\\\"]"), "plain text is not decoded");
    }
}

#[tokio::test]
async fn s11_3_m9_no_callback_can_be_a_program() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    let missing = get(address, &format!("/echo/0/{id}/jsonp")).await;
    assert_eq!((missing.status, missing.body.as_str()), (500, "\"callback\" parameter required"));
    for bad in ["alert(1)//", "%20", "*", "abc(", "abc%28", "", &"x".repeat(33)] {
        let reply = get(address, &format!("/echo/0/{id}/jsonp?c={bad}")).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, "invalid \"callback\" parameter"), "{bad}");
    }
    assert_eq!(get(address, &format!("/echo/0/{id}/jsonp?c=_jp.a0-b")).await.status, 200);
}

#[tokio::test]
async fn s11_4_a_closed_session_says_so_in_every_script() {
    for profile in PROFILES {
        let address = serve(profile).await;
        let path = format!("/close/0/{}/jsonp?c=cb", session());
        assert_eq!(get(address, &path).await.body, script(profile, "o"));
        for _ in 0..3 {
            assert_eq!(get(address, &path).await.body, script(profile, "c[3000,\\\"Go away!\\\"]"));
        }
    }
}

#[tokio::test]
async fn s12_2_s12_3_bad_forms_are_named_and_the_session_lives_on() {
    let address = serve(PROFILES[0]).await;
    let id = session();
    get(address, &format!("/echo/0/{id}/jsonp?c=cb")).await;
    let send = format!("/echo/0/{id}/jsonp_send");
    for body in ["d=", "x=1", "d=null", "d=%7B%7D"] {
        let reply = ask(address, "POST", &send, &[FORM], body).await;
        assert_eq!((reply.status, reply.body.as_str()), (500, "Payload expected."), "{body}");
    }
    let empty = ask(address, "POST", &send, &[FORM, "Content-Length: 0"], "").await;
    assert_eq!((empty.status, empty.body.as_str()), (500, "Payload expected."));
    let json = ask(address, "POST", &send, &["Content-Type: application/json"], "[\"x\"]").await;
    assert_eq!((json.status, json.body.as_str()), (500, "Payload expected."));
    let broken = ask(address, "POST", &send, &[FORM], "d=%5B%22x").await;
    assert_eq!((broken.status, broken.body.as_str()), (500, "Broken JSON encoding."));
    assert_eq!(ask(address, "POST", &send, &[FORM], "d=%5B%5D").await.body, "ok");
    assert_eq!(ask(address, "POST", &send, &[FORM], "d=%5B%22x%22%5D").await.body, "ok");
    assert_eq!(get(address, &format!("/echo/0/{id}/jsonp?c=cb")).await.body, "/**/cb(\"a[\\\"x\\\"]\");\r\n");
}
