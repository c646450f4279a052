//! What only the native build has to show: that one module serves all filters in one thread, withstands panics,
//! and keeps its data over listener updates.

mod module;
