//! The bodies of the fuzz targets, so that tests can run them too. No part of the API.

use crate::identity::{ClientId, SessionId};

/// What a client may put into a query, a form and the session header.
pub fn query(data: &[u8]) {
    let params = crate::identity::Params::parse(data, data);
    for (name, value) in params.iter() {
        if let Ok(client) = ClientId::new(value) {
            assert!(!client.to_string().contains(value) || value.len() < 20, "client ids are not shown");
        }
        if let Ok(session) = SessionId::parse(name) {
            assert_eq!(session.to_text(), name);
        }
        crate::service::guard::judge_url(value, name);
    }
    let all = form_urlencoded::parse(data).chain(form_urlencoded::parse(data)).take(64);
    assert!(params.iter().eq(all.collect::<Vec<_>>().iter().map(|(name, value)| (&**name, &**value))));
}

/// What a SockJS client may ask for.
pub fn sockjs_route(data: &[u8]) {
    let path = String::from_utf8_lossy(data);
    crate::service::sockjs::judge_path(&path);
}
