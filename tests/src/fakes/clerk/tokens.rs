//! Session tokens as Clerk issues them, and every way in which one can be wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512};
use serde_json::{Map, Value, json};

use super::keys::KeyPair;

/// The lifetime of Clerk's session tokens by default, in seconds.
pub const LIFE_S: i64 = 60;

/// The `cat` of a session token.
pub const CATEGORY_SESSION: &str = "cl_B7d4PD111AAA";
/// The `cat` of a token from a custom template: no session.
pub const CATEGORY_TEMPLATE: &str = "cl_B7d4PD222AAA";
/// The `cat` of a machine-to-machine token: no session.
pub const CATEGORY_MACHINE: &str = "cl_B7d4PD333AAA";

/// A token before it is signed. Any header parameter and any claim can be changed.
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: &'static KeyPair,
}

impl Token {
    /// Returns a session token of version 2 for a user, issued at `now` (Unix seconds), valid for a minute,
    /// to be signed with [`KeyPair::first`]. It has no metadata.
    pub fn session(user: &str, now: i64) -> Self {
        let key = KeyPair::first();
        let header = json!({"alg": "RS256", "cat": CATEGORY_SESSION, "kid": key.kid(), "typ": "JWT"});
        let claims = json!({
            "azp": "https://app.example.com",
            "exp": now + LIFE_S,
            "fva": [0, -1],
            "iat": now,
            "iss": "https://clerk.example.com",
            // Clerk allows for clocks that are a little slow.
            "nbf": now - 10,
            "sid": format!("sess_{}", user.trim_start_matches("user_")),
            "sts": "active",
            "sub": user,
            "v": 2,
        });
        Token { header: object(header), claims: object(claims), key }
    }

    /// Returns a session token of version 1: without `v`, `sts` and `fva`.
    pub fn session_v1(user: &str, now: i64) -> Self {
        Self::session(user, now).without_claim("v").without_claim("sts").without_claim("fva")
    }

    /// Sets the issuer.
    #[must_use]
    pub fn issuer(self, url: &str) -> Self {
        self.claim("iss", json!(url))
    }

    /// Adds or replaces a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets `public_metadata` to an object with `plan`.
    #[must_use]
    pub fn plan(self, plan: &str) -> Self {
        self.claim("public_metadata", json!({"plan": plan}))
    }

    /// Adds or replaces a header parameter.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// Removes a header parameter.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Marks the token as reissued at the edge: its claims were read from the database at that time (Unix
    /// seconds).
    #[must_use]
    pub fn claims_read_at(self, at: i64) -> Self {
        self.header("oiat", json!(at))
    }

    /// Adds an active organization, in the form of the token's version. `role` is without `org:`.
    #[must_use]
    pub fn organization(self, id: &str, role: &str) -> Self {
        let slug = id.trim_start_matches("org_").to_lowercase();
        if self.claims.contains_key("v") {
            return self.claim("o", json!({"id": id, "rol": role, "slg": slug}));
        }
        self.claim("org_id", json!(id))
            .claim("org_role", json!(format!("org:{role}")))
            .claim("org_slug", json!(slug))
            .claim("org_permissions", json!([]))
    }

    /// Adds the claims of Clerk Billing: `pla` (`u:pro`, `o:team`) and `fea`.
    #[must_use]
    pub fn billing(self, plans: &str, features: &str) -> Self {
        self.claim("pla", json!(plans)).claim("fea", json!(features))
    }

    /// Selects the key that signs the token and whose `kid` the header names.
    #[must_use]
    pub fn key(self, key: &'static KeyPair) -> Self {
        let mut token = self.header("kid", json!(key.kid()));
        token.key = key;
        token
    }

    /// Signs with the algorithm of the header if that is RS384 or RS512, and with RS256 otherwise.
    pub fn sign(&self) -> String {
        self.sign_with(self.key)
    }

    /// Signs with another key than the one that the header names.
    pub fn sign_with(&self, key: &KeyPair) -> String {
        let input = self.signing_input();
        let signature = match self.header.get("alg").and_then(Value::as_str) {
            Some("RS384") => key.sign(&RSA_PKCS1_SHA384, input.as_bytes()),
            Some("RS512") => key.sign(&RSA_PKCS1_SHA512, input.as_bytes()),
            _ => key.sign(&RSA_PKCS1_SHA256, input.as_bytes()),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Returns the token with `alg: none` and an empty signature.
    pub fn unsigned(self) -> String {
        format!("{}.", self.header("alg", json!("none")).signing_input())
    }

    /// Signs with `alg: HS256` and that secret. The known attack uses the PEM of the public key as the
    /// secret.
    pub fn sign_hs256(self, secret: &[u8]) -> String {
        let input = self.header("alg", json!("HS256")).signing_input();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// Returns the header as JSON text.
    pub fn header_json(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    /// Returns the claims as JSON text.
    pub fn claims_json(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    fn signing_input(&self) -> String {
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}", encode(self.header_json()), encode(self.claims_json()))
    }
}

/// Signs exactly these bytes with RS256: duplicate keys, invalid JSON, bytes that are not text.
pub fn sign_raw(key: &KeyPair, header: &[u8], claims: &[u8]) -> String {
    sign_encoded(key, &URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(claims))
}

/// Signs parts that are encoded already, correctly or not.
pub fn sign_encoded(key: &KeyPair, header: &str, claims: &str) -> String {
    let input = format!("{header}.{claims}");
    let signature = key.sign(&RSA_PKCS1_SHA256, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use rsa::RsaPublicKey;
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    use rsa::pkcs8::DecodePublicKey;
    use rsa::signature::Verifier;

    use super::*;

    fn part(token: &str, index: usize) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()
    }

    fn verifies(token: &str, pem: &str) -> bool {
        let key = VerifyingKey::<rsa::sha2::Sha256>::new(RsaPublicKey::from_public_key_pem(pem).unwrap());
        let (input, _) = token.rsplit_once('.').unwrap();
        key.verify(input.as_bytes(), &Signature::try_from(&part(token, 2)[..]).unwrap()).is_ok()
    }

    #[test]
    fn a_session_token_verifies_with_its_own_public_key_only() {
        let token = Token::session("user_1", 1000).plan("pro").sign();
        assert!(verifies(&token, &KeyPair::first().pem()));
        assert!(!verifies(&token, &KeyPair::second().pem()));
        assert!(verifies(
            &Token::session("user_1", 1000).sign_with(KeyPair::second()),
            &KeyPair::second().pem()
        ));
        assert!(verifies(&sign_raw(KeyPair::first(), b"\xff", b"{"), &KeyPair::first().pem()));
        let header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
        let want = json!({"alg": "RS256", "typ": "JWT", "cat": "cl_B7d4PD111AAA", "kid": "ins_key1"});
        assert_eq!(header, want);
        let claims: Value = serde_json::from_slice(&part(&token, 1)).unwrap();
        assert_eq!((&claims["exp"], &claims["public_metadata"]["plan"]), (&json!(1060), &json!("pro")));
    }

    #[test]
    fn an_organization_takes_the_form_of_the_tokens_version() {
        let v2 = Token::session("user_1", 0).organization("org_1", "admin");
        assert_eq!(v2.claims["o"], json!({"id": "org_1", "rol": "admin", "slg": "1"}));
        let v1 = Token::session_v1("user_1", 0).organization("org_1", "admin");
        assert_eq!((&v1.claims["org_id"], &v1.claims["org_role"]), (&json!("org_1"), &json!("org:admin")));
        assert!(!v1.claims.contains_key("o") && !v1.claims.contains_key("v"));
    }

    #[test]
    fn forged_tokens_have_the_intended_form() {
        let token = Token::session("user_1", 0);
        let none = token.clone().unsigned();
        assert!(none.ends_with('.') && part(&none, 0).starts_with(br#"{"alg":"none","#));
        let pem = KeyPair::first().pem();
        let hs256: Value =
            serde_json::from_slice(&part(&token.clone().sign_hs256(pem.as_bytes()), 0)).unwrap();
        assert_eq!(hs256["alg"], "HS256");
        let other_key = token.key(KeyPair::second());
        assert_eq!(other_key.header["kid"], "ins_tollgate0002");
        assert!(verifies(&other_key.sign(), &KeyPair::second().pem()));
    }
}
