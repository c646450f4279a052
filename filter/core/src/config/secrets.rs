//! Secrets and other values from the VM's environment. No error repeats a value.

use super::Environment;
use super::document::{ApiKeyVariable, FromEnvironment};
use super::error::{Checked, ConfigError, field, quote};
use crate::clerk::signing_key::SigningKey;
use crate::secret::Secret;

/// The maximum number of values that one variable may hold.
const VALUES_MAX: usize = 8;

/// The longest value of a variable, in bytes.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The prefix of Stripe's signing secrets (<https://docs.stripe.com/webhooks/signature>).
const SIGNING_PREFIX: &str = "whsec_";

/// The source of secrets.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a function")]
pub enum Secrets<'a> {
    /// This environment, for a filter that starts.
    From(Environment<'a>),
    /// This environment, but without the variables that the document requires: no event is verified.
    ApiKeys(Environment<'a>),
    /// No source: the section is only checked, and every secret counts as absent.
    NotRead,
}

impl Secrets<'_> {
    /// Returns a variable's value without surrounding whitespace, or `None` if it is not set.
    fn optional(self, variable: &str, path: &str) -> Checked<Option<String>> {
        let (Secrets::From(environment) | Secrets::ApiKeys(environment)) = self else { return Ok(None) };
        let Some(value) = environment(variable) else { return Ok(None) };
        let flaw = |problem: &str, cure: &str| {
            ConfigError::new(path, format!("the environment variable {variable} {problem}"), cure)
        };
        match value.trim() {
            "" => Err(flaw("is set but blank", "give it a value, or do not pass it to the filter")),
            value if value.len() > VALUE_BYTES_MAX => Err(flaw("is too long", "use at most 65536 bytes")),
            value if value.split(',').any(is_quoted) => Err(flaw(
                "holds quotes around a value",
                "remove them: the environment keeps quotes as part of the value",
            )),
            value => Ok(Some(value.to_owned())),
        }
    }

    /// Returns the value of a variable that the document names; empty if secrets are not read.
    fn required(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<String> {
        let variable = entry.env;
        let named = variable.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && variable.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && variable.len() <= 128;
        let path = field(path, "env");
        if !named {
            // Not repeated in the error: it may be the secret itself, written here by mistake.
            let cure =
                "write the name of a variable (upper-case letters, digits, and `_`), never the value itself";
            return Err(ConfigError::new(path, "is not the name of an environment variable", cure));
        }
        let Secrets::From(_) = self else { return Ok(String::new()) };
        match self.optional(variable, &path)? {
            Some(value) => Ok(value),
            None => {
                let problem = format!("the environment variable {variable} is not set");
                let cure = format!(
                    "set it for Envoy; for a Wasm filter, also add {variable} to its \
                     vm_config.environment_variables.host_env_keys"
                );
                Err(ConfigError::new(path, problem, cure))
            }
        }
    }

    /// Returns Stripe's signing secrets, which are separated by commas: at least one, or none if secrets are
    /// not read.
    pub(super) fn signing(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<Vec<Secret>> {
        self.signing_each(entry, path, |text| {
            let secret = Secret::new(text).ok()?;
            let has_key = text.strip_prefix(SIGNING_PREFIX).is_some_and(|rest| !rest.is_empty());
            has_key.then_some(secret)
        })
    }

    /// Returns the keys of Clerk's signing secrets, which are separated by commas: at least one, or none if
    /// secrets are not read.
    pub(super) fn clerk_signing(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<Vec<SigningKey>> {
        self.signing_each(entry, path, |text| SigningKey::parse(text).ok())
    }

    /// Returns the signing secrets in a variable, each as `read` returns it; `None` is an error.
    fn signing_each<T>(
        self,
        entry: &FromEnvironment<'_>,
        path: &str,
        read: fn(&str) -> Option<T>,
    ) -> Checked<Vec<T>> {
        let value = self.required(entry, path)?;
        if !matches!(self, Secrets::From(_)) {
            return Ok(Vec::new());
        }
        let flaw = |problem: String, cure: &str| {
            ConfigError::new(field(path, "env"), format!("{} {problem}", entry.env), cure)
        };
        let mut secrets = Vec::new();
        for (position, text) in (1_u32..).zip(value.split(',').map(str::trim)) {
            if text.is_empty() {
                return Err(flaw(
                    format!("holds a blank secret at position {position}"),
                    "remove the extra comma",
                ));
            }
            if !text.bytes().all(|b| b.is_ascii_graphic()) {
                let problem =
                    format!("holds a blank or a character that no secret has at position {position}");
                return Err(flaw(problem, "copy the secret again; separate several by commas"));
            }
            let Some(secret) = read(text) else {
                let problem = format!("holds no signing secret at position {position}");
                return Err(flaw(problem, "use the endpoint's signing secret, which starts with whsec_"));
            };
            secrets.push(secret);
        }
        if secrets.len() > VALUES_MAX {
            return Err(flaw(format!("holds {} secrets", secrets.len()), "there may be at most 8"));
        }
        Ok(secrets)
    }

    /// Returns Stripe's API key, or `None` if a proxy between Envoy and Stripe adds it. `listed` are the keys
    /// that the document requires.
    pub(super) fn stripe_key(self, listed: &[ApiKeyVariable]) -> Checked<Option<Secret>> {
        self.api_key(&[ApiKeyVariable::StripeApiKey, ApiKeyVariable::StripeSecretKey], listed)
    }

    /// Returns Clerk's secret key, or `None` if a proxy between Envoy and Clerk adds it. `listed` are the
    /// keys that the document requires.
    pub(super) fn clerk_key(self, listed: &[ApiKeyVariable]) -> Checked<Option<Secret>> {
        self.api_key(&[ApiKeyVariable::ClerkSecretKey], listed)
    }

    /// Returns the API key in the first of these variables that is set.
    fn api_key(self, variables: &[ApiKeyVariable], listed: &[ApiKeyVariable]) -> Checked<Option<Secret>> {
        let mut found: Option<(&'static str, Secret)> = None;
        for variable in variables.iter().map(|variable| variable.name()) {
            let Some(value) = self.optional(variable, variable)? else { continue };
            let flaw = |problem: &str, cure: &str| ConfigError::new(variable, problem, cure);
            let secret = Secret::new(&value).map_err(|_| flaw("is blank", "give it a value"))?;
            if !value.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(flaw("holds a blank or a character that no key has", "copy the key again"));
            }
            if value.starts_with("pk_") || value.starts_with("whsec_") {
                return Err(flaw("is not a secret API key", "use the one that starts with sk_ or rk_"));
            }
            match &found {
                Some((other, first)) if first.expose() != value => {
                    let problem = format!("differs from {other}, and either could be meant");
                    return Err(flaw(&problem, "set only one of the two"));
                }
                Some(_) => {}
                None => found = Some((variable, secret)),
            }
        }
        let required = variables.iter().find(|variable| listed.contains(variable));
        match (found, required) {
            (None, Some(variable)) if !matches!(self, Secrets::NotRead) => {
                let problem = format!("the environment variable {} is not set", variable.name());
                let cure = "set it for Envoy, or remove it from this list if the API's cluster adds the key";
                Err(ConfigError::new("environment", problem, cure))
            }
            (found, _) => Ok(found.map(|(variable, secret)| secret.held_by(variable))),
        }
    }

    /// Returns public keys in PEM. Header lines may be missing, and line breaks may be missing or escaped.
    /// Several keys follow one another; those without header lines are separated by commas or blank lines.
    pub(super) fn pem(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<Vec<String>> {
        let value = self.required(entry, path)?.replace("\\r", "").replace("\\n", "\n").replace('\r', "");
        let flaw = |problem: &str, cure: &str| {
            ConfigError::new(field(path, "env"), format!("{} {problem}", entry.env), cure)
        };
        if value.contains("PRIVATE KEY") {
            return Err(flaw(
                "holds a private key",
                "use the public key, and generate a new pair: this one has leaked",
            ));
        }
        let keys = pem_blocks(&value);
        if keys.iter().any(|key| ["sk_", "pk_", "whsec_", "http"].iter().any(|other| key.starts_with(other)))
        {
            return Err(flaw(
                "holds no public key",
                "use the PEM public key (JWKS public key) of the Clerk instance",
            ));
        }
        if keys.len() > VALUES_MAX {
            return Err(flaw("holds too many keys", "there may be at most 8"));
        }
        if keys.is_empty() && matches!(self, Secrets::From(_)) {
            return Err(flaw("holds no key", "use the PEM public key of the Clerk instance"));
        }
        Ok(keys)
    }

    /// Returns the pairs `price=plan` of `PLAN_MAP`; none if it is not set.
    pub(super) fn plan_map(self) -> Checked<Vec<(String, String)>> {
        const VARIABLE: &str = "PLAN_MAP";
        let Some(value) = self.optional(VARIABLE, VARIABLE)? else { return Ok(Vec::new()) };
        let pair = |entry: &str| {
            // Split at the last `=`: a plan's name contains none, but a price id may be any text.
            let (price, plan) = entry.rsplit_once('=').ok_or_else(|| {
                let problem = format!("the entry {} has no `=`", quote(entry));
                ConfigError::new(VARIABLE, problem, "write it like `price_123=pro,price_456=team`")
            })?;
            Ok((price.trim().to_owned(), plan.trim().to_owned()))
        };
        value.split(',').map(pair).collect()
    }
}

/// Returns whether there are quotes around a value, as from an `.env` file that is not parsed, or a word
/// processor.
fn is_quoted(value: &str) -> bool {
    const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '«', '»'];
    let value = value.trim();
    value.starts_with(QUOTES) || value.ends_with(QUOTES)
}

/// Splits a text into keys: at commas and, outside of header lines, at blank lines.
fn pem_blocks(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN";
    let mut keys = Vec::new();
    for piece in text.split(',') {
        let (bare, blocks) = match piece.find(BEGIN).and_then(|index| piece.split_at_checked(index)) {
            Some((bare, blocks)) => (bare, blocks),
            None => (piece, ""),
        };
        keys.extend(bare.split("\n\n").map(|key| key.trim().to_owned()));
        keys.extend(blocks.split(BEGIN).skip(1).map(|block| format!("{BEGIN}{}", block.trim_end())));
    }
    keys.retain(|key| !key.is_empty());
    keys
}

#[cfg(test)]
mod tests;
