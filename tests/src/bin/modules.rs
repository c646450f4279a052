//! `cargo modules`: builds all modules, and prints where they are, how large each is, and how long Envoy
//! takes to load the Wasm modules.

use std::path::Path;
use std::time::Duration;
use tollgate_tests::install::modules::{BYTES_MAX, Modules, bytes};
use tollgate_tests::processes::envoy::{Standalone, load_time};

#[tokio::main]
async fn main() {
    let modules = Modules::build();
    let both = Standalone::load().modules(modules);
    print(&modules.stripe_webhook, load_time(&both.clone().without_filter("plan_gate")).await);
    print(&modules.plan_gate, load_time(&both.clone().without_filter("stripe_webhook")).await);
    let (together, time_ms) = (modules.bytes(), load_time(&both).await.as_millis());
    println!("together {together} bytes, {time_ms} ms; allowed are {BYTES_MAX} bytes for each");
    let native = Modules::native();
    println!("{}: {} bytes", native.display(), bytes(native));
    println!(
        "(ms: what the module adds to the loading of Envoy's listener, compiling and configuring; median of 5)"
    );
}

fn print(module: &Path, time: Duration) {
    println!("{}: {} bytes, {} ms", module.display(), bytes(module), time.as_millis());
}
