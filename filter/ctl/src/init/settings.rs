//! The values of a new gateway, checked by the rules of the document.

use super::answers::Answers;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};
use tollgate_core::config;

/// The arguments, by the paths of the document where their values stand.
const ARGUMENTS: [(&str, &str); 4] = [
    ("plan_gate.issuer", "--issuer"),
    ("plan_gate.authorized_parties", "--authorized-party"),
    ("plans", "--plan"),
    ("", "the document"),
];

/// The name of the limit that all plans have.
pub(super) const LIMIT: &str = "requests";
/// The requests per minute of the first plan; each further plan has ten times as many, up to a maximum.
const PER_MINUTE: u64 = 60;
const PER_MINUTE_MAX: u64 = 60_000;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewPlan {
    pub(super) name: String,
    pub(super) prices: Vec<String>,
    pub(super) per_minute: u64,
}

/// The values of a new gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GatewaySettings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) issuer: String,
    pub(super) authorized_parties: Vec<String>,
    pub(super) plans: Vec<NewPlan>,
}

impl GatewaySettings {
    /// Checks the values.
    ///
    /// # Errors
    /// The first wrong argument, with the fix.
    pub(super) fn read(answers: &Answers) -> Result<Self, String> {
        let (host, port) = backend(&answers.backend)?;
        let settings = GatewaySettings {
            host,
            port,
            issuer: answers.issuer.clone(),
            authorized_parties: answers.authorized_parties.clone(),
            plans: plans(&answers.plans)?,
        };
        match config::check(settings.document().to_string().as_bytes()) {
            Ok(()) => Ok(settings),
            Err(errors) => {
                let errors: Vec<String> =
                    errors.iter().map(|error| by_argument(&error.to_string())).collect();
                Err(errors.join("\n"))
            }
        }
    }

    /// Returns the document with these values.
    fn document(&self) -> Value {
        let plan = |plan: &NewPlan| {
            let limit = json!([{"max": plan.per_minute, "per": "minute"}]);
            json!({"name": plan.name, "prices": plan.prices, "limits": {LIMIT: limit}})
        };
        json!({
            "plans": self.plans.iter().map(plan).collect::<Vec<_>>(),
            "plan_gate": {
                "issuer": self.issuer,
                "keys": {"pem": {"env": "CLERK_JWT_KEY"}},
                "authorized_parties": self.authorized_parties,
                "rules": [{"name": "all", "path_prefix": "/", "limit": LIMIT}],
            },
        })
    }
}

/// Returns an error about the document as one about the argument.
fn by_argument(error: &str) -> String {
    let found = ARGUMENTS.iter().find_map(|(path, argument)| Some((argument, error.strip_prefix(path)?)));
    match found {
        Some((argument, rest)) => format!("{argument}{rest}"),
        None => error.to_owned(),
    }
}

/// Returns host and port of the service.
fn backend(text: &str) -> Result<(String, u16), String> {
    let wrong = |why: &str, cure: &str| Err(format!("--backend: {text:?} {why}; {cure}"));
    if text.starts_with("https://") {
        return wrong("speaks TLS", "name its plain HTTP port, and add TLS to the cluster `upstream` later");
    }
    let authority = text.strip_prefix("http://").unwrap_or(text);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let Some((host, port)) = authority.rsplit_once(':') else {
        return wrong("has no port", "write host and port, like 127.0.0.1:8000");
    };
    let is_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_digits && *port > 0);
    let Some(port) = port else { return wrong("has no valid port", "a port is 1 to 65535, without a path") };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => Ok((address.to_owned(), port)),
        None if is_host(host) => Ok((host.to_owned(), port)),
        _ => wrong(
            "has no valid host",
            "write host and port, like 127.0.0.1:8000, api.internal:8000, or [::1]:8000",
        ),
    }
}

/// Returns whether a text is an IPv4 address, or a name in DNS: labels of up to 63 letters, digits, `-` and `_`.
fn is_host(text: &str) -> bool {
    const NAME_BYTES_MAX: usize = 253;
    const LABEL_BYTES_MAX: usize = 63;
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_inside)
            && !label.starts_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = text.len() <= NAME_BYTES_MAX && text.split('.').all(is_label);
    // A name whose last label is a number is meant as an address.
    is_name && (!text.rsplit('.').next().is_some_and(is_number) || text.parse::<Ipv4Addr>().is_ok())
}

/// Returns whether a text is a key or a secret of Stripe or Clerk.
fn is_secret(text: &str) -> bool {
    ["sk_", "rk_", "pk_", "whsec_"].iter().any(|prefix| text.starts_with(prefix))
}

fn plans(texts: &[String]) -> Result<Vec<NewPlan>, String> {
    let mut plans = Vec::new();
    let mut per_minute = PER_MINUTE;
    for (index, text) in texts.iter().enumerate() {
        let (name, prices) = text.split_once('=').unwrap_or((text, ""));
        let prices: Vec<String> =
            prices.split(',').map(str::trim).filter(|price| !price.is_empty()).map(str::to_owned).collect();
        if index == 0 && !prices.is_empty() {
            return Err(format!(
                "--plan: {name:?} has a price and is the first plan, which everyone has without paying for it; name a plan \
                 without a price before it: --plan free --plan {text}"
            ));
        }
        if index > 0 && prices.is_empty() {
            return Err(format!(
                "--plan: {name:?} has no price, so that it cannot be bought; write {name}=price_…"
            ));
        }
        let is_id =
            |price: &String| price.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !prices.iter().all(is_id) || prices.iter().any(|price| is_secret(price)) {
            // Not repeated: it may be a key.
            return Err(format!(
                "--plan: {name:?} has a price that is none; write the ids of prices, separated by commas, like \
                 {name}=price_1AbC,price_2DeF"
            ));
        }
        if let Some(product) = prices.iter().find(|price| price.starts_with("prod_")) {
            return Err(format!(
                "--plan: {product:?} is a product, and a plan is bought by its prices; write the ids of the prices, which \
                 begin with price_: the product's page in Stripe's dashboard lists them under *Pricing*"
            ));
        }
        plans.push(NewPlan { name: name.trim().to_owned(), prices, per_minute });
        per_minute = per_minute.saturating_mul(10).min(PER_MINUTE_MAX);
    }
    Ok(plans)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::init) fn answers() -> Answers {
        Answers {
            backend: "http://127.0.0.1:8000".to_owned(),
            issuer: "https://clerk.shop.example".to_owned(),
            authorized_parties: vec!["https://app.shop.example".to_owned()],
            plans: vec!["free".to_owned(), "pro=price_1,price_2".to_owned()],
        }
    }

    #[test]
    fn a_wrong_value_is_named_by_its_argument() {
        type Change = fn(&mut Answers);
        let cases: [(Change, &str); 14] = [
            (|a| a.plans = vec!["free".to_owned(), "pro=sk_live_1".to_owned()], "a price that is none"),
            (|a| a.plans = vec!["free".to_owned(), "pro=price_1 price_2".to_owned()], "a price that is none"),
            (|a| a.backend = "https://127.0.0.1:8000".to_owned(), "--backend: "),
            (|a| a.backend = "127.0.0.1".to_owned(), "has no port"),
            (|a| a.backend = "127.0.0.1:0".to_owned(), "1 to 65535"),
            (|a| a.backend = "127.0.0.1:8000/api".to_owned(), "1 to 65535"),
            (|a| a.backend = "a b:80".to_owned(), "no valid host"),
            (|a| a.issuer = "clerk.shop.example".to_owned(), "--issuer: "),
            (
                |a| a.authorized_parties = vec!["https://app.shop.example/".to_owned()],
                "--authorized-party[0]: ",
            ),
            (|a| a.plans = vec!["free".to_owned(), "pro".to_owned()], "write pro=price_…"),
            (|a| a.plans = vec!["free".to_owned(), "free=price_1".to_owned()], "--plan[1].name: "),
            (|a| a.plans = vec!["free".to_owned(), "pro=prod_1".to_owned()], "write the ids of the prices"),
            (|a| a.plans = vec!["pro=price_1".to_owned()], "--plan free --plan pro=price_1"),
            (|a| a.issuer = "https://api.clerk.com".to_owned(), "--issuer: "),
        ];
        assert!(GatewaySettings::read(&answers()).is_ok());
        for (change, want) in cases {
            let mut answers = answers();
            change(&mut answers);
            let error = GatewaySettings::read(&answers).unwrap_err();
            assert!(error.contains(want) && !error.contains("sk_live_1"), "{want}: {error}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (text, want) in [
            ("api:80", ("api", 80)),
            ("http://api.internal:8000/", ("api.internal", 8000)),
            ("[::1]:8000", ("::1", 8000)),
            ("10.0.0.7:80", ("10.0.0.7", 80)),
            ("my_api-1.default.svc.cluster.local:80", ("my_api-1.default.svc.cluster.local", 80)),
        ] {
            assert_eq!(backend(text), Ok((want.0.to_owned(), want.1)), "{text}");
        }
        let long = format!("{}:80", "a".repeat(64));
        for text in
            ["a:80:80", "::1:8000", "[a]:80", "[::1]", "a..b:80", "999.9.9.9:80", "1.2.3:80", "a:+80", &long]
        {
            assert!(backend(text).is_err(), "{text}");
        }
    }
}
