//! What librdkafka can do and its safe wrapper cannot: the only place of this room with unsafe code.

pub(super) mod controller;
pub(super) mod epochs;
pub(super) mod group_offsets;
pub(super) mod queue;
pub(super) mod topics;
