//! Bytes on their way into an object, compressed as they come.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;
use sluice_connector_api::Failure;

use crate::s3::format::ObjectCompression;

/// Compresses what is written to it.
pub(super) enum Packer {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    pub(super) fn new(compression: ObjectCompression) -> Result<Self, Failure> {
        Ok(match compression {
            ObjectCompression::None => Self::Plain(Vec::new()),
            ObjectCompression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            ObjectCompression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                Self::Zstd(
                    zstd::stream::write::Encoder::new(Vec::new(), level).map_err(|error| failed(&error))?,
                )
            }
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
        .map_err(|error| failed(&error))
    }

    /// Ends the stream: all of it can be taken then.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Zstd(encoder) => encoder.do_finish(),
        }
        .map_err(|error| failed(&error))
    }

    /// Returns how many bytes can be taken.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Plain(out) => out.len(),
            Self::Gzip(encoder) => encoder.get_ref().len(),
            Self::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    pub(super) fn take(&mut self) -> Bytes {
        let out = match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        std::mem::take(out).into()
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::fatal(format!("compression failed: {error}"))
}
