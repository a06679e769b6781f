//! The house as DESIGN.md draws it: which crate may use which, and how small the core stays.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &host()])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The platform of this machine: what others would need besides is not downloaded.
fn host() -> String {
    let output = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo says its version");
    let version = String::from_utf8_lossy(&output.stdout);
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("the host in cargo's version").to_owned()
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Normal dependencies between the crates of the workspace.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata(&["--no-deps"]);
    let packages = array(&metadata, "packages");
    let ours: BTreeSet<_> = packages.iter().map(|package| text(package, "name")).collect();
    packages
        .iter()
        .map(|package| {
            let normal = array(package, "dependencies").iter().filter(|dependency| dependency["kind"].is_null());
            let names = normal.map(|dependency| text(dependency, "name")).filter(|name| ours.contains(name));
            (text(package, "name").to_owned(), names.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn the_arrows_between_crates_are_those_of_the_design() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("ntlm", [].as_slice()),
        ("ntlm-accounts", &["ntlm"]),
        ("ntlm-capi", &["ntlm", "ntlm-accounts", "ntlm-sspi"]),
        ("ntlm-cli", &["ntlm", "ntlm-accounts", "ntlm-http"]),
        ("ntlm-http", &["ntlm", "ntlm-accounts"]),
        ("ntlm-interop", &["ntlm"]),
        ("ntlm-sspi", &["ntlm"]),
    ]);
    for (from, to) in arrows() {
        let allowed = allowed.get(from.as_str()).unwrap_or_else(|| panic!("{from} is not in the design"));
        for to in to {
            assert!(allowed.contains(&to.as_str()), "{from} must not depend on {to}");
        }
    }
}

#[test]
fn the_core_crate_has_at_most_twenty_dependencies() {
    let metadata = metadata(&[]);
    let nodes = array(&metadata["resolve"], "nodes");
    let by_id: BTreeMap<_, _> = nodes.iter().map(|node| (text(node, "id"), node)).collect();
    let core = array(&metadata, "packages").iter().find(|package| text(package, "name") == "ntlm").expect("the core");
    let mut found = BTreeSet::new();
    let mut to_visit = vec![text(core, "id")];
    while let Some(id) = to_visit.pop() {
        let normal = |dependency: &&Value| array(dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
        for dependency in array(by_id[id], "deps").iter().filter(normal) {
            let id = text(dependency, "pkg");
            if found.insert(id) {
                to_visit.push(id);
            }
        }
    }
    assert!(found.len() >= 6, "the walk found hardly anything: {found:?}");
    assert!(found.len() <= 20, "{} dependencies: {found:#?}", found.len());
}

#[test]
fn unsafe_code_is_forbidden_outside_the_c_library() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for member in arrows().keys().filter(|name| *name != "ntlm-capi") {
        let metadata = metadata(&["--no-deps"]);
        let package = array(&metadata, "packages").iter().find(|package| text(package, "name") == member).cloned();
        for target in array(&package.unwrap_or_default(), "targets") {
            let kinds: Vec<_> = array(target, "kind").iter().filter_map(Value::as_str).collect();
            if kinds.iter().any(|kind| matches!(*kind, "lib" | "bin")) {
                let source = std::fs::read_to_string(root.join(text(target, "src_path"))).expect("a source file");
                assert!(source.contains("#![forbid(unsafe_code)]"), "{}", text(target, "src_path"));
            }
        }
    }
}
