//! Reference pages in Markdown, made of what the settings say of themselves, so that they cannot be out of date.

mod keys;
mod pages;

pub use pages::{Page, pages, plugin_page};
