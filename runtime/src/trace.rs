//! Where whoever traces puts stands. Nobody does at most times, and then it costs one look for each put.

use std::fmt;
use std::sync::Arc;

use sluice_connector_api::{PutError, Record, TraceParent};

/// Makes a span of each put of records, of all connectors of a process. The engine waits for none of it.
pub trait PutTracer: fmt::Debug + Send + Sync {
    /// Begins the span of a put of these records, of which there is one at least.
    fn begin(&self, connector: &str, sink: &str, records: &[Record]) -> Box<dyn PutSpan>;
}

/// The span of a put that is under way.
pub trait PutSpan: Send {
    /// Returns its place in its trace, for the target of the put.
    fn place(&self) -> Option<TraceParent>;

    /// Ends it with what the sink answered, whose secrets are blanked.
    fn end(self: Box<Self>, answer: &Result<(), PutError>);
}

/// What traces the puts of one connector.
#[derive(Clone, Debug)]
pub(crate) struct TracedConnector {
    tracer: Arc<dyn PutTracer>,
    connector: Arc<str>,
    sink: Arc<str>,
}

impl TracedConnector {
    /// Traces the puts of a connector of this name into a sink of that.
    pub(crate) fn new(tracer: Arc<dyn PutTracer>, connector: Arc<str>, sink: &str) -> Self {
        Self { tracer, connector, sink: sink.into() }
    }

    /// Begins the span of a put.
    pub(crate) fn begin(&self, records: &[Record]) -> Box<dyn PutSpan> {
        self.tracer.begin(&self.connector, &self.sink, records)
    }
}
