//! Secrets and other values from the VM's environment. No error repeats one.

use super::Environment;
use super::document::FromEnvironment;
use super::error::{Checked, ConfigError, field, quote};
use crate::secret::Secret;

/// The most values that one variable may hold.
const VALUES_MAX: usize = 8;

/// The longest value of a variable, in bytes.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// What every signing secret of Stripe begins with (<https://docs.stripe.com/webhooks/signature>).
const SIGNING_PREFIX: &str = "whsec_";

/// Where secrets are read from, if at all.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a function")]
pub enum Secrets<'a> {
    /// From this environment: its filter is being started.
    From(Environment<'a>),
    /// From this environment, but not what the document requires: no event is verified.
    ApiKeys(Environment<'a>),
    /// From nowhere: the section is only checked, and everything reads as absent.
    Unread,
}

impl Secrets<'_> {
    /// A variable's value without blanks around it; nothing if it is not set.
    fn optional(self, variable: &str, path: &str) -> Checked<Option<String>> {
        let (Secrets::From(environment) | Secrets::ApiKeys(environment)) = self else { return Ok(None) };
        let Some(value) = environment(variable) else { return Ok(None) };
        let flaw = |problem: &str, cure: &str| {
            ConfigError::new(path, format!("the environment variable {variable} {problem}"), cure)
        };
        match value.trim() {
            "" => Err(flaw("is set but blank", "give it a value, or do not hand it over")),
            value if value.len() > VALUE_BYTES_MAX => Err(flaw("is too long", "65536 bytes are the most")),
            value if value.split(',').any(is_quoted) => Err(flaw(
                "holds quotes around a value",
                "remove them: the environment keeps quotes as part of the value",
            )),
            value => Ok(Some(value.to_owned())),
        }
    }

    /// The value of a variable that the document names; empty where nothing is read.
    fn required(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<String> {
        let variable = entry.env;
        let named = variable.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && variable.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && variable.len() <= 128;
        let path = field(path, "env");
        if !named {
            // Not repeated: it may be the secret itself, put in the wrong place.
            let cure = "name a variable in capitals, digits and `_`, never the value itself";
            return Err(ConfigError::new(path, "is not the name of an environment variable", cure));
        }
        let Secrets::From(_) = self else { return Ok(String::new()) };
        match self.optional(variable, &path)? {
            Some(value) => Ok(value),
            None => {
                let problem = format!("the environment variable {variable} is not set");
                let cure = format!(
                    "set it for Envoy, and add {variable} to this filter's \
                     vm_config.environment_variables.host_env_keys"
                );
                Err(ConfigError::new(path, problem, cure))
            }
        }
    }

    /// The signing secrets, separated by commas. None where nothing is read, else at least one.
    pub(super) fn signing(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<Vec<Secret>> {
        let value = self.required(entry, path)?;
        if !matches!(self, Secrets::From(_)) {
            return Ok(Vec::new());
        }
        let flaw = |problem: String, cure: &str| {
            ConfigError::new(field(path, "env"), format!("{} {problem}", entry.env), cure)
        };
        let mut secrets = Vec::new();
        for (place, text) in (1_u32..).zip(value.split(',')) {
            let secret = Secret::new(text).map_err(|_| {
                flaw(
                    format!("holds a blank secret in place {place}"),
                    "remove the comma that has nothing beside it",
                )
            })?;
            if !secret.expose().bytes().all(|b| b.is_ascii_graphic()) {
                let problem = format!("holds a blank or a character that no secret has in place {place}");
                return Err(flaw(problem, "copy the secret again; separate several by commas"));
            }
            if secret.expose().strip_prefix(SIGNING_PREFIX).is_none_or(str::is_empty) {
                let problem = format!("holds something else than a signing secret in place {place}");
                return Err(flaw(problem, "take the endpoint's signing secret, which begins with whsec_"));
            }
            secrets.push(secret);
        }
        if secrets.len() > VALUES_MAX {
            return Err(flaw(format!("holds {} secrets", secrets.len()), "there may be at most 8"));
        }
        Ok(secrets)
    }

    /// The API key in the first of these variables that is set; nothing if none is, because then something else on
    /// the way to the API adds it.
    pub(super) fn api_key(self, variables: &[&str]) -> Checked<Option<Secret>> {
        let mut found: Option<(&str, Secret)> = None;
        for variable in variables {
            let Some(value) = self.optional(variable, variable)? else { continue };
            let flaw = |problem: &str, cure: &str| ConfigError::new(*variable, problem, cure);
            let secret = Secret::new(&value).map_err(|_| flaw("is blank", "give it a value"))?;
            if !value.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(flaw("holds a blank or a character that no key has", "copy the key again"));
            }
            if value.starts_with("pk_") || value.starts_with("whsec_") {
                return Err(flaw("is no secret API key", "take the one that begins with sk_ or rk_"));
            }
            match &found {
                Some((other, first)) if first.expose() != value => {
                    let problem = format!("differs from {other}, and either could be meant");
                    return Err(flaw(&problem, "hand over only one of the two"));
                }
                Some(_) => {}
                None => found = Some((variable, secret)),
            }
        }
        Ok(found.map(|(_, secret)| secret))
    }

    /// Public keys in PEM. Header lines and line breaks may be missing or escaped; several stand one after the
    /// other, those without header lines separated by commas or blank lines.
    pub(super) fn pem(self, entry: &FromEnvironment<'_>, path: &str) -> Checked<Vec<String>> {
        let value = self.required(entry, path)?.replace("\\r", "").replace("\\n", "\n").replace('\r', "");
        let flaw = |problem: &str, cure: &str| {
            ConfigError::new(field(path, "env"), format!("{} {problem}", entry.env), cure)
        };
        if value.contains("PRIVATE KEY") {
            return Err(flaw(
                "holds a private key",
                "take the public key, and make a new pair: this one has leaked",
            ));
        }
        let keys = pem_blocks(&value);
        if keys.iter().any(|key| ["sk_", "pk_", "whsec_", "http"].iter().any(|other| key.starts_with(other)))
        {
            return Err(flaw(
                "holds no public key",
                "take the PEM public key (JWKS public key) of the Clerk instance",
            ));
        }
        if keys.len() > VALUES_MAX {
            return Err(flaw("holds too many keys", "there may be at most 8"));
        }
        if keys.is_empty() && matches!(self, Secrets::From(_)) {
            return Err(flaw("holds no key", "take the PEM public key of the Clerk instance"));
        }
        Ok(keys)
    }

    /// The pairs `price=plan` of `PLAN_MAP`; none if it is not set.
    pub(super) fn plan_map(self) -> Checked<Vec<(String, String)>> {
        const VARIABLE: &str = "PLAN_MAP";
        let Some(value) = self.optional(VARIABLE, VARIABLE)? else { return Ok(Vec::new()) };
        let pair = |entry: &str| {
            // Sellers choose the ids of prices, plans' names have no `=`.
            let (price, plan) = entry.rsplit_once('=').ok_or_else(|| {
                let problem = format!("the entry {} has no `=`", quote(entry));
                ConfigError::new(VARIABLE, problem, "write it like `price_123=pro,price_456=team`")
            })?;
            Ok((price.trim().to_owned(), plan.trim().to_owned()))
        };
        value.split(',').map(pair).collect()
    }
}

/// Whether there are quotes around a value: of an `.env` file that was read as it is, or of a word processor.
fn is_quoted(value: &str) -> bool {
    const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '«', '»'];
    let value = value.trim();
    value.starts_with(QUOTES) || value.ends_with(QUOTES)
}

/// Cuts a text into its keys: at commas and, outside of header lines, at blank lines.
fn pem_blocks(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN";
    let mut keys = Vec::new();
    for piece in text.split(',') {
        let (bare, blocks) = match piece.find(BEGIN).and_then(|place| piece.split_at_checked(place)) {
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
