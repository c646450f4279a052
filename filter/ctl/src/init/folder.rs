//! The folder of a new gateway.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Envoy's configuration.
pub(super) const CONFIGURATION: &str = "envoy.yaml";
/// The page with the next steps.
pub(super) const PAGE: &str = "README.md";
const SECRETS: &str = "secrets";
/// The variables that the filters read.
const ENVIRONMENT: &str = "secrets/environment";

const STRIPE_KEY: &str = include_str!("../../../../envoy/secrets/stripe_api_key.yaml.example");
const CLERK_KEY: &str = include_str!("../../../../envoy/secrets/clerk_secret_key.yaml.example");
const NEXT_STEPS: &str = include_str!("next_steps.md");
const VARIABLES: &str = "\
# The variables that the filters read. The signing secret is on the page of the webhook endpoint at Stripe; the key is
# the JWKS public key of Clerk's page API keys, saved as clerk-public-key.pem in this folder.
export STRIPE_WEBHOOK_SECRET=whsec_REPLACE_ME
export CLERK_JWT_KEY=\"$(cat clerk-public-key.pem)\"
";

/// The modes of files and folders with and without secrets.
const SECRET_FILE: u32 = 0o600;
const SECRET_FOLDER: u32 = 0o700;
const FILE: u32 = 0o644;

/// A folder that does not exist yet, or is empty.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its absolute path.
    path: PathBuf,
    /// Whether it exists.
    exists: bool,
}

/// A folder with its files.
#[derive(Debug)]
pub(super) struct FilledFolder(Folder);

impl Folder {
    /// Takes a folder that does not exist, or is empty.
    ///
    /// # Errors
    /// A sentence with the fix.
    pub(super) fn new(directory: &Path) -> Result<Self, String> {
        let name = directory.display();
        let wrong =
            |error: std::io::Error| format!("DIR: {name}: {error}; name a folder that you may write to");
        let exists = match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
            Ok(false) => return Err(format!("DIR: {name} is not empty; name a new folder, or an empty one")),
            Ok(true) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(wrong(error)),
        };
        Ok(Folder { path: std::path::absolute(directory).map_err(wrong)?, exists })
    }

    /// Returns its absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder, unless it exists, and writes the files.
    ///
    /// # Errors
    /// What cannot be written. Nothing is left then.
    pub(super) fn fill(self, configuration: &str) -> Result<FilledFolder, String> {
        if !self.exists {
            let name = self.path.display();
            fs::create_dir(&self.path)
                .map_err(|error| format!("DIR: {name}: {error}; name a folder in one that exists"))?;
        }
        let written = self.write_all(configuration);
        let filled = FilledFolder(self);
        match written {
            Ok(()) => Ok(filled),
            Err(error) => {
                filled.remove();
                Err(error)
            }
        }
    }

    fn write_all(&self, configuration: &str) -> Result<(), String> {
        let secrets = self.path.join(SECRETS);
        let built = fs::DirBuilder::new().mode(SECRET_FOLDER).create(&secrets);
        built.map_err(|error| format!("{}: {error}", secrets.display()))?;
        self.write(CONFIGURATION, configuration, FILE)?;
        self.write("secrets/stripe_api_key.yaml", &without_first_line(STRIPE_KEY), SECRET_FILE)?;
        self.write("secrets/clerk_secret_key.yaml", &without_first_line(CLERK_KEY), SECRET_FILE)?;
        self.write(ENVIRONMENT, VARIABLES, SECRET_FILE)?;
        self.write(".gitignore", "/secrets/\n/*.wasm\n", FILE)?;
        self.write(PAGE, NEXT_STEPS, FILE)
    }

    /// Writes a new file. The mode is set when it is created, so that a secret is never readable by others.
    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), String> {
        let path = self.path.join(name);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // The umask may have removed more.
            file.set_permissions(fs::Permissions::from_mode(mode))
        });
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Returns a key file without the line that says to copy the example.
fn without_first_line(example: &str) -> String {
    example.split_once('\n').map_or(example, |(_, rest)| rest).to_owned()
}

impl FilledFolder {
    /// Returns the path of a file in it.
    pub(super) fn file(&self, name: &str) -> String {
        self.0.path.join(name).display().to_string()
    }

    /// Removes what was written.
    pub(super) fn remove(&self) {
        let Folder { path, exists } = &self.0;
        if !exists {
            let _ = fs::remove_dir_all(path);
            return;
        }
        let _ = fs::remove_dir_all(path.join(SECRETS));
        for name in [CONFIGURATION, ".gitignore", PAGE] {
            let _ = fs::remove_file(path.join(name));
        }
    }
}
