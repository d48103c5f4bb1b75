//! What commands read from files and standard input, within bounds: an input without an end must not take the machine's memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use crate::cli::exit::Exit;

/// The most bytes that are read as a whole. An event of AWS Lambda has 6 MiB at most.
const LARGEST: u64 = 8 * 1024 * 1024;
/// The most bytes of one record: what brokers read of one request by default (`socket.request.max.bytes`).
pub(super) const LARGEST_RECORD: u64 = 100 * 1024 * 1024;

/// Opens a file, or standard input for `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Exit> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path);
    let file = file.map_err(|error| Exit::Running(format!("cannot open {}: {error}", path.display())))?;
    Ok(Box::new(file))
}

/// Reads a file, or standard input for `-`, as a whole. What is too large to be shown is refused.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Exit> {
    let said = |text: String| Exit::Running(format!("{}: {text}", path.display()));
    let mut bytes = Vec::new();
    let read = open(path)?.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| said(format!("cannot read the input: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        let text = "is larger than 8 MiB, which is more than anybody reads; give a part of it, as `head -n 100` does";
        return Err(said(text.to_owned()));
    }
    Ok(bytes)
}

/// An input that is read record by record, none of which is too large.
pub(super) struct OfRecords<R> {
    input: R,
    so_far: RecordSize,
    largest: u64,
}

/// How much was read since the last record ended.
#[derive(Clone, Default)]
pub(super) struct RecordSize(Rc<Cell<u64>>);

impl RecordSize {
    /// A record has ended.
    pub(super) fn ended(&self) {
        self.0.set(0);
    }
}

impl<R> OfRecords<R> {
    /// Bounds the records of an input. Whoever reads them tells the size where one ends.
    pub(super) fn new(input: R, largest: u64) -> (Self, RecordSize) {
        let so_far = RecordSize::default();
        (Self { input, so_far: so_far.clone(), largest }, so_far)
    }
}

impl<R: Read> Read for OfRecords<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.so_far.0.get() > self.largest {
            return Err(io::Error::other(format!(
                "a record of it is longer than {} bytes, which is far more than is sent of one; is it one record a line?",
                self.largest
            )));
        }
        let count = self.input.read(buffer)?;
        self.so_far.0.set(self.so_far.0.get() + count as u64);
        Ok(count)
    }
}
