//! Clerk's errors, with the texts of its Backend API:
//! <https://clerk.com/docs/guides/development/errors/backend-api>.

use serde_json::{Map, Value, json};

use crate::fakes::server::FakeResponse;

/// An error response of Clerk.
#[derive(Clone, Debug, PartialEq)]
pub struct ClerkError {
    status: u16,
    code: &'static str,
    message: String,
    long_message: String,
    param: Option<String>,
    retry_after_s: Option<u64>,
}

impl ClerkError {
    fn new(status: u16, code: &'static str, message: &str, long_message: String) -> Self {
        let message = message.to_owned();
        ClerkError { status, code, message, long_message, param: None, retry_after_s: None }
    }

    fn param(mut self, name: &str) -> Self {
        self.param = Some(name.to_owned());
        self
    }

    /// Returns the error for a missing `Authorization: Bearer …`.
    pub fn malformed_authorization() -> Self {
        let long = "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'";
        let short = "Invalid Authorization header format";
        Self::new(401, "authorization_header_format_invalid", short, long.to_owned())
    }

    /// Returns the error for a key of another instance.
    pub fn invalid_key() -> Self {
        let text =
            "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
        Self::new(401, "clerk_key_invalid", text, text.to_owned())
    }

    /// Returns an error about the version. Its texts are not Clerk's: its list of errors has none for the
    /// version.
    pub fn version(version: Option<&str>) -> Self {
        let text = match version {
            None => "This fake requires Clerk-API-Version: the accepted fields depend on it.".to_owned(),
            Some(version) => format!("{version} is not an API version."),
        };
        Self::new(400, "api_version_invalid", "Invalid API version", text)
    }

    /// Returns the error for an unknown user.
    pub fn user_not_found(id: &str) -> Self {
        Self::new(404, "resource_not_found", "not found", format!("No user was found with id {id}"))
    }

    /// Returns the error for an unknown organization.
    pub fn organization_not_found() -> Self {
        Self::new(404, "resource_not_found", "not found", "Given organization not found.".to_owned())
    }

    /// Returns the error for a path that the API does not have.
    pub fn url_not_found() -> Self {
        Self::new(404, "resource_not_found", "Resource not found", "Resource not found".to_owned())
    }

    /// Returns the error for a user or an organization without a billing subscription.
    pub fn subscription_not_found() -> Self {
        let text = "Subscription not found";
        Self::new(404, "resource_not_found", text, text.to_owned())
    }

    /// Returns the error for an instance without Billing.
    pub fn billing_off(status: u16) -> Self {
        let text = "Billing is not enabled for this instance";
        Self::new(status, "billing_not_enabled", text, text.to_owned())
    }

    /// Returns the error for a body that is not JSON by its `Content-Type`.
    pub fn content_type(actual: &str) -> Self {
        let long = format!("Content-Type {actual} is unsupported. You should use application/json instead.");
        Self::new(415, "unsupported_content_type", "Content-Type is unsupported", long)
    }

    /// Returns the error for a body that is not a JSON object.
    pub fn body_invalid() -> Self {
        let long = "The request body is invalid. Please consult the API documentation for more information.";
        Self::new(400, "request_body_invalid", "Request body invalid", long.to_owned())
    }

    /// Returns the error for a field that the endpoint does not take.
    pub fn unknown_field(name: &str) -> Self {
        let long = format!("{name} is not a valid parameter for this request.");
        Self::new(422, "form_param_unknown", "is unknown", long).param(name)
    }

    /// Returns the error for a parameter with a value that the endpoint does not take.
    pub fn invalid_parameter(name: &str) -> Self {
        let long = format!("{name} is invalid.");
        Self::new(422, "form_param_format_invalid", "is invalid", long).param(name)
    }

    /// Returns the error for a field that this version no longer takes.
    pub fn deprecated_field(name: &str, instead: &str) -> Self {
        let long = format!("{name} is deprecated. Use {instead} instead.");
        Self::new(422, "form_param_deprecated", "is deprecated", long).param(name)
    }

    /// Returns the error for metadata that are not an object.
    pub fn not_an_object(name: &str) -> Self {
        Self::new(422, "form_param_value_invalid", "is invalid", format!("{name} is invalid")).param(name)
    }

    /// Returns the error for metadata that are too large.
    pub fn too_large(name: &str, bytes_max: usize) -> Self {
        let kb = bytes_max / 1024;
        let text =
            format!("The given {name} exceeds the maximum allowed size of {bytes_max} bytes ({kb} KB).");
        Self::new(422, "form_param_exceeds_allowed_size", &text.clone(), text).param(name)
    }

    /// Returns the error for too many writes of one user or organization.
    pub fn too_many_requests(retry_after_s: u64) -> Self {
        let text = "Too many requests. Please try again in a bit.";
        let error = Self::new(429, "too_many_requests", "Too many requests", text.to_owned());
        ClerkError { retry_after_s: Some(retry_after_s), ..error }
    }

    /// Returns the response.
    pub fn response(&self, trace_id: &str) -> FakeResponse {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.message));
        error.insert("long_message".to_owned(), json!(self.long_message));
        error.insert("code".to_owned(), json!(self.code));
        if let Some(param) = &self.param {
            error.insert("meta".to_owned(), json!({"param_name": param}));
        }
        let body = json!({"errors": [Value::Object(error)], "clerk_trace_id": trace_id});
        let response = FakeResponse::json(self.status, &body);
        match self.retry_after_s {
            Some(seconds) => response.with_header("retry-after", &seconds.to_string()),
            None => response,
        }
    }
}
