//! `tollgate init`: writes a folder from which a gateway starts: Envoy's configuration, the files of the
//! secrets, and a page with the next commands. What it writes is the shipped configuration with the given
//! values, and `tollgate check` accepts it.

mod answers;
mod arguments;
mod configuration;
mod folder;
mod settings;

pub(crate) use arguments::InitArguments;

use crate::check::{self, CheckArguments};
use crate::terminal::{self, print_line};
use folder::Folder;
use settings::GatewaySettings;
use std::process::ExitCode;

/// Writes the folder, and returns the exit code.
pub(crate) fn run(arguments: &InitArguments) -> ExitCode {
    match write(arguments) {
        Ok(code) => code,
        Err(wrong) => terminal::misused(&wrong),
    }
}

/// Writes the folder and checks it. If the check fails, nothing is left.
///
/// # Errors
/// A sentence with the argument, and what to do.
fn write(arguments: &InitArguments) -> Result<ExitCode, String> {
    let folder = Folder::new(&arguments.directory)?;
    let settings = GatewaySettings::read(&answers::complete(arguments)?)?;
    let configuration = configuration::envoy(&settings, folder.path(), &configuration::certificates())?;
    let folder = folder.fill(&configuration)?;
    let code = check::run(&CheckArguments::for_new_gateway(folder.file(folder::CONFIGURATION)));
    if code != ExitCode::SUCCESS {
        folder.remove();
        return Ok(code);
    }
    print_line!("{} has the next steps", folder.file(folder::PAGE));
    Ok(code)
}
