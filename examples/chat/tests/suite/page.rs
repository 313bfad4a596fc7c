//! A page from a folder, beside the one inside the program.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use std::path::PathBuf;
use tower_service::Service;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("tsugi-chat-page-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_folder_is_served_as_a_page_that_may_use_web_assembly_and_no_script_of_others() {
    let folder = Folder::new("served", &[("index.html", "<p>"), ("page_bg.wasm", "\0asm")]);
    let mut router = chat::page::router(&folder.0).unwrap();
    let mut get = async |path: &str| {
        let answer = router.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        (head, body.collect().await.unwrap().to_bytes())
    };
    let (head, body) = get("/page").await;
    assert_eq!((head.status, body.as_ref()), (StatusCode::OK, &b"<p>"[..]));
    let policy = head.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';") && !policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(head.headers["x-content-type-options"], "nosniff");
    let (head, body) = get("/page/page_bg.wasm").await;
    assert_eq!((head.headers["content-type"].as_bytes(), body.as_ref()), (&b"application/wasm"[..], &b"\0asm"[..]));
    for outside in ["/page/no.js", "/page/..%2F..%2FCargo.toml", "/page/%2Fetc%2Fhostname"] {
        assert_eq!(get(outside).await.0.status, StatusCode::NOT_FOUND, "{outside}");
    }
}

#[test]
fn a_folder_without_a_page_is_a_mistake_that_is_told_at_the_start() {
    let folder = Folder::new("empty", &[]);
    assert!(chat::page::router(&folder.0).is_err());
}
