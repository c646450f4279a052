//! The parameters of a request, and the errors about them.

use super::error::StripeError;
use super::model::StripeMetadata;

/// The page size without `limit`.
const LIMIT_DEFAULT: usize = 10;
/// The largest `limit`.
const LIMIT_MAX: usize = 100;
/// The maximum length of a metadata key in characters: <https://docs.stripe.com/api/metadata>.
const METADATA_KEY_CHARS_MAX: usize = 40;
/// The maximum length of a metadata value in characters.
const METADATA_VALUE_CHARS_MAX: usize = 500;
/// The maximum number of metadata keys of an object.
const METADATA_KEYS_MAX: usize = 50;

/// Decoded parameters, in the order received.
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// Returns the value of a parameter. An empty value is refused, since none of these can be unset.
    pub fn get(&self, name: &str) -> Result<Option<&str>, StripeError> {
        match self.0.iter().rev().find(|(n, _)| n == name) {
            Some((_, value)) if value.is_empty() => Err(StripeError::empty(name)),
            found => Ok(found.map(|(_, value)| value.as_str())),
        }
    }

    /// Returns the maximum number of objects on a page.
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

    /// Returns the paths to expand: `expand[]=a`, `expand[0]=a`.
    pub fn expand(&self) -> Vec<&str> {
        let is_expand = |name: &str| name.starts_with("expand[") && name.ends_with(']');
        self.0.iter().filter(|(name, _)| is_expand(name)).map(|(_, path)| path.as_str()).collect()
    }

    /// Changes metadata by the parameters, key by key: an empty value deletes; `metadata=` deletes all.
    pub fn merge_metadata(&self, metadata: &mut StripeMetadata) -> Result<(), StripeError> {
        self.merge_metadata_of("metadata", metadata)
    }

    /// Changes metadata by the parameters below that name.
    pub fn merge_metadata_of(&self, base: &str, metadata: &mut StripeMetadata) -> Result<(), StripeError> {
        let mut merged = metadata.clone();
        for (name, value) in &self.0 {
            let Some(rest) = name.strip_prefix(base) else { continue };
            if rest.is_empty() {
                if !value.is_empty() {
                    return Err(StripeError::invalid_value(base, "Invalid object".to_owned()));
                }
                merged.clear();
            } else if let Some(key) = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                merge_one(&mut merged, base, key, value)?;
            }
        }
        if merged.len() > METADATA_KEYS_MAX {
            let message = format!("Metadata can have up to {METADATA_KEYS_MAX} keys, not {}.", merged.len());
            return Err(StripeError::invalid_value(base, message));
        }
        *metadata = merged;
        Ok(())
    }
}

fn merge_one(metadata: &mut StripeMetadata, base: &str, key: &str, value: &str) -> Result<(), StripeError> {
    let (key_chars, value_chars) = (key.chars().count(), value.chars().count());
    if key_chars > METADATA_KEY_CHARS_MAX {
        let message = format!(
            "Metadata keys can have up to {METADATA_KEY_CHARS_MAX} characters, but you passed in a key that is \
             {key_chars} characters. Invalid key: {key}"
        );
        return Err(StripeError::invalid_value(base, message));
    }
    if value_chars > METADATA_VALUE_CHARS_MAX {
        let message = format!(
            "Metadata values can have up to {METADATA_VALUE_CHARS_MAX} characters, but you passed in a value that \
             is {value_chars} characters. Invalid value: {value}"
        );
        return Err(StripeError::invalid_value(&format!("{base}[{key}]"), message));
    }
    if value.is_empty() {
        metadata.remove(key);
    } else {
        metadata.insert(key.to_owned(), value.to_owned());
    }
    Ok(())
}
