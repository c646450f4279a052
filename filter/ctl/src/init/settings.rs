//! The values of a new gateway, checked by the rules of the document.

use super::answers::Answers;
use serde_json::{Value, json};
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
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return wrong("has no valid host", "write host and port, like 127.0.0.1:8000: no path");
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok((host.to_owned(), port)),
        _ => wrong("has no valid port", "a port is 1 to 65535"),
    }
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
        let cases: [(Change, &str); 12] = [
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
            assert!(error.contains(want), "{want}: {error}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (text, want) in [
            ("api:80", ("api", 80)),
            ("http://api.internal:8000/", ("api.internal", 8000)),
            ("[::1]:8000", ("::1", 8000)),
        ] {
            assert_eq!(backend(text), Ok((want.0.to_owned(), want.1)), "{text}");
        }
    }
}
