//! Tests that the queries of the alert rules and of the dashboard match series of a real Envoy, that each alert
//! fires on its own defect, that attackers cannot influence the alerts, and that every metric of Tollgate is
//! documented.

mod alerts;
mod defects;
mod documented;
mod evaluation;
mod events;
mod exported;
mod recording;
mod series;
