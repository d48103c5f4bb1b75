//! The files that requests write, one after the other, and the worker that looks at them at once.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::{Timestamp, Unit};
use tokio::sync::{Mutex, MutexGuard, mpsc};

use crate::config::comments::has_comments;
use crate::config::yaml::Node;
use crate::connector::writable_files::{WritableFiles, WriteError, remove, write};
use crate::control::error::{RestError, RestResult};
use crate::shown::on_one_line;
use crate::worker::WrittenFile;

/// How the comment begins that says who wrote a file.
const HEAD: &str = "# Written by sluice ";
/// How long the worker may take to look at a file that was written; it may wait for a secret store.
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes and removes connector files on request. Only one request at a time does.
#[derive(Clone, Debug)]
pub struct FileWrites {
    files: WritableFiles,
    news: mpsc::Sender<WrittenFile>,
    turn: Arc<Mutex<()>>,
    version: String,
}

/// A file as it stands before it is written anew.
#[derive(Clone, Debug)]
pub(super) struct WrittenBefore {
    /// What it holds, if it is YAML.
    pub(super) node: Option<Node>,
    pub(super) has_comments: bool,
}

impl FileWrites {
    /// Makes the means to write the files that a worker follows, which is told of each in `news`.
    pub(crate) fn new(files: WritableFiles, news: mpsc::Sender<WrittenFile>, version: &str) -> Self {
        Self { files, news, turn: Arc::default(), version: version.to_owned() }
    }

    /// Waits until no other request writes. What was read before the write counts as long as this is held.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Returns the comment that says who wrote a file.
    pub(super) fn head(&self, request: &str) -> String {
        let now = Timestamp::now();
        let now = now.round(Unit::Second).unwrap_or(now);
        format!("{HEAD}{} at {now}: {}", self.version, on_one_line(request))
    }

    pub(super) async fn has(&self, name: &str) -> RestResult<bool> {
        let (files, name) = (self.files.clone(), name.to_owned());
        on_disk(move || Ok(files.find(&name)?.is_some())).await
    }

    /// Reads a file before it is written anew; nothing where there is none.
    pub(super) async fn before(&self, name: &str) -> RestResult<Option<WrittenBefore>> {
        let (files, name) = (self.files.clone(), name.to_owned());
        on_disk(move || {
            let Some(file) = files.find(&name)? else { return Ok(None) };
            let text = std::fs::read_to_string(&file).map_err(|error| WriteError::Io { file, error })?;
            let has_comments = has_comments(&text, HEAD);
            Ok(Some(WrittenBefore { node: Node::parse(&text).ok(), has_comments }))
        })
        .await
    }

    /// Writes a file, and waits until the worker has looked at it.
    pub(super) async fn store(&self, name: &str, text: String) -> RestResult<()> {
        let (files, name) = (self.files.clone(), name.to_owned());
        let file = on_disk(move || {
            let file = files.place_of(&name)?;
            write(&file, &text)?;
            Ok(file)
        })
        .await?;
        tracing::info!("{}: written by a request of the REST API", file.display());
        self.have_looked_at(file).await
    }

    /// Removes a file, and waits until the worker has seen that it is gone.
    pub(super) async fn remove(&self, name: &str) -> RestResult<()> {
        let (files, name) = (self.files.clone(), name.to_owned());
        let file = on_disk(move || {
            let Some(file) = files.find(&name)? else { return Ok(None) };
            remove(&file)?;
            Ok(Some(file))
        })
        .await?;
        let Some(file) = file else { return Ok(()) };
        tracing::info!("{}: removed by a request of the REST API", file.display());
        self.have_looked_at(file).await
    }

    async fn have_looked_at(&self, file: std::path::PathBuf) -> RestResult<()> {
        let (news, applied) = WrittenFile::new(file);
        let looked = async {
            if self.news.send(news).await.is_ok() {
                // Its end is the answer.
                let _ended = applied.await.is_err();
            }
        };
        tokio::time::timeout(PATIENCE, looked).await.map_err(|_| {
            RestError::failed(format!(
                "the file is written, and the worker did not look at it within {PATIENCE:?}"
            ))
        })
    }
}

/// Works with files on a thread that may wait for them.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
) -> RestResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| RestError::failed(format!("the files cannot be written: {error}")))?;
    done.map_err(|error| {
        let status = match &error {
            WriteError::Name(_) => StatusCode::BAD_REQUEST,
            WriteError::NoDirectory => StatusCode::FORBIDDEN,
            WriteError::Several(..) | WriteError::Link(_) => StatusCode::CONFLICT,
            WriteError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        RestError::new(status, error.to_string())
    })
}
