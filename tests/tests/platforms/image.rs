//! The modules as an image, made by the commands of docs/platforms.md.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tollgate_tests::install::go::GoProgram;
use tollgate_tests::install::modules::Modules;
use tollgate_tests::install::workspace;

/// The tool that the page uses.
const ORAS: GoProgram = GoProgram {
    name: "oras",
    package: "oras.land/oras/cmd/oras",
    version: "v1.3.6",
    go: "1.25",
    takes: "one to two minutes",
};

/// The registry's name in the page.
const REGISTRY: &str = "registry.example.com";
/// The media type of the layer that Istio and Envoy Gateway read from an image that has exactly two layers
/// and is not a file system.
const WASM: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// An OCI image layout with the four modules.
#[derive(Debug)]
pub struct Images {
    dir: TempDir,
    commands: String,
}

impl Images {
    /// Makes the layout. The page's first commands build the modules; they are skipped, as the modules exist.
    pub fn build() -> Images {
        let page = workspace::text("docs/platforms.md");
        let (_, section) = page.split_once("## The modules as an image").expect("the page's section");
        assert!(
            section.contains(&format!("{}@{}", ORAS.package, ORAS.version)),
            "the page names another oras"
        );
        let blocks: Vec<&str> =
            section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [build, push, ..] = blocks[..] else { panic!("the section has no two blocks of commands") };
        let build = build
            .strip_prefix("cargo modules\ncd target/modules\n")
            .expect("the commands that build the modules");
        let dir = tempfile::tempdir().expect("a directory");
        let modules = Modules::build();
        for module in modules.files() {
            std::fs::copy(module, dir.path().join(module.file_name().expect("a name"))).expect("a copy");
        }
        let images = Images { dir, commands: push.to_owned() };
        images.run(build);
        images
    }

    /// Copies all images to a registry.
    pub fn push(&self, registry: &str) {
        assert!(self.commands.contains(REGISTRY));
        self.run(&self.commands.replace(REGISTRY, registry));
    }

    fn run(&self, commands: &str) {
        let program = ORAS.obtain();
        let tools = program.parent().expect("a directory").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut sh = Command::new("sh");
        sh.args(["-euc", commands]).current_dir(self.dir.path()).env("PATH", format!("{tools}:{path}"));
        let out = sh.output().unwrap_or_else(|e| panic!("cannot start a shell: {e}"));
        assert!(out.status.success(), "{commands}\n{}", String::from_utf8_lossy(&out.stderr));
    }

    fn layout(&self) -> PathBuf {
        self.dir.path().join("images")
    }
}

fn json(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().expect("a digest");
    layout.join("blobs").join(digest.replace(':', "/"))
}

#[test]
fn the_layout_contains_each_module_in_the_layer_that_platforms_read() {
    let images = Images::build();
    let layout = images.layout();
    assert_eq!(json(&layout.join("oci-layout"))["imageLayoutVersion"], "1.0.0");
    let index = json(&layout.join("index.json"));
    let manifests: BTreeMap<&str, &Value> = index["manifests"]
        .as_array()
        .expect("manifests")
        .iter()
        .map(|m| (m["annotations"]["org.opencontainers.image.ref.name"].as_str().expect("a tag"), m))
        .collect();
    let modules = Modules::build();
    let want = [
        ("billing-0.1.0", &modules.billing),
        ("clerk-webhook-0.1.0", &modules.clerk_webhook),
        ("plan-gate-0.1.0", &modules.plan_gate),
        ("stripe-webhook-0.1.0", &modules.stripe_webhook),
    ];
    assert_eq!(manifests.keys().copied().collect::<Vec<_>>(), want.map(|(tag, _)| tag));
    for (tag, module) in want {
        let manifest = json(&blob(&layout, manifests[tag]));
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json", "{tag}");
        let layers = manifest["layers"].as_array().expect("layers");
        assert_eq!(layers.len(), 2, "{tag}");
        let layer = layers.iter().find(|layer| layer["mediaType"] == WASM).expect("the module's layer");
        let [packed, built] =
            [blob(&layout, layer), module.clone()].map(|file| std::fs::read(file).expect("a file"));
        assert!(packed == built, "{tag}");
    }
}
