//! Another page than the one inside the program, beside it at `/page`: the files of a folder.

use crate::web;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Named, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What our own page may, and WebAssembly.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'";

type Files = Arc<HashMap<String, Bytes>>;

/// Serves the folder's files, `index.html` at `/page` itself. They are read once, so that no request names a file of the disk.
///
/// # Errors
/// When the folder or a file cannot be read, or there is no `index.html`.
pub fn router(folder: &Path) -> io::Result<Router> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), Bytes::from(std::fs::read(entry.path())?));
        }
    }
    if !files.contains_key("index.html") {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no index.html"));
    }
    let router = Router::new()
        .route("/page", get(async |State(files): State<Files>| file(&files, "index.html")))
        .route("/page/{name}", get(async |State(files): State<Files>, Named(name): Named<String>| file(&files, &name)))
        .with_state(Arc::new(files));
    Ok(router.layer(axum::middleware::map_response(web::secure)))
}

fn file(files: &Files, name: &str) -> Response {
    let Some(content) = files.get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "wasm")) => "application/wasm",
        _ => "application/octet-stream",
    };
    // Built anew at any time: ask every time.
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, content.clone()).into_response()
}
