//! The gate on a real Envoy with two workers, started from the shipped configuration, in front of a FastAPI
//! service.

mod anonymous;
mod browser;
mod confirm;
mod cors;
mod document;
mod exact;
mod grpc;
mod hostile;
mod identity;
mod keys;
mod organizations;
mod paths;
mod plans;
mod quota;
mod redirects;
mod rules;
mod shadow;
mod shared;
mod tokens;
mod usage;
mod websocket;
