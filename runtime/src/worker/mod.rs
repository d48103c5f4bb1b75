//! Runs connectors side by side, changes which they are, and restarts the ones that fail.
//!
//! What should run is a table of connectors by name ([`Control::apply`]): it is compared with what runs, and starts,
//! replaces or stops just what differs. Each task of a connector has a supervisor of its own, which listens to what the
//! operator wants and to nothing else, so that no connector feels what happens to another (invariant 10).
//!
//! ```text
//! start       Worker: the first connectors, and the bounded end of all
//! follow      the connector files: which changed, and what is wrong with them
//! control     Control: the handle that a control surface, a reload or a test holds
//! table       which connectors run, which are closing; apply
//! running     one connector: its tasks, what is wanted of it, what it is up to
//! supervisor  one task: run, restart with backoff, end
//! desired     what is wanted       status      what is
//! kept_states what operators wanted, kept over restarts
//! ```
//!
//! The life of a task: `apply` spawns its supervisor, which waits until an earlier version of the connector has left the
//! group, runs the pipeline, and runs it again after a failure, a restart or a resume. `apply` without the connector, or
//! the stop of the worker, ends it: the pipeline delivers what is in flight, commits, and leaves the group. The end of a
//! supervisor is seen by the end of its status.
//!
//! | it waits for | bounded by | woken by |
//! |---|---|---|
//! | the end of an earlier version | that one's 25 s | its status, a stop |
//! | the restart after a failure | 1 s to 1 min | time, an operator, removal, a stop |
//! | a resume after a stop | nothing | an operator, removal, a stop |
//! | what is in flight when it ends | 25 s; at the stop of the worker `shutdown_timeout` | the pipeline |

mod control;
mod desired;
mod follow;
mod kept_states;
mod running;
mod start;
mod status;
mod supervisor;
mod table;

pub use crate::worker::control::{Control, UnknownConnector};
pub(crate) use crate::worker::follow::WrittenFile;
pub use crate::worker::follow::{FollowedFiles, Looks};
pub use crate::worker::kept_states::{Kept, KeptStates};
pub use crate::worker::running::SharedByConnectors;
pub use crate::worker::start::{Ended, Worker};
pub use crate::worker::status::{ConnectorStatus, State, TaskStatus};
pub use crate::worker::table::Applied;
