//! Nested and typed parameters: <https://docs.stripe.com/api#introduction> (form-encoded request bodies).
//! Every parameter of a write is checked by its whole name.

use std::ops::RangeInclusive;

use super::error::StripeError;
use super::model::StripeMetadata;
use super::parameters::Parameters;

/// Returns the parts of a name: `a[b][0]` has `a`, `b`, and `0`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('[').map(|part| part.strip_suffix(']').unwrap_or(part))
}

/// Returns whether a name begins as the pattern says. In a pattern, `#` is an index, which may be empty, and
/// `*` any text.
fn is_below(pattern: &str, name: &str) -> bool {
    let fits = |(pattern, part): (&str, &str)| match pattern {
        "#" => part.bytes().all(|byte| byte.is_ascii_digit()),
        "*" => !part.is_empty(),
        literal => literal == part,
    };
    parts(pattern).count() <= parts(name).count() && parts(pattern).zip(parts(name)).all(fits)
}

/// Returns whether a pattern describes a whole name.
fn describes(pattern: &str, name: &str) -> bool {
    parts(pattern).count() == parts(name).count() && is_below(pattern, name)
}

impl Parameters {
    /// Refuses parameters that no pattern of either list describes. `unsupported` are parameters, with
    /// everything below them, that Stripe accepts and the fake does not.
    pub fn accept(&self, known: &[&str], unsupported: &[&str]) -> Result<(), StripeError> {
        let is_known = |name: &str| known.iter().any(|pattern| describes(pattern, name));
        let is_unsupported = |name: &str| unsupported.iter().any(|pattern| is_below(pattern, name));
        let rest: Vec<String> =
            self.0.iter().map(|(name, _)| name.clone()).filter(|name| !is_known(name)).collect();
        let unknown: Vec<String> = rest.iter().filter(|name| !is_unsupported(name)).cloned().collect();
        match (unknown.is_empty(), rest.first()) {
            (false, _) => Err(StripeError::unknown_parameters(&unknown)),
            (true, Some(name)) => Err(StripeError::not_faked(name)),
            (true, None) => Ok(()),
        }
    }

    /// Returns whether there is the parameter or one below it.
    pub fn has(&self, base: &str) -> bool {
        self.0.iter().any(|(name, _)| is_below(base, name))
    }

    /// Returns the value of a parameter that may be empty, which unsets something.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Result<Option<String>, StripeError> {
        Ok(self.get(name)?.map(str::to_owned))
    }

    /// Returns the value of a parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, StripeError> {
        self.get(name)?.ok_or_else(|| StripeError::missing_parameter(name))
    }

    /// Returns a boolean.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, StripeError> {
        match self.get(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(StripeError::invalid_value(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// Returns an integer within its limits.
    pub fn integer(&self, name: &str, limits: RangeInclusive<i64>) -> Result<Option<i64>, StripeError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let refuse = |message| Err(StripeError::invalid_integer(name, message));
        match text.parse::<i64>() {
            Err(_) => refuse(format!("Invalid integer: {text}")),
            Ok(n) if n < *limits.start() => {
                refuse(format!("This value must be greater than or equal to {}.", limits.start()))
            }
            Ok(n) if n > *limits.end() => refuse(format!(
                "This value must be less than or equal to {} (it currently is '{n}').",
                limits.end()
            )),
            Ok(n) => Ok(Some(n)),
        }
    }

    /// Returns one of the allowed words.
    pub fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<&str>, StripeError> {
        match self.get(name)? {
            Some(word) if !allowed.contains(&word) => {
                let list = allowed.join(", ");
                Err(StripeError::invalid_value(name, format!("Invalid {name}: must be one of {list}")))
            }
            found => Ok(found),
        }
    }

    /// Returns the names of the elements of an array, in order of their first parameters: `items[0]`,
    /// `items[1]`.
    pub fn elements(&self, array: &str) -> Vec<String> {
        let mut elements: Vec<String> = Vec::new();
        for (name, _) in &self.0 {
            let rest = name.strip_prefix(array).and_then(|rest| rest.strip_prefix('['));
            let Some(index) = rest.and_then(|rest| rest.split(']').next()) else { continue };
            let element = format!("{array}[{index}]");
            if !elements.contains(&element) {
                elements.push(element);
            }
        }
        elements
    }

    /// Returns the values of an array of texts: `keys[]=a`, `keys[0]=a`.
    pub fn values(&self, array: &str) -> Vec<&str> {
        let pattern = format!("{array}[#]");
        let is_element = |name: &str| describes(&pattern, name);
        self.0.iter().filter(|(name, _)| is_element(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// Returns new metadata, for example those of `subscription_data[metadata]`.
    pub fn metadata_of(&self, base: &str) -> Result<StripeMetadata, StripeError> {
        let mut metadata = StripeMetadata::new();
        self.merge_metadata_of(base, &mut metadata)?;
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_describes_whole_names() {
        for (pattern, name, want) in [
            ("items[#][price]", "items[0][price]", true),
            ("items[#][price]", "items[x][price]", false),
            ("items[#][price]", "items[0][price][id]", false),
            ("items[#][price]", "items[0]", false),
            ("expand[#]", "expand[]", true),
            ("metadata[*]", "metadata[any key]", true),
            ("metadata[*]", "metadata[]", false),
            ("metadata[*]", "metadata", false),
        ] {
            assert_eq!(describes(pattern, name), want, "{pattern} {name}");
        }
    }
}
