//! A real Envoy on the shipped configuration: found or installed, edited for a test, started, read, stopped.
//!
//! ```no_run
//! # async fn example() {
//! use tollgate_tests::{processes::envoy::Standalone, install::modules::Modules, fakes::upstream::Backend};
//!
//! let backend = Backend::start().await;
//! let envoy = Standalone::load()
//!     .modules(Modules::build())
//!     .upstream_at("upstream", backend.address())
//!     .env("STRIPE_WEBHOOK_SECRET", "whsec_test")
//!     .start()
//!     .await;
//! let answer = reqwest::get(envoy.url("/ask")).await;
//! # }
//! ```

mod files;
mod launch;
mod load_time;
mod obtain;
mod output;
mod process;
mod standalone;
mod stats;
mod versions;

pub(crate) use files::Files;
pub use load_time::load_time;
pub use obtain::{of_version, program};
pub use output::Output;
pub use process::{Envoy, Validation, serving};
pub use standalone::{
    EXAMPLE_CLERK_JWT_KEY, EXAMPLE_CLERK_WEBHOOK_SECRET, FILTERS, NATIVE, Standalone, is_native_selected,
    yaml,
};
pub use stats::Stats;
pub use versions::{TRIED_VERSIONS, TriedVersion, newest, oldest};
