//! The crate needs no standard library: `tests/no_std` makes a static library of it, with an allocator and a panic handler of its own, and a C
//! program that links it runs a whole exchange.
//!
//! Needs a C compiler: `cc`, or what the environment variable `CC` says.

#![cfg(unix)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_program_without_std_runs_an_exchange() {
    let folder = copy_of_the_fixture();
    let target = folder.join("target");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        // What this test binary is built with (coverage, a sanitizer) may need a standard library.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET"));
    let program = folder.join("main");
    run(Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .arg(folder.join("main.c"))
        .arg(target.join("release/libntlm_no_std.a"))
        .arg("-o")
        .arg(&program));
    run(&mut Command::new(&program));
}

/// The fixture in the target directory, so that nothing is written among the sources, with this crate's place and the workspace's versions.
fn copy_of_the_fixture() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = here.join("tests/no_std");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std");
    let write = |to: &str, text: &str| {
        let to = folder.join(to);
        // Unchanged files keep their time, so that a second run has nothing to build.
        if fs::read_to_string(&to).ok().as_deref() != Some(text) {
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder in the target directory");
            fs::write(&to, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", to.display()));
        }
    };
    let read = |from: PathBuf| {
        fs::read_to_string(&from).unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()))
    };
    let manifest = read(fixture.join("Cargo.toml"));
    let place = format!("path = {:?}", here.display().to_string());
    assert!(manifest.contains(r#"path = "../..""#));
    write("Cargo.toml", &manifest.replace(r#"path = "../..""#, &place));
    write("src/lib.rs", &read(fixture.join("src/lib.rs")));
    write("main.c", &read(fixture.join("main.c")));
    fs::copy(here.join("../../Cargo.lock"), folder.join("Cargo.lock")).expect("the workspace's Cargo.lock");
    folder
}

/// Runs a program that must succeed.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed with {}:\n{text}", output.status);
}
