//! The libraries of Svix and of Standard Webhooks accept what Tollgate accepts, and the other way round.
//! Where they do not agree, the reason is beside the case.

use crate::script;
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::clerk::signature::{SvixSignatureError, verify};
use tollgate_core::clerk::signing_key::SigningKey;
use tollgate_core::http::HeaderMap;
use tollgate_core::time::Micros;
use tollgate_tests::fakes::clerk::billing::{ClerkEvent, signed_fields};
use tollgate_tests::fakes::server::unix_now;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const LIBRARIES: [&str; 2] = ["svix", "standardwebhooks"];
const TOLERANCE: Duration = Duration::from_secs(300);

/// The types of the events.
const KINDS: [&str; 17] = [
    "subscription.created",
    "subscription.updated",
    "subscription.active",
    "subscription.pastDue",
    "subscriptionItem.updated",
    "subscriptionItem.active",
    "subscriptionItem.canceled",
    "subscriptionItem.upcoming",
    "subscriptionItem.ended",
    "subscriptionItem.pastDue",
    "subscriptionItem.freeTrialEnding",
    "paymentAttempt.created",
    "paymentAttempt.updated",
    "user.created",
    "user.deleted",
    "organization.created",
    "organization.deleted",
];

/// Returns more than a hundred bodies, also with bytes that a parser or printer of JSON would change.
fn bodies() -> Vec<String> {
    let of_kind = |kind: &str| {
        let event = |name: &str| ClerkEvent::new(ID, kind, 1_790_000_000, json!({"first_name": name})).json;
        let pretty = serde_json::to_string_pretty(&event("Ada")).expect("JSON");
        [
            event("Ada").to_string(),
            pretty.replace('\n', "\r\n"),
            pretty + "\n",
            event("Zoë 東京 🚪 \u{feff}\u{2028}").to_string(),
            event("Zo").to_string().replace("Zo", "Zo\\u00eb \\/ \\ud83d\\udeaa"),
            event(&"long ".repeat(2_000)).to_string(),
        ]
    };
    let bodies: Vec<String> = KINDS.into_iter().flat_map(of_kind).collect();
    assert!(bodies.len() >= 100);
    bodies
}

/// Returns what the libraries return for each call.
async fn call(calls: &[Value]) -> Vec<String> {
    let output =
        script::run("tests/contracts/svix_sdk.py", "tests/svix-requirements.txt", &json!(calls)).await;
    let answers = output["answers"].as_array().expect("a list");
    answers.iter().map(|answer| answer.as_str().expect("a text").to_owned()).collect()
}

fn verified(
    fields: &[(&str, String)],
    body: &str,
    secrets: &[&str],
    now: i64,
) -> Result<i64, SvixSignatureError> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let keys: Vec<SigningKey> =
        secrets.iter().map(|secret| SigningKey::parse(secret).expect("a secret")).collect();
    let now = Micros::from_secs(now.try_into().expect("after 1970"));
    let (_, signed_at) = verify(&HeaderMap::from_fields(fields), body.as_bytes(), &keys, now, TOLERANCE)?;
    Ok(signed_at.as_secs().try_into().expect("a time"))
}

#[tokio::test]
async fn signatures_of_both_libraries_are_accepted() {
    let (bodies, now) = (bodies(), unix_now());
    let to_sign = |library: &str, body: &str| {
        let arguments =
            json!({"library": library, "secret": SECRET, "id": ID, "timestamp": now, "body": body});
        json!({"sign": arguments})
    };
    let cases: Vec<_> =
        bodies.iter().flat_map(|body| LIBRARIES.map(|library| (library, body.as_str()))).collect();
    let calls: Vec<_> = cases.iter().map(|(library, body)| to_sign(library, body)).collect();
    for ((library, body), signature) in cases.into_iter().zip(call(&calls).await) {
        let fields = |names: [&'static str; 3]| {
            names.into_iter().zip([ID.to_owned(), now.to_string(), signature.clone()]).collect::<Vec<_>>()
        };
        for fields in [
            fields(["svix-id", "svix-timestamp", "svix-signature"]),
            fields(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        ] {
            assert_eq!(verified(&fields, body, &[SECRET], now), Ok(now), "{library}: {signature}");
            assert_eq!(
                verified(&fields, body, &[OTHER, SECRET], now + 300),
                Ok(now),
                "{library}: the second secret"
            );
            let no_match = SvixSignatureError::NoMatch { signatures: 1, keys: 1 };
            assert_eq!(verified(&fields, body, &[OTHER], now), Err(no_match.clone()), "{library}");
            assert_eq!(verified(&fields, &format!("{body} "), &[SECRET], now), Err(no_match), "{library}");
        }
    }
}

/// A webhook, and what Tollgate and the libraries decide.
struct Case {
    why: &'static str,
    fields: Vec<(&'static str, String)>,
    tollgate: bool,
    libraries: bool,
}

/// Returns webhooks with that body. `accepted` is the decision of all, unless the case names two.
fn cases(body: &str, now: i64) -> Vec<Case> {
    let at = |secrets: &[&str], timestamp: i64| {
        signed_fields(ID, secrets, &timestamp.to_string(), body.as_bytes()).to_vec()
    };
    let case = |why, fields, accepted| Case { why, fields, tollgate: accepted, libraries: accepted };
    let signature = |change: &dyn Fn(&str) -> String| {
        let mut fields = at(&[SECRET], now);
        fields[2].1 = change(&fields[2].1);
        fields
    };
    let named = |fields: Vec<(&'static str, String)>| {
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        names.into_iter().zip(fields).map(|(name, (_, value))| (name, value)).collect::<Vec<_>>()
    };
    let dotted = signed_fields("msg.1", &[SECRET], &now.to_string(), body.as_bytes()).to_vec();
    let mut fraction = at(&[SECRET], now);
    fraction[1].1 += ".5";
    vec![
        case("one secret", at(&[SECRET], now), true),
        case("names of Standard Webhooks", named(at(&[SECRET], now)), true),
        case("while a secret is rotated: ours first", at(&[SECRET, OTHER], now), true),
        case("while a secret is rotated: ours last", at(&[OTHER, SECRET], now), true),
        case("beside an asymmetric one", signature(&|own| format!("v1a,AAAA {own}")), true),
        case("another secret", at(&[OTHER], now), false),
        case("only an asymmetric one", signature(&|own| own.replace("v1,", "v1a,")), false),
        case("none", signature(&|_| String::new()), false),
        case("without an id", at(&[SECRET], now)[1..].to_vec(), false),
        case("an hour old", at(&[SECRET], now - 3_600), false),
        case("an hour early", at(&[SECRET], now + 3_600), false),
        Case {
            // A library for Python ends with an error that it does not declare. A later version of the
            // scheme may have items of another form, which must not disable those of today.
            why: "beside an item without a comma",
            fields: signature(&|own| format!("later {own}")),
            tollgate: true,
            libraries: false,
        },
        Case {
            // A dot could move the border between the id and the timestamp in what is signed.
            why: "an id with a dot",
            fields: dotted,
            tollgate: false,
            libraries: true,
        },
        Case {
            // The libraries sign the whole seconds of whatever number it is. Svix sends digits.
            why: "a timestamp with a fraction",
            fields: fraction,
            tollgate: false,
            libraries: true,
        },
        Case {
            // Python ignores characters that are not base64.
            why: "a signature with other characters in between",
            fields: signature(&|own| own.replacen("v1,", "v1,?", 1)),
            tollgate: false,
            libraries: true,
        },
    ]
}

#[tokio::test]
async fn both_libraries_decide_as_tollgate_does() {
    let (now, mut calls, mut want) = (unix_now(), Vec::new(), Vec::new());
    for body in bodies() {
        for case in cases(&body, now) {
            let own = verified(&case.fields, &body, &[SECRET], now).is_ok();
            assert_eq!(own, case.tollgate, "{}", case.why);
            let headers: serde_json::Map<String, Value> =
                case.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            for library in LIBRARIES {
                // That of Standard Webhooks knows only its own names.
                let headers: serde_json::Map<String, Value> = match library {
                    "svix" => headers.clone(),
                    _ => headers
                        .iter()
                        .map(|(name, value)| (name.replace("svix-", "webhook-"), value.clone()))
                        .collect(),
                };
                calls.push(json!({"check": {
                    "library": library, "secret": SECRET, "headers": headers, "body": body,
                }}));
                want.push((library, case.why, case.libraries));
            }
        }
    }
    for ((library, why, accepted), answer) in want.into_iter().zip(call(&calls).await) {
        assert_eq!(answer == "accepted", accepted, "{library}, {why}: {answer}");
    }
}
