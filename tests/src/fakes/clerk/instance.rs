//! The instance and its domains: <https://clerk.com/docs/reference/backend-api/tag/Instance-Settings>,
//! <https://clerk.com/docs/reference/backend-api/tag/Domains>. They take no parameters.

use serde_json::{Value, json};

use super::ClerkSettings;
use super::error::ClerkError;
use crate::fakes::server::Request;

fn without_parameters(request: &Request) -> Result<(), ClerkError> {
    match request.query_pairs().first() {
        Some((name, _)) => Err(ClerkError::unknown_field(name)),
        None => Ok(()),
    }
}

/// Whether the key is that of a production instance.
fn is_production(settings: &ClerkSettings) -> bool {
    settings.secret_key.starts_with("sk_live_")
}

/// Handles `GET /v1/instance`.
pub(super) fn instance(request: &Request, settings: &ClerkSettings) -> Result<Value, ClerkError> {
    without_parameters(request)?;
    Ok(json!({
        "object": "instance",
        "id": settings.instance,
        "environment_type": if is_production(settings) { "production" } else { "development" },
        "allowed_origins": null,
    }))
}

/// Handles `GET /v1/domains`.
pub(super) fn domains(request: &Request, settings: &ClerkSettings) -> Result<Value, ClerkError> {
    without_parameters(request)?;
    let host = settings.issuer.split("://").last().unwrap_or_default();
    let name = host.strip_prefix("clerk.").unwrap_or(host);
    Ok(json!({
        "data": [{
            "object": "domain",
            "id": "dmn_2Tollgate0001",
            "name": name,
            "is_satellite": false,
            "frontend_api_url": settings.issuer,
            "accounts_portal_url": format!("https://accounts.{name}"),
            "proxy_url": null,
            "development_origin": "",
            "cname_targets": [],
        }],
        "total_count": 1,
    }))
}
