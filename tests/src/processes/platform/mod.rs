//! The shipped configurations for Istio and Envoy Gateway, each started as a gateway with what its platform
//! provides.

mod credentials;
mod envoy_gateway;
mod istio;
mod resources;
mod site;

pub use envoy_gateway::EnvoyGateway;
pub use istio::Istio;
pub use resources::Resources;
pub use site::Site;
