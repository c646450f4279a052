//! The alert rules and the dashboard ask for what a real Envoy exports, and every metric of Tollgate's is explained.

mod documented;
mod events;
mod exported;
mod queries;
mod shown;
