//! What `tollgate check` prints about files that it cannot read, and about files with secrets.
#![allow(clippy::unwrap_used)] // A test.

use std::process::{Command, Output};

fn shipped(file: &str) -> String {
    std::fs::read_to_string(format!("{}/../../envoy/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Runs the command in a directory with these files.
fn check(files: &[(&str, &[u8])], arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(directory.path()).arg("check").args(arguments).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

#[test]
fn a_file_that_cannot_be_read_is_one_error_with_the_reason() {
    for (file, reason) in [
        ("missing.yaml", "there is no such file"),
        ("directory", "it is a directory; name the files in it"),
        ("binary.yaml", "it is no text in UTF-8"),
    ] {
        let output = check(&[("directory/a.yaml", b"a: 1"), ("binary.yaml", b"a: \xff")], &[file]);
        let want = format!("{file}: error[unreadable]: cannot be read: {reason}");
        assert!(printed(&output).starts_with(&want), "{output:?}");
        assert_eq!((printed(&output).lines().count(), output.status.code()), (1, Some(1)), "{output:?}");
    }
}

#[test]
fn a_file_with_nothing_to_check_is_an_error_beside_others() {
    let standalone = shipped("standalone.yaml");
    for bytes in [b"".as_slice(), b"# only this\n", b"rk_live_Own1\n", b"- 1\n"] {
        let output = check(&[("a.yaml", standalone.as_bytes()), ("b.yaml", bytes)], &["a.yaml", "b.yaml"]);
        let printed = printed(&output);
        assert!(printed.contains("b.yaml") && !printed.contains("Own1"), "{printed}");
        assert!(printed.contains("error[no_document]: nothing in it can be checked"), "{printed}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_secret_in_place_of_the_name_of_a_variable_is_not_shown() {
    for (file, variable) in [
        ("standalone.yaml", "STRIPE_WEBHOOK_SECRET"),
        ("standalone.yaml", "CLERK_JWT_KEY"),
        ("istio/tollgate.yaml", "CLERK_JWT_KEY"),
        ("envoy-gateway/tollgate.yaml", "CLERK_WEBHOOK_SIGNING_SECRET"),
    ] {
        let text = shipped(file).replace(&format!("{{env: {variable}}}"), "{env: whsec_Own1}");
        for arguments in [&["a.yaml"][..], &["--environment", "a.yaml"], &["--format", "json", "a.yaml"]] {
            let output = check(&[("a.yaml", text.as_bytes())], arguments);
            let printed = printed(&output);
            assert!(printed.contains("is not the name of an environment variable"), "{file}: {printed}");
            assert!(!printed.contains("Own1"), "{file}: {printed}");
        }
    }
}

#[test]
fn a_name_that_stands_twice_is_an_error_in_yaml_and_in_json() {
    let files: [(&str, &[u8]); 4] = [
        ("a.yaml", b"namespace: a\nplans: []\nnamespace: b\n"),
        ("a.json", b"{\"namespace\": \"a\", \"plans\": [],\n\"namespace\": \"b\"}"),
        ("b.yaml", b"x:\n- {a: 1, b: 2, a: 1}\n"),
        ("c.yaml", b"x: &x {a: 1}\ny: {a: 1, z: *x, w: [{a: 1}, {a: 1}]}\n---\nx: 1\n"),
    ];
    for (name, bytes) in files {
        let printed = printed(&check(&[(name, bytes)], &[name]));
        let position = match name {
            "a.yaml" => "a.yaml:3:1: error[repeated_name]: namespace: this name is also in line 1",
            "a.json" => "a.json:2:1: error[repeated_name]: namespace: this name is also in line 1",
            "b.yaml" => "b.yaml:2:16: error[repeated_name]: x[0].a: this name is also in line 2",
            _ => "",
        };
        assert_eq!(printed.contains("repeated_name"), !position.is_empty(), "{name}: {printed}");
        assert!(printed.contains(position), "{name}: {printed}");
    }
}

#[test]
fn a_file_named_as_json_must_be_json() {
    let output = check(&[("a.json", b"{\"plans\": [],}")], &["a.json"]);
    assert_eq!(printed(&output).lines().count(), 1, "{output:?}");
    assert!(printed(&output).starts_with("a.json:1:14: error[syntax]: key must be a string"), "{output:?}");
}

/// Returns Envoy's file with its files in the working directory, and the two key files.
fn gateway() -> (String, String, String) {
    let standalone =
        shipped("standalone.yaml").replace("/etc/tollgate", "gateway").replace("/etc/ssl", "gateway");
    let key = |name: &str| shipped(&format!("secrets/{name}.yaml.example")).replace("REPLACE_ME", "Own1");
    (standalone, key("stripe_api_key"), key("clerk_secret_key"))
}

#[test]
fn a_key_file_has_the_name_that_is_read_from_it() {
    let (standalone, stripe, clerk) = gateway();
    for (first, second, errors) in [(&stripe, &clerk, 0), (&clerk, &stripe, 2)] {
        let output = check(
            &[
                ("a.yaml", standalone.as_bytes()),
                ("gateway/secrets/stripe_api_key.yaml", first.as_bytes()),
                ("gateway/secrets/clerk_secret_key.yaml", second.as_bytes()),
            ],
            &["--environment", "a.yaml"],
        );
        assert_eq!(printed(&output).matches("error[invalid_key_file]").count(), errors, "{output:?}");
    }
}

#[test]
fn files_of_certificates_and_of_clusters_are_no_key_files() {
    let (standalone, stripe, clerk) = gateway();
    const SDS: &str = "transport_socket: {name: envoy.transport_sockets.tls, typed_config: {common_tls_context: \
                       {tls_certificate_sds_secret_configs: [{name: server, sds_config: {path_config_source: {path: server.yaml}}}]}}}\n      \
                       filters:";
    let standalone = standalone.replacen("filters:", SDS, 1);
    let standalone = format!(
        "{standalone}dynamic_resources: {{cds_config: {{path_config_source: {{path: cds.yaml}}}}}}\n"
    );
    let certificate = b"resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  \
                        name: server\n  tls_certificate: {certificate_chain: {filename: a.pem}, private_key: {filename: b.pem}}\n";
    let output = check(
        &[
            ("a.yaml", standalone.as_bytes()),
            ("server.yaml", certificate),
            ("cds.yaml", b"resources: []\n"),
            ("gateway/secrets/stripe_api_key.yaml", stripe.as_bytes()),
            ("gateway/secrets/clerk_secret_key.yaml", clerk.as_bytes()),
        ],
        &["--environment", "a.yaml", "server.yaml"],
    );
    assert!(!printed(&output).contains("invalid_key_file"), "{output:?}");
}
