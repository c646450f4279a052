//! Stripe's errors, with the texts of the real API: <https://docs.stripe.com/api/errors>.

use serde_json::{Map, Value, json};

use crate::fakes::server::FakeResponse;

/// An error response of Stripe.
#[derive(Clone, Debug, PartialEq)]
pub struct StripeError {
    /// The HTTP status.
    pub status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    decline_code: Option<&'static str>,
    message: String,
    /// Whether the request was executed: an idempotency key then keeps the error.
    executed: bool,
}

impl StripeError {
    fn invalid_request(status: u16, message: String) -> Self {
        StripeError {
            status,
            kind: "invalid_request_error",
            code: None,
            param: None,
            decline_code: None,
            message,
            executed: false,
        }
    }

    /// Returns whether the request was executed, and did not fail before.
    pub fn is_executed(&self) -> bool {
        self.executed
    }

    /// Marks an error that executing the request led to.
    #[must_use]
    pub fn executed(mut self) -> Self {
        self.executed = true;
        self
    }

    /// Returns the error for a request that the state of an object does not allow.
    pub fn not_allowed(message: String) -> Self {
        Self::invalid_request(400, message).executed()
    }

    /// Returns the error for something that is not there, other than an object with an id.
    pub fn not_found(message: String) -> Self {
        Self::invalid_request(404, message).executed()
    }

    /// Returns the error for a card that was not charged: <https://docs.stripe.com/error-codes>.
    pub fn card(code: &'static str, decline_code: Option<&'static str>, message: &str) -> Self {
        let error = Self::invalid_request(402, message.to_owned()).code(code).executed();
        StripeError { kind: "card_error", decline_code, ..error }
    }

    /// Returns the error for a failure of Stripe itself.
    pub fn internal() -> Self {
        let message = "An unknown error occurred".to_owned();
        StripeError { kind: "api_error", ..Self::invalid_request(500, message).executed() }
    }

    /// Adds an error code.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Names the parameter.
    #[must_use]
    pub fn param(mut self, name: &str) -> Self {
        self.param = Some(name.to_owned());
        self
    }

    /// Returns the error for a missing or unreadable `Authorization`.
    pub fn missing_key() -> Self {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization \
                       header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
                       https://stripe.com/docs/api#authentication for details, or we can help at \
                       https://support.stripe.com/.";
        Self::invalid_request(401, message.to_owned())
    }

    /// Returns the error for a key that this account does not have, which is masked except for its ends.
    pub fn invalid_key(key: &str) -> Self {
        let shown = key.match_indices('_').nth(1).map_or(0, |(at, _)| at + 1).min(key.len());
        let last = key.len().saturating_sub(4).max(shown);
        let ends = (key.get(..shown).unwrap_or_default(), key.get(last..).unwrap_or_default());
        let masked = format!("{}{}{}", ends.0, "*".repeat(last - shown), ends.1);
        Self::invalid_request(401, format!("Invalid API Key provided: {masked}"))
    }

    /// Returns the error for a version that Stripe does not have.
    pub fn invalid_version(version: &str) -> Self {
        Self::invalid_request(400, format!("Invalid Stripe API version: {version}"))
    }

    /// Returns an error that Stripe does not have: it would use the account's version, which callers should
    /// not rely on.
    pub fn missing_version() -> Self {
        Self::invalid_request(
            400,
            "This fake requires Stripe-Version: the response depends on it.".to_owned(),
        )
    }

    /// Returns the error for parameters that the endpoint does not accept.
    pub fn unknown_parameters(names: &[String]) -> Self {
        let s = if names.len() > 1 { "s" } else { "" };
        Self::invalid_request(400, format!("Received unknown parameter{s}: {}", names.join(", ")))
            .code("parameter_unknown")
            .param(&names[0])
    }

    /// Returns an error that Stripe does not have: the fake would have to ignore a parameter that Stripe
    /// uses.
    pub fn not_faked(parameter: &str) -> Self {
        Self::invalid_request(501, format!("Stripe has it, this fake does not: {parameter}"))
    }

    /// Returns the error for a number that is invalid or out of range.
    pub fn invalid_integer(param: &str, message: String) -> Self {
        Self::invalid_request(400, message).code("parameter_invalid_integer").param(param)
    }

    /// Returns the error for a value that is not allowed.
    pub fn invalid_value(param: &str, message: String) -> Self {
        Self::invalid_request(400, message).param(param)
    }

    /// Returns the error for a missing required parameter.
    pub fn missing_parameter(param: &str) -> Self {
        Self::invalid_request(400, format!("Missing required param: {param}."))
            .code("parameter_missing")
            .param(param)
    }

    /// Returns the error for a value that must not be empty.
    pub fn empty(param: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{param}'. We assume empty values are an attempt to unset a \
             parameter; however '{param}' cannot be unset. You should remove '{param}' from your request or \
             supply a non-empty value."
        );
        Self::invalid_request(400, message).code("parameter_invalid_empty").param(param)
    }

    /// Returns the error for an object that does not exist: 404 if the path names it, otherwise 400.
    pub fn missing(kind: &str, id: &str, param: &str, other_mode: Option<bool>) -> Self {
        let status = if param == "id" { 404 } else { 400 };
        let hint = match other_mode {
            None => "",
            Some(true) => {
                "; a similar object exists in test mode, but a live mode key was used to make this request."
            }
            Some(false) => {
                "; a similar object exists in live mode, but a test mode key was used to make this request."
            }
        };
        Self::invalid_request(status, format!("No such {kind}: '{id}'{hint}"))
            .code("resource_missing")
            .param(param)
            .executed()
    }

    /// Returns the error for a path to expand that is too deep.
    pub fn expansion_too_deep(path: &str) -> Self {
        let message = format!("You cannot expand more than 4 levels of a property. Property: {path}");
        Self::invalid_request(400, message).code("property_expansion_max_depth")
    }

    /// Returns the error for a path to expand that does not exist.
    pub fn cannot_expand(path: &str, is_list: bool) -> Self {
        let hint = if is_list && !path.starts_with("data.") {
            format!(" You may want to try expanding 'data.{path}' instead.")
        } else {
            String::new()
        };
        Self::invalid_request(400, format!("This property cannot be expanded ({path}).{hint}"))
    }

    /// Returns the error for a body that is not a form.
    pub fn not_a_form() -> Self {
        let message = "Invalid request (check that your POST content type is application/x-www-form-urlencoded). \
                       If you have any questions, we can help at https://support.stripe.com/.";
        Self::invalid_request(400, message.to_owned())
    }

    /// Returns the error for a restricted key that lacks a permission. The key is shown masked.
    pub fn missing_permission(key: &str, permission: &str) -> Self {
        let (start, end) = (&key[..key.len().min(8)], &key[key.len().saturating_sub(4)..]);
        let message = format!(
            "The provided key '{start}*********{end}' does not have the required permissions for this endpoint on \
             account 'acct_1Tollgate'. Having the '{permission}' permission would allow this request to continue."
        );
        Self::invalid_request(403, message).code("more_permissions_required")
    }

    /// Returns the error for a path that the API does not have.
    pub fn unrecognized_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing \
             slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in \
             your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        );
        Self::invalid_request(404, message)
    }

    /// Returns the error for an idempotency key that was used with another body.
    pub fn idempotency_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. \
             Try using a key other than '{key}' if you meant to execute a different request."
        );
        StripeError { kind: "idempotency_error", ..Self::invalid_request(400, message) }
    }

    /// Returns the error for an idempotency key that was used for another endpoint.
    pub fn idempotency_endpoint(key: &str, now: &str, before: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for \
             ('{now}' vs '{before}'). Try using a key other than '{key}' if you meant to execute a different \
             request."
        );
        StripeError { kind: "idempotency_error", ..Self::invalid_request(400, message) }
    }

    /// Returns the error for an idempotency key with which another request is being executed.
    pub fn idempotency_key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you \
             submitted twice, and the other request is still going through): {key}. If you are submitting two \
             separate requests, please use a different key."
        );
        let error = Self::invalid_request(409, message).code("idempotency_key_in_use");
        StripeError { kind: "idempotency_error", ..error }
    }

    /// Returns the error for an idempotency key that is too long.
    pub fn idempotency_key_too_long() -> Self {
        let message = "Idempotency keys can be at most 255 characters long.".to_owned();
        StripeError { kind: "idempotency_error", ..Self::invalid_request(400, message) }
    }

    /// Returns the response.
    pub fn response(&self) -> FakeResponse {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".to_owned(), json!(code));
            let page = code.replace('_', "-");
            error.insert("doc_url".to_owned(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        if let Some(code) = self.decline_code {
            error.insert("decline_code".to_owned(), json!(code));
        }
        error.insert("message".to_owned(), json!(self.message));
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        error.insert("type".to_owned(), json!(self.kind));
        let response = FakeResponse::json(self.status, &json!({"error": Value::Object(error)}));
        if self.status == 401 {
            response.with_header("www-authenticate", "Basic realm=\"Stripe\"")
        } else {
            response
        }
    }
}
