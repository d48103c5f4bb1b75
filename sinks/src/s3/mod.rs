//! Records as objects of an Amazon S3 bucket, or of a store that speaks its protocol.
//!
//! ```text
//! sink       an object per batch; or hands the records on to
//! objects    an object of many batches: what is open of each partition, and what of it is stored when
//! group      the objects that are open together, from one record on, and the rules that complete them
//! encoding   records as lines, CSV or Parquet, packed as they come
//! preview    objects as `sluice preview` shows them
//! bucket     the calls: PutObject, the five of a multipart upload, HeadObject, HeadBucket
//! ```

mod bucket;
mod encoding;
mod format;
mod group;
mod objects;
mod preview;
mod settings;
mod sink;
#[cfg(test)]
mod tests;

pub use format::{ObjectCompression, ObjectFormat};
pub use settings::{ObjectSettings, S3Settings};
