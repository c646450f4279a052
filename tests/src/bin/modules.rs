//! `cargo modules`: builds all modules, and prints where they are, how large each is, and how long Envoy
//! takes to load the Wasm modules.

use std::path::Path;
use std::time::Duration;
use tollgate_tests::install::modules::{BYTES_MAX, Modules, bytes};
use tollgate_tests::processes::envoy::{FILTERS, Standalone, load_time};

#[tokio::main]
async fn main() {
    let modules = Modules::build();
    let all = Standalone::wasm().modules(modules);
    for filter in FILTERS {
        let others = FILTERS.into_iter().filter(|other| *other != filter);
        let alone = others.fold(all.clone(), Standalone::without_filter);
        print(modules.of_filter(filter).expect("a module of the filter"), load_time(&alone).await);
    }
    let (together, time_ms) = (modules.bytes(), load_time(&all).await.as_millis());
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
