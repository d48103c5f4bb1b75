//! Follows the connector files: one that is added, changed or removed starts, replaces or stops that one connector.
//!
//! Files are looked at once a second, by size, times and inode, and with them the files that their references name: that
//! sees every kind of change on every kind of file system, the swapped links of a Kubernetes `ConfigMap` included. What
//! has changed is loaded once it is the same at two looks, so that no half-written file is taken for a whole one.
//! `docs/decisions/0013-files-are-looked-at.md` has the reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use futures::future::join_all;
use sluice_connector_api::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::interpolate::{Follow, Referred};
use crate::config::problem::Problem;
use crate::connector::files::{find_in, nothing_in, second};
use crate::connector::load::{Connector, name_of, referred_in};
use crate::worker::control::Control;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a secret store is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(15);

/// When a file that has changed is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    /// At once: somebody says that it is whole.
    AtOnce,
    /// When it is the same at two looks.
    Settled,
    /// This one at once, and no other: it was written, or removed, by this process.
    Written(PathBuf),
}

/// A connector file that this process has written or removed: its worker looks at it before it answers.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    file: PathBuf,
    /// Is dropped once the file is applied.
    _applied: oneshot::Sender<()>,
}

impl WrittenFile {
    /// Makes the news of a file, and what ends once it is applied.
    pub(crate) fn new(file: PathBuf) -> (Self, oneshot::Receiver<()>) {
        let (applied, end) = oneshot::channel();
        (Self { file, _applied: applied }, end)
    }
}

/// What has the files looked at sooner than they would be by themselves.
#[derive(Debug)]
pub struct Looks {
    now: mpsc::Receiver<()>,
    written: mpsc::Receiver<WrittenFile>,
}

impl Looks {
    /// Whoever sends into `now` has what has changed loaded at once.
    pub(crate) fn new(now: mpsc::Receiver<()>, written: mpsc::Receiver<WrittenFile>) -> Self {
        Self { now, written }
    }
}

/// The connector files below some paths, as they were when they were last looked at.
#[derive(Debug)]
pub struct FollowedFiles {
    paths: Vec<PathBuf>,
    registry: Registry,
    files: BTreeMap<PathBuf, FollowedFile>,
    /// The file that each name stands for. Of several of one name it is the one that runs.
    owners: BTreeMap<String, PathBuf>,
    /// What is wrong with the paths and the names.
    problems: Vec<Problem>,
    said: BTreeSet<Problem>,
    /// The file system of each directory that held a connector.
    devices: BTreeMap<PathBuf, u64>,
    /// How often secret stores are asked again, if they are.
    refresh: Option<Duration>,
}

/// A connector file.
#[derive(Debug, Default)]
struct FollowedFile {
    /// Which of the paths it was found at.
    path: PathBuf,
    /// As it was at the last look.
    seen: Stamps,
    /// As it was when it was last loaded.
    loaded: Option<Stamps>,
    /// What its references speak of.
    referred: Referred,
    /// When it was loaded last.
    loaded_at: Option<Instant>,
    /// The last version of it that had nothing wrong.
    connector: Option<Connector>,
    problems: Vec<Problem>,
    /// Whether it was gone at the last look. Editors remove a file before they write it anew.
    was_gone: bool,
}

/// What tells versions of a file, and of the files that it names, apart; none where there is no such file.
type Stamps = Vec<Option<Stamp>>;

/// What tells versions of a file apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// In seconds and nanoseconds: nobody can set it back, and it goes on where rights change.
    changed: (i64, i64),
    inode: u64,
}

impl FollowedFiles {
    /// Looks at the connector files below these paths, and loads them. A file with a mistake is left out, and its problems
    /// are kept.
    pub async fn load(paths: Vec<PathBuf>, registry: Registry) -> Self {
        let (files, owners, problems, said, devices, refresh) = Default::default();
        let mut all = Self { paths, registry, files, owners, problems, said, devices, refresh };
        all.look(&When::AtOnce).await;
        let empty = all.paths.iter().filter(|path| find_in(path).is_ok_and(|found| found.is_empty()));
        let empty: Vec<_> = empty.map(|path| nothing_in(path)).collect();
        all.problems.extend(empty);
        all
    }

    /// Has files whose references name secret stores loaded again this often: what has changed there restarts what uses it.
    #[must_use]
    pub fn refreshing(mut self, refresh: Option<Duration>) -> Self {
        self.refresh = refresh;
        self
    }

    /// Returns the connectors that should run: of each name the last version that had nothing wrong.
    pub fn connectors(&self) -> Vec<Connector> {
        self.owners.values().filter_map(|file| self.files.get(file)?.connector.clone()).collect()
    }

    /// Says whether there is no file at all, and all paths can be looked at.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.paths.iter().all(|path| find_in(path).is_ok())
    }

    /// Takes it as it should be that there is no file: they will come.
    pub fn wait_for_files(&mut self) {
        self.problems.clear();
    }

    /// Returns all that is wrong with the files as they are now, in the order of their paths.
    pub fn problems(&self) -> Vec<Problem> {
        let of_files = self.files.values().flat_map(|file| &file.problems);
        let mut all: Vec<_> = self.problems.iter().chain(of_files).cloned().collect();
        all.sort();
        all
    }

    /// Follows the files until `stop` is cancelled: what changes is applied to the worker, and what is wrong is said in
    /// its statuses and logged once.
    pub async fn follow(mut self, control: Control, mut looks: Looks, stop: CancellationToken) {
        self.report(&control);
        loop {
            let mut written = None;
            let when = tokio::select! {
                () = tokio::time::sleep(LOOK) => When::Settled,
                Some(()) = looks.now.recv() => When::AtOnce,
                Some(news) = looks.written.recv() => When::Written(written.insert(news).file.clone()),
                () = stop.cancelled() => return,
            };
            if self.look(&when).await {
                control.apply(self.connectors());
            }
            self.report(&control);
            drop(written);
        }
    }

    /// Says what is wrong, and logs what was not wrong before.
    pub fn report(&mut self, control: &Control) {
        let problems = self.problems();
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for problem in &problems {
            by_name.entry(name_of(&problem.file)).or_default().push(problem.to_string());
            if self.said.insert(problem.clone()) {
                tracing::error!("the connector file is not valid, and what runs is left as it is: {problem}");
            }
        }
        let mended = self.said.len() > problems.len();
        self.said.retain(|problem| problems.contains(problem));
        if mended && problems.is_empty() {
            tracing::info!("all connector files are valid again");
        }
        control.report_config_errors(by_name);
    }

    /// Looks at the files, and loads those that have changed. Says whether there is anything new.
    async fn look(&mut self, when: &When) -> bool {
        let named = self
            .files
            .iter()
            .map(|(file, followed)| (file.clone(), followed.referred.files.clone()))
            .collect();
        let (paths, devices) = (self.paths.clone(), self.devices.clone());
        // A file system that hangs holds up a thread of its own.
        let found = tokio::task::spawn_blocking(move || find(&paths, &named, &devices)).await;
        let Ok(found) = found else { return false };
        let has_gone = self.forget_gone(&found, when);
        self.devices.extend(found.devices);
        self.problems = found.problems;
        let mut due = BTreeSet::new();
        for (file, (path, stamps)) in found.files {
            if !when.is_about(&file) {
                continue;
            }
            let followed = self.files.entry(file.clone()).or_default();
            followed.path = path;
            followed.was_gone = false;
            let is_settled = *when != When::Settled || followed.seen == stamps;
            followed.seen = stamps;
            let has_changed = followed.loaded.as_ref() != Some(&followed.seen);
            if is_settled && (has_changed || followed.is_due(self.refresh)) {
                due.insert(file);
            }
        }
        // All at once: a secret store that does not answer holds up the files that ask it, and no others for longer.
        let files = self.files.iter_mut().filter(|(file, _)| due.contains(*file));
        join_all(files.map(|(file, followed)| followed.load(file, &self.registry))).await;
        let changed = has_gone || !due.is_empty();
        self.settle_names();
        changed
    }

    /// Forgets files that are gone. Where a path cannot be looked at, what was found there before stays.
    fn forget_gone(&mut self, found: &Found, when: &When) -> bool {
        let before = self.files.len();
        self.files.retain(|file, followed| {
            let is_there = found.files.contains_key(file) || !found.readable.contains(&followed.path);
            if is_there || !when.is_about(file) {
                return true;
            }
            let stays = *when == When::Settled && !followed.was_gone;
            followed.was_gone = true;
            stays
        });
        self.files.len() < before
    }

    /// Finds out which file each name stands for. One that runs keeps its name; where none does, none gets it.
    fn settle_names(&mut self) {
        let mut by_name: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
        for file in self.files.keys() {
            by_name.entry(name_of(file)).or_default().push(file);
        }
        let mut owners = BTreeMap::new();
        for (name, files) in by_name {
            let owner = self.owners.get(&name).filter(|owner| files.contains(owner));
            match (owner, &*files) {
                (_, [only]) => {
                    owners.insert(name, (*only).clone());
                }
                (Some(owner), all) => {
                    let others = all.iter().filter(|file| **file != owner);
                    self.problems.extend(others.map(|other| second(other, owner)));
                    owners.insert(name, owner.clone());
                }
                (None, [first, others @ ..]) => {
                    self.problems.extend(others.iter().map(|other| second(other, first)));
                }
                (None, []) => {}
            }
        }
        self.owners = owners;
    }
}

impl When {
    fn is_about(&self, file: &Path) -> bool {
        match self {
            Self::AtOnce | Self::Settled => true,
            Self::Written(written) => written == file,
        }
    }
}

impl FollowedFile {
    /// Says whether secret stores are to be asked again: at the interval that is set, and soon where something was wrong.
    fn is_due(&self, refresh: Option<Duration>) -> bool {
        let interval = if self.problems.is_empty() { refresh } else { Some(AGAIN) };
        let is_past = |interval| self.loaded_at.is_some_and(|loaded| loaded.elapsed() >= interval);
        self.referred.is_remote && interval.is_some_and(is_past)
    }

    async fn load(&mut self, file: &Path, registry: &Registry) {
        let referred = referred_in(file, registry);
        self.loaded_at = Some(Instant::now());
        match Connector::load(file, registry, Follow::Every).await {
            Ok(connector) => {
                self.connector = Some(connector);
                self.problems = Vec::new();
            }
            Err(problems) => self.problems = problems,
        }
        if self.referred.files != referred.files {
            // They were not looked at before. What they are now is what was read just now.
            self.seen = stamps(file, &referred.files);
        }
        self.referred = referred;
        self.loaded = Some(self.seen.clone());
    }
}

/// What one look found.
#[derive(Default)]
struct Found {
    /// Each file with the path that it was found at.
    files: BTreeMap<PathBuf, (PathBuf, Stamps)>,
    readable: BTreeSet<PathBuf>,
    problems: Vec<Problem>,
    /// The file systems of the directories that hold a connector.
    devices: BTreeMap<PathBuf, u64>,
}

fn find(
    paths: &[PathBuf],
    named: &BTreeMap<PathBuf, Vec<PathBuf>>,
    devices: &BTreeMap<PathBuf, u64>,
) -> Found {
    let mut found = Found::default();
    for path in paths {
        let device = fs::metadata(path).ok().map(|metadata| metadata.dev());
        match find_in(path) {
            // What is left where something was mounted is a directory without files.
            Ok(files)
                if files.is_empty() && devices.get(path).is_some_and(|before| device != Some(*before)) =>
            {
                let text = "another file system is there than before, without a connector: what was mounted here is away";
                found.problems.push(Problem::of_file(path, text));
            }
            Ok(files) => {
                found.readable.insert(path.clone());
                if let Some(device) = device.filter(|_| !files.is_empty()) {
                    found.devices.insert(path.clone(), device);
                }
                for file in files {
                    let named = named.get(&file).map(Vec::as_slice).unwrap_or_default();
                    let stamps = stamps(&file, named);
                    found.files.insert(file, (path.clone(), stamps));
                }
            }
            Err(problem) => found.problems.push(problem),
        }
    }
    found
}

fn stamps(file: &Path, named: &[PathBuf]) -> Stamps {
    std::iter::once(file).chain(named.iter().map(PathBuf::as_path)).map(stamp).collect()
}

/// Follows links: what counts is the file at their end.
fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    Some(Stamp { size: metadata.len(), modified: metadata.modified().ok(), changed, inode: metadata.ino() })
}
