//! Every property on its seeds, on mutations of them, and on random bytes. `fuzz/` runs the same properties
//! for longer.

use proptest::prelude::*;
use proptest::sample::Index;
use std::path::PathBuf;
use tollgate_properties::TARGETS;

/// Strings with a meaning for one of the parsers, which mutations insert.
const WORDS: [&[u8]; 16] = [
    b"null",
    b"{}",
    b"[]",
    b"\"",
    b"-1",
    b"1e300",
    b"%2e",
    b"..",
    b"//",
    b";",
    b"\0",
    b"\r\n",
    b"\xff\xfe",
    b"=",
    b".",
    b":",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).expect("a file")).collect()
}

/// Applies one change: cuts, replaces, inserts, or repeats bytes.
fn mutate(bytes: &mut Vec<u8>, kind: u8, at: Index, byte: u8) {
    if bytes.is_empty() {
        return bytes.push(byte);
    }
    let at = at.index(bytes.len());
    match kind {
        0 => bytes.truncate(at),
        1 => bytes[at] = byte,
        2 => bytes.insert(at, byte),
        3 => drop(bytes.remove(at)),
        4 => bytes[at] ^= 1 << (byte % 8),
        5 => drop(bytes.splice(at..at, WORDS[usize::from(byte) % WORDS.len()].iter().copied())),
        _ => bytes.extend_from_within(at..),
    }
}

#[test]
fn every_property_holds_for_its_seeds() {
    for (target, property) in TARGETS {
        let accepted: Vec<bool> = seeds(target).iter().map(|seed| property(seed)).collect();
        assert!(accepted.contains(&true) && accepted.contains(&false), "{target}: {accepted:?}");
    }
}

#[test]
fn every_property_is_a_fuzz_target() {
    let fuzz = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("the manifest");
    for (target, _) in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"")),
            "{target}"
        );
        let source =
            std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).expect("its source");
        assert!(source.contains(&format!("tollgate_properties::{target}(bytes)")), "{target}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn every_property_holds_for_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        TARGETS.iter().for_each(|(_, property)| {
            let _ = property(&bytes);
        });
    }

    #[test]
    fn every_property_holds_for_mutations_of_its_seeds(
        seed: Index,
        mutations in proptest::collection::vec((0..7_u8, any::<Index>(), any::<u8>()), 1..6),
    ) {
        for (target, property) in TARGETS {
            let seeds = seeds(target);
            let mut bytes = seed.get(&seeds).clone();
            mutations.iter().for_each(|(kind, at, byte)| mutate(&mut bytes, *kind, *at, *byte));
            let _ = property(&bytes);
        }
    }
}
