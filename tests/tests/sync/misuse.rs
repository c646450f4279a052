//! Wrong arguments or configurations are reported with location and fix, and no API is called.

use crate::run::Shop;

#[tokio::test]
async fn wrong_arguments_and_configurations_are_refused_before_any_call() {
    let shop = Shop::open().await;
    std::fs::write(shop.file("broken.state"), "{}").expect("a file");
    std::fs::write(shop.file("empty.yaml"), "kind: Nothing\n").expect("a file");
    let broken = shop.file("broken.state");
    let cases: [(&[&str], &str); 6] = [
        (&[], "required arguments were not provided"),
        (&["--all", "--subject", "user_a"], "cannot be used with"),
        (&["--customer", "cus_a/b"], "printable ASCII characters"),
        (&["--subject", "acme"], "expected `user_…` or `org_…`"),
        (&["--all", "--apply", "--exit-code"], "cannot be used with"),
        (&["--all", "--resume", &broken], "is not a file of `tollgate sync --resume`"),
    ];
    for (arguments, want) in cases {
        let output = shop.sync(arguments).await;
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(output.err.contains(want), "{arguments:?}: {}", output.err);
    }
    assert!(shop.stripe.log().entries().is_empty() && shop.clerk.log().entries().is_empty());
}

#[tokio::test]
async fn a_missing_key_or_document_is_named_in_the_error() {
    let shop = Shop::open().await;
    std::fs::write(shop.file("empty.yaml"), "kind: Nothing\n").expect("a file");
    let run = async |file: &str, keys: &[(&str, &str)]| {
        let mut command = tokio::process::Command::new(tollgate_tests::install::command::built());
        command.args(["sync", "--all", "--config", &shop.file(file)]).env_clear().envs(keys.iter().copied());
        crate::run::CommandOutput::new(command.output().await.expect("it ends"))
    };
    let keys = [("STRIPE_API_KEY", "sk_test_1"), ("CLERK_SECRET_KEY", "sk_test_2")];
    let cases = [
        ("tollgate.json", &keys[1..], "STRIPE_API_KEY: is not set"),
        ("tollgate.json", &keys[..1], "CLERK_SECRET_KEY: is not set"),
        ("none.json", &keys[..], "cannot be read"),
        ("empty.yaml", &keys[..], "there is no document with a section `stripe_webhook`"),
    ];
    for (file, keys, want) in cases {
        let output = run(file, keys).await;
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.err.contains(want), "{file}: {}", output.err);
    }
}
