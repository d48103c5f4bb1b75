//! Who takes part.

mod bare_loop;
mod bento;
mod by_hand;
mod connect;
mod fetch;
mod list;
mod mq_bridge;
mod peer;
mod sluice;

pub(crate) use list::Contenders;
pub(crate) use peer::{Peer, Sight};
