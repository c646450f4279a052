//! The playground, used over HTTP as its pages use it.

mod failures;
mod pages;
mod shared;
mod story;
mod webhooks;
