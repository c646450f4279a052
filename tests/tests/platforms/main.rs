//! The configurations for Istio and Envoy Gateway, and the modules as an image: each taken by what takes it
//! in a cluster.

mod envoy_gateway;
mod image;
mod istio;
mod observed;
mod promises;
mod registry;
