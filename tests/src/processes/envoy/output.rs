//! Everything that Envoy writes, counts, or shows: for tests of what must not be there.

use super::Envoy;

/// The pages of the admin interface.
const PAGES: [&str; 9] = [
    "/config_dump?include_eds",
    "/stats",
    "/stats?format=json&histogram_buckets=detailed",
    "/stats/prometheus",
    "/clusters",
    "/listeners",
    "/server_info",
    "/init_dump",
    "/certs",
];

/// Texts, each with the name of its source.
pub struct Output(Vec<(String, String)>);

impl Output {
    /// Reads the access log, the log, and the pages of the admin interface. `marker` is text of the last
    /// request in the access log, which Envoy writes with up to ten seconds of delay.
    ///
    /// # Panics
    /// If the marker does not come, or a page cannot be read.
    pub async fn read(envoy: &Envoy, marker: &str) -> Output {
        let mut texts = vec![("the access log".to_owned(), envoy.access_log_with(marker).await)];
        texts.push(("the log".to_owned(), envoy.log()));
        for path in PAGES {
            texts.push((path.to_owned(), page(envoy, path).await));
        }
        Output(texts)
    }

    /// Adds texts of another source.
    pub fn add(&mut self, source: &str, texts: impl IntoIterator<Item = String>) {
        self.0.extend(texts.into_iter().map(|text| (source.to_owned(), text)));
    }

    /// Returns the text of a source.
    ///
    /// # Panics
    /// If there is none.
    pub fn text(&self, source: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == source);
        &found.unwrap_or_else(|| panic!("{source} was not read")).1
    }

    /// Fails the test if a text contains a secret.
    ///
    /// # Panics
    /// If a text contains one, with its line.
    pub fn require_absent(&self, secrets: &[&str]) {
        for (source, text) in &self.0 {
            for secret in secrets {
                let line = text.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{source} contains {secret}: {}", line.unwrap_or_default());
            }
        }
    }
}

async fn page(envoy: &Envoy, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let response = client.get(envoy.admin_url(path)).send().await.expect("a response");
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.expect("text")
}
