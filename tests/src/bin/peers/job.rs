//! What one run is to do.

use std::path::{Path, PathBuf};

use crate::options::{PeerCompression, SinkKind};
use crate::shape::RecordShape;
use crate::stage::BrokerTls;

/// A topic, and the group that reads it.
#[derive(Clone, Debug)]
pub(crate) struct PeerFlow {
    pub(crate) topic: String,
    pub(crate) group: String,
}

/// Where sentences go.
#[derive(Clone, Debug)]
pub(crate) enum PeerTarget {
    /// An address, with the authority to trust.
    Http {
        url: String,
        ca: Option<PathBuf>,
    },
    File(PathBuf),
    Blackhole,
}

impl PeerTarget {
    pub(crate) fn kind(&self) -> SinkKind {
        match self {
            Self::Http { .. } => SinkKind::Http,
            Self::File(_) => SinkKind::File,
            Self::Blackhole => SinkKind::Blackhole,
        }
    }

    /// As the programs in `tests/peers` know it: an address, `file:PATH`, or `none`.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Http { url, .. } => url.clone(),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Blackhole => "none".to_owned(),
        }
    }
}

/// What one run of a contender is to do.
#[derive(Clone, Debug)]
pub(crate) struct Job<'a> {
    pub(crate) servers: String,
    pub(crate) tls: Option<BrokerTls>,
    pub(crate) flows: Vec<PeerFlow>,
    /// Of all topics together.
    pub(crate) records: u64,
    pub(crate) target: PeerTarget,
    pub(crate) shape: RecordShape,
    /// How the records are compressed.
    pub(crate) compression: PeerCompression,
    /// A folder for the files of this run.
    pub(crate) home: &'a Path,
}

impl Job<'_> {
    /// Writes a file of the run.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}
