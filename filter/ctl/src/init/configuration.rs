//! Envoy's configuration of a new gateway: the shipped one, with the given values, without the sections that
//! need further ones.

use super::settings::{GatewaySettings, LIMIT};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The configuration that is shipped and tested.
const SHIPPED: &str = include_str!("../../../../envoy/standalone.yaml");

/// The directory of modules and secrets in the shipped configuration.
const SHIPPED_DIRECTORY: &str = "/etc/tollgate";
/// The certificates of authorities in the shipped configuration.
const SHIPPED_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where systems keep the certificates of authorities: Debian, Red Hat, openSUSE, macOS and Alpine.
const CERTIFICATES: [&str; 4] =
    [SHIPPED_CERTIFICATES, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Returns the file of this system with the certificates of authorities; Debian's if there is none.
pub(super) fn certificates() -> PathBuf {
    let found = CERTIFICATES.into_iter().map(PathBuf::from).find(|file| file.is_file());
    found.unwrap_or_else(|| PathBuf::from(SHIPPED_CERTIFICATES))
}

/// Returns the configuration of a gateway in `directory`, which is an absolute path.
///
/// # Errors
/// If the path cannot stand in YAML, or the shipped configuration has another form.
pub(super) fn envoy(
    settings: &GatewaySettings,
    directory: &Path,
    certificates: &Path,
) -> Result<String, String> {
    let directory = directory.to_str().filter(|path| path.bytes().all(is_plain));
    let directory =
        directory.ok_or("DIR: its path has a character that YAML interprets; use another folder")?;
    let mut text = SHIPPED.to_owned();
    let end = text.find("\nadmin:").ok_or(OTHER_FORM)?;
    text.replace_range(..=end, &header(directory));
    cut(&mut text, "                    clerk_webhook:", "                    plan_gate:")?;
    cut(&mut text, "          - name: clerk_webhook\n", "          - name: plan_gate\n")?;
    let plans = plans(settings);
    replace_part(&mut text, "                    plans:", "                    stripe_webhook:", &plans)?;
    replace_line(&mut text, "issuer: ", &format!("issuer: {}", quoted(&settings.issuer)))?;
    let (first, rest) = settings.authorized_parties.split_first().ok_or("--authorized-party: none")?;
    let parties: String = rest.iter().map(|party| format!(", {}", quoted(party))).collect();
    let parties = format!("authorized_parties: [&app {}{parties}]", quoted(first));
    replace_line(&mut text, "authorized_parties: ", &parties)?;
    let origins: String = rest.iter().map(|party| format!(", {{exact: {}}}", quoted(party))).collect();
    let origins = format!("allow_origin_string_match: [{{exact: *app}}{origins}]");
    replace_line(&mut text, "allow_origin_string_match: ", &origins)?;
    let rule = format!("- {{name: all, path_prefix: /, limit: {LIMIT}}}");
    replace_line(&mut text, "- {name: ask,", &rule)?;
    remove_line(&mut text, "upgrade_url: ")?;
    let GatewaySettings { host, port, .. } = settings;
    let endpoint = format!(
        "- endpoint: {{address: {{socket_address: {{address: {}, port_value: {port}}}}}}}",
        quoted(host)
    );
    replace_line(&mut text, "- endpoint: {address: {socket_address: {address: 127.0.0.1,", &endpoint)?;
    let certificates = certificates.to_str().ok_or(OTHER_FORM)?;
    let text = text.replace(SHIPPED_CERTIFICATES, certificates).replace(SHIPPED_DIRECTORY, directory);
    Ok(text.lines().map(resolved).collect())
}

const OTHER_FORM: &str = "the shipped configuration has another form: report this as a bug";

/// Returns whether a byte of a path means the same in YAML.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte)
}

/// Returns a text as a YAML scalar in double quotes.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn header(directory: &str) -> String {
    format!(
        "# A gateway by `tollgate init`, for Envoy. README.md in this folder has the next steps. The files that Envoy reads\n\
         # are named by their full paths, below {directory}: change them if you move the folder.\n\
         # Lines marked MAY CHANGE work as they are for most.\n\n"
    )
}

/// Returns the plans, as the document has them.
fn plans(settings: &GatewaySettings) -> String {
    let mut text = "                    plans:               # MAY CHANGE: what each plan may do; lowest first, the first is \
                    everyone's\n"
        .to_owned();
    for plan in &settings.plans {
        text.push_str(&format!("                    - name: {}\n", quoted(&plan.name)));
        if !plan.prices.is_empty() {
            let prices: Vec<String> = plan.prices.iter().map(|price| quoted(price)).collect();
            text.push_str(&format!("                      prices: [{}]\n", prices.join(", ")));
        }
        let limit = format!("{LIMIT}: [{{max: {}, per: minute}}]", plan.per_minute);
        text.push_str(&format!("                      limits: {{{limit}}}\n"));
    }
    text
}

/// Returns the line without the mark of a value that is set. The paths of modules and secrets are.
fn resolved(line: &str) -> String {
    let is_set = ["filename: ", "path: /", "watched_directory: "].iter().any(|field| line.contains(field));
    let marked = line.split_once("# MAY CHANGE").or_else(|| line.split_once("# CHANGE"));
    match marked {
        Some((before, _)) if is_set => format!("{}\n", before.trim_end()),
        _ => format!("{line}\n"),
    }
}

/// Removes the text from the line that begins with `from` up to the next one that begins with `to`.
fn cut(text: &mut String, from: &str, to: &str) -> Result<(), String> {
    replace_part(text, from, to, "")
}

fn replace_part(text: &mut String, from: &str, to: &str, by: &str) -> Result<(), String> {
    let start = text.find(&format!("\n{from}")).ok_or(OTHER_FORM)?.saturating_add(1);
    let length = text.get(start..).and_then(|rest| rest.find(&format!("\n{to}"))).ok_or(OTHER_FORM)?;
    let end = start.saturating_add(length).saturating_add(1);
    text.replace_range(start..end, by);
    Ok(())
}

/// Replaces the only line that begins with `start` after its indentation.
fn replace_line(text: &mut String, start: &str, by: &str) -> Result<(), String> {
    let mut found = 0_usize;
    let lines = text.lines().map(|line| match line.trim_start().starts_with(start) {
        true => {
            found = found.saturating_add(1);
            let indentation = line.len().saturating_sub(line.trim_start().len());
            format!("{}{by}\n", " ".repeat(indentation))
        }
        false => format!("{line}\n"),
    });
    *text = lines.collect();
    if found == 1 { Ok(()) } else { Err(OTHER_FORM.to_owned()) }
}

fn remove_line(text: &mut String, start: &str) -> Result<(), String> {
    let before = text.lines().count();
    *text =
        text.lines().filter(|line| !line.trim_start().starts_with(start)).map(|l| format!("{l}\n")).collect();
    if text.lines().count().saturating_add(1) == before { Ok(()) } else { Err(OTHER_FORM.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::super::answers::Answers;
    use super::*;
    use crate::document;
    use serde_json::Value;

    fn settings() -> GatewaySettings {
        GatewaySettings::read(&Answers {
            backend: "api.internal:9000".to_owned(),
            issuer: "https://clerk.shop.example".to_owned(),
            authorized_parties: vec!["https://app.shop.example".to_owned(), "https://b.example".to_owned()],
            plans: vec!["free".to_owned(), "pro=price_1,price_2".to_owned()],
        })
        .unwrap()
    }

    #[test]
    fn the_configuration_has_the_values_and_no_placeholder() {
        let text = envoy(&settings(), Path::new("/srv/gateway"), Path::new("/etc/ssl/cert.pem")).unwrap();
        for placeholder in
            ["price_123", "example.com", "/etc/tollgate", "REPLACE_ME", "clerk_webhook", "billing"]
        {
            let found: Vec<&str> = text.lines().filter(|line| line.contains(placeholder)).collect();
            let is_comment = |line: &&str| line.trim_start().starts_with('#') || line.contains("tag_name");
            assert!(found.iter().all(is_comment), "{placeholder}: {found:#?}");
        }
        let contents = document::read(&text).unwrap();
        let documents: Vec<&Value> = contents.found.iter().map(|found| &found.document).collect();
        let [first, second] = documents[..] else { panic!("{} documents", documents.len()) };
        assert_eq!(first, second);
        assert_eq!(first["plans"][1]["prices"], serde_json::json!(["price_1", "price_2"]));
        assert_eq!(first["plan_gate"]["authorized_parties"][1], "https://b.example");
        assert_eq!(first["plan_gate"]["issuer"], "https://clerk.shop.example");
        assert!(first.get("billing").is_none() && first.get("clerk_webhook").is_none());
        for part in [
            "address: \"api.internal\", port_value: 9000",
            "filename: /srv/gateway/plan_gate.wasm",
            "path: /srv/gateway/secrets/stripe_api_key.yaml",
            "trusted_ca: {filename: /etc/ssl/cert.pem}",
            "{exact: *app}, {exact: \"https://b.example\"}",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn a_path_that_yaml_would_interpret_is_refused() {
        for path in ["/srv/a b", "/srv/a: b", "/srv/#a", "/srv/{a}"] {
            assert!(envoy(&settings(), Path::new(path), Path::new("/ca.pem")).is_err(), "{path}");
        }
    }
}
