//! How fast a run was.

/// How fast it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkRate {
    /// Records a second, from the first that is there to the last that is stored.
    pub(crate) rate: f64,
    /// Seconds of processor time per million records, of all threads, the start included.
    pub(crate) cpu: f64,
}
