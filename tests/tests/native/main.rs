//! What only the native build has to show: that one module serves all filters in one thread, withstands
//! panics, keeps its data over listener updates, and answers as the Wasm modules do.

mod builds;
mod clerk_corpus;
mod corpus;
mod module;
mod updates;
