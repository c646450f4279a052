//! A request's parameters, and what Stripe refuses about them.

use super::error::StripeError;
use super::model::StripeMetadata;

/// Without `limit`.
const LIMIT_DEFAULT: usize = 10;
/// The largest `limit`.
const LIMIT_MAX: usize = 100;
/// How long a metadata key may be, in characters: <https://docs.stripe.com/api/metadata>.
const METADATA_KEY_CHARS_MAX: usize = 40;
/// How long a metadata value may be.
const METADATA_VALUE_CHARS_MAX: usize = 500;
/// How many metadata keys an object may have.
const METADATA_KEYS_MAX: usize = 50;

/// Decoded parameters, in the order in which they came.
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter; an empty one is refused, as it is wherever nothing can be unset.
    pub fn get(&self, name: &str) -> Result<Option<&str>, StripeError> {
        match self.0.iter().rev().find(|(n, _)| n == name) {
            Some((_, value)) if value.is_empty() => Err(StripeError::empty(name)),
            found => Ok(found.map(|(_, value)| value.as_str())),
        }
    }

    /// Refuses what is in neither list. `elsewhere` is what Stripe takes and the fake does not heed.
    pub fn only(&self, known: &[&str], elsewhere: &[&str]) -> Result<(), StripeError> {
        let base = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
        let unknown: Vec<String> = self
            .0
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !known.contains(&base(name).as_str()) && !elsewhere.contains(&base(name).as_str()))
            .collect();
        if !unknown.is_empty() {
            return Err(StripeError::unknown_parameters(&unknown));
        }
        match self.0.iter().find(|(name, _)| elsewhere.contains(&base(name).as_str())) {
            Some((name, _)) => Err(StripeError::not_faked(name)),
            None => Ok(()),
        }
    }

    /// How many objects a list shows at most.
    pub fn limit(&self) -> Result<usize, StripeError> {
        let Some(text) = self.get("limit")? else { return Ok(LIMIT_DEFAULT) };
        let refuse = |message| Err(StripeError::invalid_integer("limit", message));
        match text.parse::<i64>() {
            Err(_) => refuse(format!("Invalid integer: {text}")),
            Ok(..1) => refuse("This value must be greater than or equal to 1.".to_owned()),
            Ok(n) if n > LIMIT_MAX as i64 => {
                refuse(format!("This value must be less than or equal to 100 (it currently is '{n}')."))
            }
            Ok(n) => Ok(n as usize),
        }
    }

    /// The paths to expand: `expand[]=a`, `expand[0]=a`.
    pub fn expand(&self) -> Vec<&str> {
        let is_expand = |name: &str| name.starts_with("expand[") && name.ends_with(']');
        self.0.iter().filter(|(name, _)| is_expand(name)).map(|(_, path)| path.as_str()).collect()
    }

    /// Changes metadata as the parameters say: key by key, an empty value deletes; `metadata=` deletes all.
    pub fn merge_metadata(&self, metadata: &mut StripeMetadata) -> Result<(), StripeError> {
        let mut merged = metadata.clone();
        for (name, value) in &self.0 {
            if name == "metadata" {
                if !value.is_empty() {
                    return Err(StripeError::invalid_value("metadata", "Invalid object".to_owned()));
                }
                merged.clear();
            } else if let Some(key) = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
                merge_one(&mut merged, key, value)?;
            }
        }
        if merged.len() > METADATA_KEYS_MAX {
            let message = format!("Metadata can have up to {METADATA_KEYS_MAX} keys, not {}.", merged.len());
            return Err(StripeError::invalid_value("metadata", message));
        }
        *metadata = merged;
        Ok(())
    }
}

fn merge_one(metadata: &mut StripeMetadata, key: &str, value: &str) -> Result<(), StripeError> {
    let (key_chars, value_chars) = (key.chars().count(), value.chars().count());
    if key_chars > METADATA_KEY_CHARS_MAX {
        let message = format!(
            "Metadata keys can have up to {METADATA_KEY_CHARS_MAX} characters, but you passed in a key that is \
             {key_chars} characters. Invalid key: {key}"
        );
        return Err(StripeError::invalid_value("metadata", message));
    }
    if value_chars > METADATA_VALUE_CHARS_MAX {
        let message = format!(
            "Metadata values can have up to {METADATA_VALUE_CHARS_MAX} characters, but you passed in a value that \
             is {value_chars} characters. Invalid value: {value}"
        );
        return Err(StripeError::invalid_value(&format!("metadata[{key}]"), message));
    }
    if value.is_empty() {
        metadata.remove(key);
    } else {
        metadata.insert(key.to_owned(), value.to_owned());
    }
    Ok(())
}
