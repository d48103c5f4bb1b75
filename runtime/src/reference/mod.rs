//! Reference pages in Markdown and connector files to begin with, made of what the settings say of themselves, so that
//! they cannot be out of date.

mod keys;
mod pages;
mod starter;

pub use pages::{Page, pages, plugin_page};
pub use starter::starter;
