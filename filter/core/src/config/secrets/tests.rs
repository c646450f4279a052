//! Tests of valid and invalid environment variables. No error shows a value.

use super::*;

fn set<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn entry(env: &str) -> FromEnvironment<'_> {
    FromEnvironment { env }
}

#[test]
fn signing_secrets_are_separated_by_commas() {
    let pairs = [("S", " whsec_a , whsec_b\n")];
    let secrets = Secrets::From(&set(&pairs)).signing(&entry("S"), "p").unwrap();
    assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["whsec_a", "whsec_b"]);
}

#[test]
fn an_invalid_signing_secret_is_refused_and_not_shown() {
    let nine = ["whsec_x"; 9].join(",");
    let cases = [
        (
            "not set",
            None,
            "S is not set; set it for Envoy; for a Wasm filter, also add S to its vm_config.environment",
        ),
        ("empty", Some(""), "S is set but blank"),
        ("blanks", Some(" \n"), "S is set but blank"),
        ("a blank one at the end", Some("whsec_x,"), "blank secret at position 2"),
        ("a blank one in the middle", Some("whsec_x, ,whsec_x"), "blank secret at position 2"),
        ("an API key", Some("sk_live_x"), "no signing secret at position 1"),
        ("an endpoint's id", Some("whsec_x,we_x"), "no signing secret at position 2"),
        ("too many", Some(&nine), "holds 9 secrets"),
        ("another word", Some("secret_x"), "no signing secret at position 1"),
        ("without the prefix", Some("whsec_x,_x"), "no signing secret at position 2"),
        ("the prefix in capitals", Some("WHSEC_x"), "no signing secret at position 1"),
        ("nothing after the prefix", Some("whsec_"), "no signing secret at position 1"),
        ("a blank inside", Some("whsec_a _x"), "a blank or a character that no secret has at position 1"),
        (
            "two without a comma",
            Some("whsec_x\nwhsec_x"),
            "a blank or a character that no secret has at position 1",
        ),
        (
            "a letter outside ASCII",
            Some("whsec_ä_x"),
            "a blank or a character that no secret has at position 1",
        ),
        ("double quotes", Some("\"whsec_x\""), "S holds quotes around a value; remove them"),
        ("single quotes", Some(" 'whsec_x' "), "S holds quotes around a value; remove them"),
        ("curly quotes", Some("“whsec_x”"), "S holds quotes around a value; remove them"),
        ("one quote", Some("whsec_x'"), "S holds quotes around a value; remove them"),
        (
            "quotes around the second",
            Some("whsec_x,\"whsec_x\""),
            "S holds quotes around a value; remove them",
        ),
    ];
    for (why, value, words) in cases {
        let environment = |_: &str| value.map(str::to_owned);
        let error = Secrets::From(&environment).signing(&entry("S"), "p").unwrap_err();
        assert_eq!(error.path, "p.env");
        let line = error.to_string();
        assert!(line.contains(words), "{why}: {line}");
        assert!(!line.contains("_x"), "{why} shows a value: {line}");
    }
}

#[test]
fn a_value_in_place_of_a_name_is_refused_and_not_shown() {
    for wrong in ["whsec_abc", "", "A-B", "1A", "A B", "lower"] {
        let error = Secrets::NotRead.signing(&entry(wrong), "p").unwrap_err();
        assert_eq!(error.problem, "is not the name of an environment variable", "{wrong}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong));
    }
}

#[test]
fn an_api_key_is_optional_but_must_be_valid_and_unambiguous() {
    const A: &str = "STRIPE_API_KEY";
    const B: &str = "STRIPE_SECRET_KEY";
    let read = |pairs: &[(&str, &str)]| {
        let key = Secrets::From(&set(pairs)).stripe_key(&[]);
        key.map(|key| key.map(|key| key.expose().to_owned())).map_err(|error| error.to_string())
    };
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[(A, "sk_x")]), Ok(Some("sk_x".to_owned())));
    assert_eq!(read(&[(B, "rk_x\n")]), Ok(Some("rk_x".to_owned())));
    assert_eq!(read(&[(A, "sk_x"), (B, "sk_x")]), Ok(Some("sk_x".to_owned())));
    let cases = [
        (vec![(A, "sk_x"), (B, "sk_y")], "STRIPE_SECRET_KEY: differs from STRIPE_API_KEY"),
        (vec![(A, " ")], "STRIPE_API_KEY: the environment variable STRIPE_API_KEY is set but blank"),
        (vec![(A, "pk_x")], "STRIPE_API_KEY: is not a secret API key"),
        (vec![(A, "sk_x\r\nhost: y")], "STRIPE_API_KEY: holds a blank or a character"),
        (
            vec![(A, "\"sk_x\"")],
            "STRIPE_API_KEY: the environment variable STRIPE_API_KEY holds quotes around a value; remove them",
        ),
        (vec![(A, "Bearer sk_x")], "STRIPE_API_KEY: holds a blank or a character"),
    ];
    for (pairs, words) in cases {
        let error = read(&pairs).unwrap_err();
        assert!(error.starts_with(words), "{error}");
        assert!(!error.contains("sk_x"), "{error}");
    }
}

#[test]
fn an_api_key_that_the_document_lists_must_be_set() {
    let listed = [ApiKeyVariable::StripeSecretKey];
    let missing = Secrets::From(&set(&[])).stripe_key(&listed).unwrap_err().to_string();
    assert!(
        missing.starts_with("environment: the environment variable STRIPE_SECRET_KEY is not set"),
        "{missing}"
    );
    let either = Secrets::From(&set(&[("STRIPE_API_KEY", "sk_x")])).stripe_key(&listed).unwrap();
    assert_eq!(either.as_ref().and_then(|key| key.variable()), Some("STRIPE_API_KEY"), "alarms name it");
    assert!(either.is_some(), "one of Stripe's two names is enough");
    assert!(Secrets::From(&set(&[])).clerk_key(&listed).unwrap().is_none(), "Clerk's key is not listed");
    assert!(Secrets::NotRead.stripe_key(&listed).unwrap().is_none());
}

#[test]
fn public_keys_come_with_and_without_header_lines() {
    const A: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\nBBBB\n-----END PUBLIC KEY-----";
    const C: &str = "-----BEGIN PUBLIC KEY-----\nCCCC\n-----END PUBLIC KEY-----";
    let escaped = A.replace('\n', "\\n");
    let cases = [
        ("one", A.to_owned(), vec![A]),
        ("line breaks escaped", escaped.clone(), vec![A]),
        ("Windows line breaks", A.replace('\n', "\r\n"), vec![A]),
        ("two on end", format!("{A}\n{C}\n"), vec![A, C]),
        ("two with a comma", format!("{A},{C}"), vec![A, C]),
        ("two escaped", format!("{escaped}\\n{C}"), vec![A, C]),
        ("no header lines", "AAAA\nBBBB".to_owned(), vec!["AAAA\nBBBB"]),
        ("two without, with a comma", "AAAA, CCCC".to_owned(), vec!["AAAA", "CCCC"]),
        ("two without, with a blank line", "AAAA\n\nCCCC".to_owned(), vec!["AAAA", "CCCC"]),
        ("one without and one with", format!("AAAA\n{C}"), vec!["AAAA", C]),
    ];
    for (why, value, want) in cases {
        let keys = Secrets::From(&|_: &str| Some(value.clone())).pem(&entry("K"), "p").unwrap();
        assert_eq!(keys, want, "{why}");
    }
}

#[test]
fn an_invalid_public_key_is_refused_and_not_shown() {
    let nine = ["QUJD"; 9].join(",");
    let cases = [
        ("a private key", "-----BEGIN RSA PRIVATE KEY-----\nQUJD", "holds a private key"),
        ("an API key", "sk_live_QUJD", "holds no public key"),
        ("only commas", ",,", "holds no key"),
        ("too many", &nine, "holds too many keys"),
        ("quotes", "\"QUJD\"", "holds quotes around a value; remove them"),
        ("quotes around the second", "QUJD,'QUJD'", "holds quotes around a value; remove them"),
    ];
    for (why, value, words) in cases {
        let error =
            Secrets::From(&|_: &str| Some(value.to_owned())).pem(&entry("K"), "p").unwrap_err().to_string();
        assert!(error.contains(words), "{why}: {error}");
        assert!(!error.contains("QUJD"), "{why}: {error}");
    }
    assert_eq!(Secrets::NotRead.pem(&entry("K"), "p"), Ok(vec![]));
}

#[test]
fn a_signing_secret_of_clerk_is_a_key_in_base64() {
    let right = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let both = format!(" {right} , {right}\n");
    let read = |value: &str| {
        let environment = |_: &str| Some(value.to_owned());
        Secrets::From(&environment).clerk_signing(&entry("S"), "p").map(|keys| keys.len())
    };
    assert_eq!(read(right), Ok(1));
    assert_eq!(read(&both), Ok(2));
    assert_eq!(Secrets::NotRead.clerk_signing(&entry("S"), "p").map(|keys| keys.len()), Ok(0));
    let cases = [
        ("Stripe's", "whsec_5Ab9_xYz-0".to_owned(), "no signing secret at position 1"),
        ("a short key", "whsec_c2hvcnQ=".to_owned(), "no signing secret at position 1"),
        ("a short second", format!("{right},whsec_c2hvcnQ="), "no signing secret at position 2"),
        ("an extra comma", format!("{right},"), "blank secret at position 2"),
        ("an API key", "sk_test_c2hvcnQ".to_owned(), "no signing secret at position 1"),
    ];
    for (why, value, words) in cases {
        let line = read(&value).unwrap_err().to_string();
        assert!(line.contains(words), "{why}: {line}");
        assert!(!line.contains("c2hvcnQ") && !line.contains("C2FVsBQ"), "{why} shows a value: {line}");
    }
}
