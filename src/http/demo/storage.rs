//! A byte store: what is put under it comes back by the SHA-256 of its content.
//!
//! Bytes go to a temporary directory while they arrive, hashed on the way, and never rest in memory. The store is
//! bounded in bytes and in objects; the directory disappears with the last handle.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures_util::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

/// What a store holds at most.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    pub object_bytes: u64,
    pub total_bytes: u64,
    pub objects: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits { object_bytes: 512 << 20, total_bytes: 1 << 30, objects: 10_000 }
    }
}

/// A store with its directory. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: tempfile::TempDir,
    limits: StoreLimits,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    objects: usize,
}

/// Room that an upload has taken; given back unless the upload is kept.
struct Room<'a> {
    store: &'a Inner,
    bytes: u64,
    kept: bool,
}

impl Room<'_> {
    fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let limits = &self.store.limits;
        if self.bytes + bytes > limits.object_bytes {
            return Err(Refusal::TooLarge(limits.object_bytes));
        }
        let mut held = self.store.held.lock();
        if held.bytes + bytes > limits.total_bytes {
            return Err(Refusal::Full);
        }
        held.bytes += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let mut held = self.store.held.lock();
            held.bytes -= self.bytes;
            held.objects -= 1;
        }
    }
}

enum Refusal {
    TooLarge(u64),
    Full,
    Broken,
    Disk(io::Error),
    Unknown,
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Disk(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Refusal::TooLarge(most) => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("an object may have {most} bytes"))
            }
            Refusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "the store is full".to_owned()),
            Refusal::Broken => (StatusCode::BAD_REQUEST, "the upload ended early".to_owned()),
            Refusal::Unknown => (StatusCode::NOT_FOUND, "there is no object of that root".to_owned()),
            Refusal::Disk(error) => {
                tracing::warn!(%error, "the demo store could not use its directory");
                (StatusCode::INTERNAL_SERVER_ERROR, "the store's disk failed".to_owned())
            }
        };
        (status, Json(json!({"error": message}))).into_response()
    }
}

impl Store {
    /// A store in a fresh directory under the system's temporary directory.
    pub fn open(limits: StoreLimits) -> io::Result<Store> {
        let directory = tempfile::Builder::new().prefix("zgserve-store-").tempdir()?;
        Ok(Store(Arc::new(Inner { directory, limits, held: Mutex::default() })))
    }

    /// `POST`/`PUT /` with any bytes gives `{"root": "0x…"}`; `GET /{root}` gives the bytes.
    pub fn service(self) -> Router {
        Router::new()
            .route("/", post(upload).put(upload).get(about))
            .route("/{root}", get(download).merge(put(upload)))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self)
    }

    fn path(&self, root: &str) -> PathBuf {
        self.0.directory.path().join(root)
    }

    fn room(&self) -> Result<Room<'_>, Refusal> {
        let mut held = self.0.held.lock();
        if held.objects >= self.0.limits.objects {
            return Err(Refusal::Full);
        }
        held.objects += 1;
        Ok(Room { store: &self.0, bytes: 0, kept: false })
    }
}

async fn about() -> Json<serde_json::Value> {
    Json(json!({"service": "zgserve-tui demo storage", "put": "POST / with bytes", "get": "GET /{root}"}))
}

async fn upload(State(store): State<Store>, body: Body) -> Result<Response, Refusal> {
    let mut room = store.room()?;
    let file = tempfile::NamedTempFile::new_in(store.0.directory.path())?;
    let mut writer = tokio::fs::File::from_std(file.reopen()?);
    let mut hash = Sha256::new();
    let mut bytes = body.into_data_stream();
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|_| Refusal::Broken)?;
        room.grow(chunk.len() as u64)?;
        hash.update(&chunk);
        writer.write_all(&chunk).await?;
    }
    writer.flush().await?;
    let root = alloy::primitives::hex::encode(hash.finalize());
    match file.persist_noclobber(store.path(&root)) {
        Ok(_) => room.kept = true,
        // The same bytes are there already, under the same name.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error.into()),
    }
    Ok(Json(json!({"root": format!("0x{root}")})).into_response())
}

async fn download(State(store): State<Store>, Path(root): Path<String>) -> Result<Response, Refusal> {
    let digits = root.strip_prefix("0x").unwrap_or(&root).to_ascii_lowercase();
    // Only a hash names a file, so no path can leave the directory.
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::Unknown);
    }
    let file = match tokio::fs::File::open(store.path(&digits)).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refusal::Unknown),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata().await?.len();
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    let headers =
        [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, length.to_string())];
    Ok((headers, body).into_response())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use axum::extract::Request;
    use http_body_util::BodyExt;
    use tower::Service;

    async fn call(store: &Store, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let response = store.clone().service().call(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn bytes_come_back_by_their_hash() {
        let store = Store::open(StoreLimits::default()).unwrap();
        let content = b"forty two bytes, give or take".to_vec();
        for method in ["POST", "PUT"] {
            let (status, answer) = call(&store, method, "/", content.clone()).await;
            assert_eq!(status, StatusCode::OK);
            let root = format!("0x{}", alloy::primitives::hex::encode(Sha256::digest(&content)));
            assert_eq!(answer, json!({"root": root}).to_string().into_bytes());
            for path in [format!("/{root}"), format!("/{}", &root[2..])] {
                assert_eq!(call(&store, "GET", &path, vec![]).await, (StatusCode::OK, content.clone()));
            }
        }
        // The same bytes twice take room once.
        let held = store.0.held.lock();
        assert_eq!((held.bytes, held.objects), (content.len() as u64, 1));
    }

    #[tokio::test]
    async fn bounds_hold_and_room_is_given_back() {
        let limits = StoreLimits { object_bytes: 10, total_bytes: 15, objects: 2 };
        let store = Store::open(limits).unwrap();
        assert_eq!(call(&store, "POST", "/", vec![1; 11]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(call(&store, "POST", "/", vec![1; 10]).await.0, StatusCode::OK);
        assert_eq!(call(&store, "POST", "/", vec![2; 6]).await.0, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(call(&store, "POST", "/", vec![2; 5]).await.0, StatusCode::OK);
        assert_eq!(call(&store, "POST", "/", vec![]).await.0, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(store.0.held.lock().bytes, 15);
    }

    #[tokio::test]
    async fn only_hashes_are_names() {
        let store = Store::open(StoreLimits::default()).unwrap();
        for path in ["/..%2f..%2fetc%2fpasswd", "/abc", "/0x", &format!("/{}", "0".repeat(64))] {
            assert_eq!(call(&store, "GET", path, vec![]).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
