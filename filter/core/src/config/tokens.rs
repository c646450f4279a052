//! The rules for session tokens: the part of `plan_gate` that every filter with a caller reads.

use super::document::gate::{Jwks, WrittenKeys, WrittenPlanGate};
use super::error::{Checked, ConfigError, Problems, field};
use super::secrets::Secrets;
use super::section::SharedValues;
use super::upstream::{self, upstream};
use super::{address, names};
use crate::auth::KeySource;
use crate::auth::token::TokenRules;
use std::time::Duration;

/// The maximum number of authorized parties.
const PARTIES_MAX: usize = 100;

/// The maximum number of audiences.
const AUDIENCES_MAX: usize = 16;

/// The path of a Frontend API's key set, below the path of the API.
const JWKS_PATH: &str = "/.well-known/jwks.json";

/// The largest clock skew, in seconds.
const CLOCK_SKEW_S_MAX: u64 = 60;

/// The rules for session tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The keys that tokens are verified with.
    pub keys: KeySource,
    /// The rules for their claims. The authorized parties are empty only if `require_azp` is false: then
    /// `azp` is not checked.
    pub rules: TokenRules,
    /// Whether the token may come in a cookie.
    pub(crate) cookie: bool,
}

/// Reads which session tokens are accepted.
pub(super) fn token_settings(
    written: &WrittenPlanGate<'_>,
    shared: &SharedValues<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> TokenSettings {
    let audience = names::list(&written.audience, AUDIENCES_MAX, "plan_gate.audience", names::text);
    let clock_skew =
        names::between(written.clock_skew_s, 0..=CLOCK_SKEW_S_MAX, "seconds", "plan_gate.clock_skew_s");
    TokenSettings {
        keys: keys(written, shared, secrets, problems),
        rules: TokenRules {
            issuer: problems.keep_or_default(address::issuer(written.issuer, "plan_gate.issuer")),
            authorized_parties: problems.keep_or_default(authorized_parties(written)),
            require_azp: written.require_azp,
            audience: problems.keep_or_default(audience),
            clock_skew: Duration::from_secs(problems.keep_or_default(clock_skew)),
        },
        cookie: written.cookie,
    }
}

fn keys(
    written: &WrittenPlanGate<'_>,
    shared: &SharedValues<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> KeySource {
    match &written.keys {
        WrittenKeys::Pem(entry) => {
            KeySource::Pem(problems.keep_or_default(secrets.pem(entry, "plan_gate.keys.pem")))
        }
        WrittenKeys::Jwks(jwks) => self::jwks(jwks, written.issuer, shared, secrets, problems),
    }
}

fn jwks(
    written: &Jwks<'_>,
    issuer: &str,
    shared: &SharedValues<'_>,
    secrets: Secrets<'_>,
    problems: &mut Problems,
) -> KeySource {
    const AT: &str = "plan_gate.keys.jwks";
    let of_issuer = address::url_authority(issuer).unwrap_or_default();
    let authority = written.authority.unwrap_or(&of_issuer);
    // The Frontend API's key set is public, so the secret key must not be sent there.
    let wants_key = authority.eq_ignore_ascii_case(shared.clerk_authority);
    let authorization = if wants_key { secrets.clerk_key(&shared.api_keys) } else { Ok(None) };
    // If the application proxies the Frontend API, the key set is below the proxy's path.
    let parent = if authority.eq_ignore_ascii_case(&of_issuer) { address::url_path(issuer) } else { "" };
    let path = written.path.map_or_else(|| [parent, JWKS_PATH].concat(), str::to_owned);
    let path = problems.keep_or_default(address::path(&path, &field(AT, "path")));
    let written = super::document::WrittenUpstream {
        cluster: written.cluster,
        authority: Some(authority),
        base_path: Some(""),
        timeout_ms: written.timeout_ms,
    };
    KeySource::Jwks { upstream: upstream(&written, &upstream::CLERK, authorization, AT, problems), path }
}

fn authorized_parties(written: &WrittenPlanGate<'_>) -> Checked<Vec<String>> {
    const PATH: &str = "plan_gate.authorized_parties";
    let parties = names::list(&written.authorized_parties, PARTIES_MAX, PATH, address::origin)?;
    if parties.is_empty() && written.require_azp {
        let cure = "list the origins of your web applications, like `[https://app.example.com]`; with native \
                    clients only, write `require_azp: false`";
        return Err(ConfigError::new(PATH, "the list is empty, so that no token could pass", cure));
    }
    Ok(parties)
}
