//! `cargo modules`: builds all modules, and prints where they are; on request also how large each is, and how
//! long Envoy takes to load the Wasm modules.
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic on a closed pipe.

use std::path::{Path, PathBuf};
use tollgate_tests::install::modules::{BYTES_MAX, Modules, bytes, show_builds};
use tollgate_tests::install::workspace::{print_error_line, print_line};
use tollgate_tests::processes::envoy::{FILTERS, Standalone, load_time};

const USAGE: &str = "\
usage: cargo modules [--out DIR] [--sizes] [--load-times]
  --out DIR      also copies the modules into this directory
  --sizes        prints the size of each
  --load-times   prints how long Envoy takes to load each (downloads Envoy if it is missing)";

/// What to do besides the build.
#[derive(Default)]
struct ModulesArguments {
    out: Option<PathBuf>,
    sizes: bool,
    load_times: bool,
}

/// Reads the arguments; none if they are wrong.
fn arguments() -> Option<ModulesArguments> {
    let mut read = ModulesArguments::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => read.out = Some(PathBuf::from(arguments.next()?)),
            "--sizes" => read.sizes = true,
            "--load-times" => read.load_times = true,
            _ => return None,
        }
    }
    Some(read)
}

#[tokio::main]
async fn main() {
    let Some(arguments) = arguments() else {
        print_error_line(USAGE);
        std::process::exit(2);
    };
    show_builds();
    let modules = Modules::build();
    let native = Modules::native();
    for module in modules.files().into_iter().chain([native]) {
        let module = arguments.out.as_ref().map_or(module.to_owned(), |out| copied(module, out));
        let size = if arguments.sizes { format!(": {} bytes", bytes(&module)) } else { String::new() };
        print_line(&format!("{}{size}", module.display()));
    }
    if arguments.sizes {
        print_line(&format!(
            "the Wasm modules together: {} bytes; allowed are {BYTES_MAX} for each",
            modules.bytes()
        ));
    }
    if arguments.load_times {
        load_times(modules).await;
    }
}

/// Copies a module into a directory, and returns the copy.
fn copied(module: &Path, out: &Path) -> PathBuf {
    let copy = out.join(module.file_name().expect("a file has a name"));
    std::fs::create_dir_all(out)
        .and_then(|()| std::fs::copy(module, &copy))
        .unwrap_or_else(|error| panic!("{}: cannot be written: {error}", copy.display()));
    copy
}

/// Prints what each module adds to the loading of Envoy's listener: compiling and configuring, median of 5.
async fn load_times(modules: &Modules) {
    let all = Standalone::wasm().modules(modules);
    for filter in FILTERS {
        let others = FILTERS.into_iter().filter(|other| *other != filter);
        let alone = others.fold(all.clone(), Standalone::without_filter);
        print_line(&format!("Envoy loads {filter} in {} ms", load_time(&alone).await.as_millis()));
    }
    print_line(&format!("Envoy loads all in {} ms", load_time(&all).await.as_millis()));
}
