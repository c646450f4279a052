//! `tollgate secret`: writes the file from which Envoy reads an API key, with the key from standard input.

use crate::check::{key_problem, placeholder_in};
use crate::terminal::{self, print_line};
use clap::Args;
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The maximum length of what is read as a key, in bytes. It is longer than a key can be.
const INPUT_BYTES_MAX: u64 = 65_536;

/// Write the file from which Envoy reads an API key.
///
/// The key comes from standard input, and no message shows it. The file is readable by its owner alone, and
/// replaces an older one in one step, so that a running Envoy reads either the old key or the new one. Envoy
/// logs a key file that it cannot parse, with the key in it: so write the file with this command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate secret stripe_api_key < key.txt
  tollgate secret clerk_secret_key --directory /etc/tollgate/secrets < key.txt
  pass show clerk/secret | tollgate secret clerk_secret_key --directory gateway/secrets

The shipped configurations read the names stripe_api_key and clerk_secret_key. Envoy must run as the owner of the files, \
or be allowed to read them.

Exit codes: 0 the file is written; 2 the name or the key is wrong, or the file cannot be written.")]
pub(crate) struct SecretArguments {
    /// The name of the secret, which is also the name of the file, before .yaml.
    #[arg(value_parser = name)]
    name: String,
    /// The directory of the file.
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

/// Accepts the name of a secret.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("a name has letters, digits, `_` and `-` only".to_owned()),
    }
}

/// Writes the file and returns the exit code.
pub(crate) fn run(arguments: &SecretArguments) -> ExitCode {
    let written = key().and_then(|key| write(&arguments.directory, &arguments.name, &key));
    match written {
        Ok(file) => {
            print_line!("{}: written", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => terminal::misused(&error),
    }
}

/// Reads the key, without blanks and line breaks around it.
fn key() -> Result<String, String> {
    let mut text = String::new();
    let mut input = std::io::stdin().take(INPUT_BYTES_MAX);
    input.read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
    let key = text.trim();
    if key.is_empty() {
        return Err("there is no key on standard input: `tollgate secret NAME < key.txt`".to_owned());
    }
    if let Some(placeholder) = placeholder_in(key) {
        return Err(format!(
            "standard input: {placeholder} is a placeholder of the examples; write your own API key, from Stripe's or \
             Clerk's dashboard"
        ));
    }
    key_problem(key).map_or_else(|| Ok(key.to_owned()), |problem| Err(format!("standard input: {problem}")))
}

/// Writes the file of a secret, and returns its path.
fn write(directory: &Path, name: &str, key: &str) -> Result<PathBuf, String> {
    let secret = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "generic_secret": {"secret": {"inline_string": key}},
    });
    let text = serde_norway::to_string(&json!({"resources": [secret]})).map_err(|error| error.to_string())?;
    if !directory.is_dir() {
        return Err(format!(
            "--directory: {}: there is no such directory; create it first",
            directory.display()
        ));
    }
    let file = directory.join(format!("{name}.yaml"));
    let failed = |error: &dyn std::fmt::Display| format!("{}: cannot be written: {error}", file.display());
    // A temporary file is readable by its owner alone, and renamed over the old file.
    let mut new = tempfile::NamedTempFile::new_in(directory).map_err(|error| failed(&error))?;
    new.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    new.as_file().sync_all().map_err(|error| failed(&error))?;
    new.persist(&file).map_err(|error| failed(&error))?;
    Ok(file)
}
