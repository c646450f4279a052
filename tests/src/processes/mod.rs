//! Programs that the tests start and stop: Envoy, the rate limit service, the platforms' gateways, Prometheus,
//! and a browser.

pub mod browser;
pub mod crash_switch;
pub mod envoy;
pub mod gateway;
pub mod platform;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod ratelimit;
