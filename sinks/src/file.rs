//! Records as lines at the end of a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    Failure, Finding, Limits, PutError, Record, Repetition, SettingsError, Sink, SinkSettings, TombstoneFate,
};

mod own_file;

use self::own_file::{OwnFile, directory, failure};
use crate::record::lines::{LineFormat, Lines};
use crate::record::literal::is_like_a_date;

/// Appends records as lines to a file.
///
/// The file is made if it is not there; its directory must be. A batch is on disk (synced) before it counts as
/// stored, and one that fails half-way is taken back. A batch that is put again after a crash appears twice. The
/// file may be moved away, removed or emptied at any time: the next batch is written to what is there then.
///
/// Syncing takes longer than writing. What comes meanwhile makes the next batch, of up to 10000 records and 5MiB, and is
/// synced at once.
///
/// One process writes a file: what two of them write would be mixed, and what one of them takes back could be the other's.
/// Where several run the same connector, `{instance}` in the name of the file stands for the host and a number that no
/// other process on it has, and each has a file of its own. The tasks of a process share one. A file without `{instance}` is
/// locked before the connector joins its group; one that finds it locked fails, says who has it, and tries again.
///
/// ```yaml
/// sink:
///   file:
///     path: /var/lib/sluice/orders-{instance}.jsonl
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The file, such as `/var/lib/sluice/orders-{instance}.jsonl`. A relative path starts at the working directory. It has
    /// no other tag than `{instance}`.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["filename", "file", "file_name"]))]
    pub path: PathBuf,
    /// What a line holds: `json_lines`, a JSON object with the whole record, or `raw`, the value alone.
    /// Default: `json_lines`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["codec", "encoding"]))]
    pub format: LineFormat,
    /// Whether no other process may write the file meanwhile, which a file `.NAME.lock` beside it sees to. `false` only
    /// where the file system has no locks, and one process writes. Default: `true`.
    #[serde(default = "yes")]
    pub lock: bool,
}

fn yes() -> bool {
    true
}

impl SinkSettings for FileSettings {
    const NAME: &'static str = "file";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        if let Some(character) = self.path.to_string_lossy().chars().find(|character| character.is_control())
        {
            let reason = format!(
                "has the character {character:?} in it; in double quotes a backslash begins an escape, so write the path in \
                 single quotes"
            );
            return Err(SettingsError::at("path", reason));
        }
        let written = self.path.to_string_lossy();
        if is_like_a_date(&written) {
            let reason = format!(
                "`{written}` looks like a date, and a path is taken as it is; the sink `s3` has folders by date, and a file is moved \
                 away by a program such as `logrotate`"
            );
            return Err(SettingsError::at("path", reason));
        }
        if written.starts_with("~/") {
            let reason = "`~` is a directory of that name here; write `${env:HOME}` for yours";
            return Err(SettingsError::at("path", reason));
        }
        let file = OwnFile::new(self.path, self.lock).map_err(|reason| SettingsError::at("path", reason))?;
        Ok(Box::new(LineFile { format: self.format, file: Arc::new(file), kept: Arc::default() }))
    }
}

/// The most records of a batch: so many are written within a few milliseconds, and one sync is enough for all.
const MAX_RECORDS: usize = 10_000;

struct LineFile {
    format: LineFormat,
    file: Arc<OwnFile>,
    /// The file that was written last. Locked while writing: a put that the engine dropped goes on writing in its thread.
    kept: Arc<Mutex<Option<OpenFile>>>,
}

#[async_trait]
impl Sink for LineFile {
    fn limits(&self) -> Limits {
        Limits::default().with_max_records(MAX_RECORDS)
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.format.fate()
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again("each record becomes a line more")
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mut lines = Lines::of(self.format, batch);
        let bytes = std::mem::take(&mut lines.bytes);
        let (file, kept) = (Arc::clone(&self.file), Arc::clone(&self.kept));
        let write = move || {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let path = file.take()?;
            append(&path, &mut kept, &bytes).map_err(|error| failure(&path, error))
        };
        tokio::task::spawn_blocking(write).await.map_err(|cut| {
            Failure::retriable(format!("the write to {} was cut off: {cut}", self.file.written().display()))
        })??;
        lines.outcome()
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        self.format.preview(batch)
    }

    async fn claim(&self) -> Result<(), Failure> {
        let file = Arc::clone(&self.file);
        let taken = tokio::task::spawn_blocking(move || file.take()).await;
        taken.map_err(|cut| Failure::retriable(cut.to_string()))?.map(drop)
    }

    async fn check(&self) -> Vec<Finding> {
        let path = self.file.first();
        let subject = format!("file {}", self.file.written().display());
        let looked = tokio::task::spawn_blocking(move || look(&path)).await;
        let looked = looked.unwrap_or_else(|cut| Err(Failure::retriable(cut.to_string())));
        vec![match looked {
            Ok(seen) => Finding::good(subject, seen),
            Err(failure) => Finding::from_failure(subject, &failure),
        }]
    }
}

/// Appends to the file that is at the path. One that could not be written is not kept.
fn append(path: &Path, kept: &mut Option<OpenFile>, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut file = match kept.take() {
        Some(file) if file.is_at(path) => file,
        _ => OpenFile::at(path)?,
    };
    file.append(path, bytes)?;
    *kept = Some(file);
    Ok(())
}

/// A file that is open for appending, and what is known of it.
struct OpenFile {
    file: File,
    /// The device and the number that tell it from all others for as long as it is open.
    place: (u64, u64),
    length: u64,
    /// The last line has no end: a crash cut it short.
    is_cut: bool,
}

impl OpenFile {
    fn at(path: &Path) -> io::Result<Self> {
        let mut file = open(OpenOptions::new().create(true), path)?;
        let metadata = file.metadata()?;
        let length = metadata.len();
        let is_cut = length > 0 && last_byte(&mut file)? != b'\n';
        Ok(Self { file, place: (metadata.dev(), metadata.ino()), length, is_cut })
    }

    /// Says whether the path still leads to this file, and nobody else has changed its length.
    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == self.place && there.len() == self.length)
    }

    /// Appends lines, which are on disk then, or none of them.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (length, is_cut) = (self.length, self.is_cut);
        whole_or_nothing(&mut self.file, length, |file| {
            if is_cut {
                file.write_all(b"\n")?;
            }
            file.write_all(bytes)?;
            file.sync_data()?;
            if length == 0 { sync_directory(path) } else { Ok(()) }
        })?;
        self.length += bytes.len() as u64 + u64::from(is_cut);
        self.is_cut = false;
        Ok(())
    }
}

/// Takes back what a failed write left, so that the next put does not continue half a line.
fn whole_or_nothing(
    file: &mut File,
    length: u64,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    write(file).inspect_err(|_| {
        // Should this fail too, the half line stays, and the next put ends it before it writes its own.
        file.set_len(length).unwrap_or_default();
    })
}

/// Opens for appending; for reading as well, to see how the last line ends.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.append(true).read(true).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"))
    }
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    let [byte] = byte;
    Ok(byte)
}

/// A new file outlives a power cut only once its directory knows it for good.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Looks without writing. Whether a file can be made in the directory is known for sure only at the first put.
fn look(path: &Path) -> Result<String, Failure> {
    match open(&mut OpenOptions::new(), path) {
        Ok(_) => Ok("is there and can be written".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => look_at_directory(path),
        Err(error) => Err(failure(path, error)),
    }
}

fn look_at_directory(path: &Path) -> Result<String, Failure> {
    let directory = directory(path);
    let metadata = directory.metadata().map_err(|error| failure(path, error))?;
    if !metadata.is_dir() {
        return Err(Failure::fatal(format!("{} is not a directory; change `path`", directory.display())));
    }
    if metadata.permissions().readonly() {
        return Err(Failure::fatal(format!(
            "nobody may write in {}; let this user write there, or change `path`",
            directory.display()
        )));
    }
    Ok("will be made at the first put".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::FailureKind;
    use tempfile::TempDir;

    use super::*;
    use crate::built::built;
    use sluice_plugin_testing::{poll_once, sink_contract, text, tombstone};

    fn raw_file(path: &Path) -> Box<dyn Sink> {
        built("file", json!({ "path": path, "format": "raw" }))
    }

    fn unlocked(path: &Path) -> Box<dyn Sink> {
        built("file", json!({ "path": path, "format": "raw", "lock": false }))
    }

    #[tokio::test]
    async fn a_second_writer_of_a_file_is_refused_before_it_writes() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let (first, second) = (raw_file(&path), raw_file(&path));
        first.claim().await.unwrap();
        first.claim().await.unwrap();
        let held = second.claim().await.unwrap_err();
        assert_eq!(held.kind(), FailureKind::Fatal);
        let put = second.put(&[text(0, "a")]).await.unwrap_err();
        assert_eq!(put.to_string(), held.to_string());
        assert!(!path.exists());
        drop(first);
        second.put(&[text(0, "a")]).await.unwrap();
    }

    fn kind_of(error: io::Error) -> FailureKind {
        failure(Path::new("f"), error).kind()
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        let directory = TempDir::new().unwrap();
        let sink = built("file", json!({ "path": directory.path().join("out.jsonl") }));
        sink_contract(&*sink).await;
    }

    #[tokio::test]
    async fn appends_batch_after_batch() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let sink = raw_file(&path);
        sink.put(&[text(0, "a"), text(1, "b")]).await.unwrap();
        sink.put(&[text(2, "c")]).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
    }

    #[tokio::test]
    async fn writes_the_good_records_and_names_the_others() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let error = raw_file(&path).put(&[tombstone(0), text(1, "b")]).await.unwrap_err();
        assert!(matches!(error, PutError::Records(failures) if failures.len() == 1 && failures[0].0 == 0));
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
    }

    #[tokio::test]
    async fn ends_a_line_that_a_crash_cut_short_before_writing_the_next() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        fs::write(&path, "whole\nhal").unwrap();
        raw_file(&path).put(&[text(0, "a")]).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nhal\na\n");
    }

    #[tokio::test]
    async fn follows_a_file_that_is_moved_away() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let sink = raw_file(&path);
        sink.put(&[text(0, "a")]).await.unwrap();
        fs::rename(&path, directory.path().join("out.1")).unwrap();
        sink.put(&[text(1, "b")]).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
    }

    #[tokio::test]
    async fn follows_a_file_that_is_removed_emptied_or_written_by_others() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let sink = raw_file(&path);
        let read = || fs::read_to_string(&path).unwrap();
        sink.put(&[text(0, "a")]).await.unwrap();
        fs::remove_file(&path).unwrap();
        sink.put(&[text(1, "b")]).await.unwrap();
        assert_eq!(read(), "b\n");
        File::create(&path).unwrap();
        sink.put(&[text(2, "c")]).await.unwrap();
        assert_eq!(read(), "c\n");
        fs::write(&path, "somebody's, cut sho").unwrap();
        sink.put(&[text(3, "d")]).await.unwrap();
        sink.put(&[text(4, "e")]).await.unwrap();
        assert_eq!(read(), "somebody's, cut sho\nd\ne\n");
    }

    /// What waits behind a batch is written and synced together.
    #[tokio::test]
    async fn one_put_takes_many_records() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let sink = raw_file(&path);
        assert_eq!((sink.limits().max_records, sink.limits().linger), (10_000, None));
        let batch: Vec<_> = (0..10_000).map(|offset| text(offset, "a")).collect();
        sink.put(&batch).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n".repeat(10_000));
    }

    #[tokio::test]
    async fn a_dropped_put_leaves_whole_lines() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let sink = raw_file(&path);
        let long = "x".repeat(1 << 20);
        let batch = [text(0, &long), text(1, &long)];
        poll_once(sink.put(&batch)).await;
        sink.put(&batch).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n') && text.lines().all(|line| line == long));
    }

    #[tokio::test]
    async fn a_missing_directory_is_fatal_and_says_what_to_do() {
        let directory = TempDir::new().unwrap();
        let error = unlocked(&directory.path().join("no/out")).put(&[text(0, "a")]).await.unwrap_err();
        let PutError::Batch(failure) = error else { panic!("{error}") };
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert!(failure.to_string().contains("create its directory"), "{failure}");
    }

    #[tokio::test]
    async fn a_directory_or_a_device_is_no_file() {
        let directory = TempDir::new().unwrap();
        for path in [directory.path(), Path::new("/dev/null")] {
            let error = unlocked(path).put(&[text(0, "a")]).await.unwrap_err();
            assert!(error.to_string().contains("regular file"), "{error}");
        }
    }

    #[test]
    fn a_full_disk_is_retriable_and_a_refusal_is_fatal() {
        assert_eq!(kind_of(ErrorKind::StorageFull.into()), FailureKind::Retriable);
        assert_eq!(kind_of(io::Error::from_raw_os_error(5)), FailureKind::Retriable);
        assert_eq!(kind_of(ErrorKind::PermissionDenied.into()), FailureKind::Fatal);
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_the_file_as_it_was() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        fs::write(&path, "a\n").unwrap();
        let mut file = open(&mut OpenOptions::new(), &path).unwrap();
        let half = |file: &mut File| file.write_all(b"hal").and(Err(ErrorKind::StorageFull.into()));
        assert!(whole_or_nothing(&mut file, 2, half).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n");
    }

    #[tokio::test]
    async fn the_check_looks_and_makes_nothing() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out");
        let good = raw_file(&path).check().await;
        assert_eq!(good[0].as_result(), Ok("will be made at the first put"));
        assert!(!path.exists());
        let bad = raw_file(&directory.path().join("no/out")).check().await;
        assert!(bad[0].as_result().unwrap_err().contains("create its directory"), "{bad:?}");
        fs::write(&path, "a").unwrap();
        assert!(raw_file(&path).check().await[0].as_result().is_ok());
        assert_eq!(fs::read(&path).unwrap(), b"a");
    }

    #[test]
    fn an_empty_path_is_refused() {
        let settings = FileSettings { path: PathBuf::new(), format: LineFormat::Raw, lock: true };
        assert_eq!(settings.build().map(|_| ()).unwrap_err().path(), "path");
    }
}
