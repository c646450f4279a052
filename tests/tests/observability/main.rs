//! The alert rules and the dashboard ask for what a real Envoy exports, strangers cannot move the alerts, and
//! every metric of Tollgate's is explained.

mod documented;
mod evaluation;
mod events;
mod exported;
mod queries;
mod shown;
mod steered;
