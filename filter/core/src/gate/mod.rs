//! The way of a guarded request through the gateway: who calls, by which plan, and whether there is room.

mod path;
