//! C programs against the library that cargo has just built, or against the one that is installed below NTLMSSPI_PREFIX: compiled by `cc`, run with an
//! account file of their own.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Warnings are errors in the tests: the headers are clean, and programs must be able to be.
pub(crate) const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-pedantic", "-Werror"];

/// The account file of the tests.
pub(crate) const USERS: &str = "EXAMPLE:alice:Passw0rd!\nEXAMPLE:bob:secret\n:local:secret\n";

pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What pkg-config says of the library that is installed below NTLMSSPI_PREFIX; `None` when the variable is not set.
fn pkg_config(arguments: &[&str]) -> Option<Vec<String>> {
    let prefix = std::env::var_os("NTLMSSPI_PREFIX")?;
    let places = ["lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"];
    let places = places.map(|place| Path::new(&prefix).join(place).join("pkgconfig"));
    let path = std::env::join_paths(places).expect("a prefix without colons");
    let said = run(Command::new("pkg-config").args(arguments).arg("ntlmsspi").env("PKG_CONFIG_PATH", path));
    Some(text(&said).split_whitespace().map(str::to_owned).collect())
}

/// The directory that holds libntlmsspi.so: that of the test program itself, or the one above.
pub(crate) fn library_directory() -> PathBuf {
    if let Some(directory) = pkg_config(&["--variable=libdir"]) {
        return PathBuf::from(directory.concat());
    }
    let program = std::env::current_exe().expect("the test program has a path");
    let directory = program.ancestors().skip(1).find(|directory| directory.join("libntlmsspi.so").exists());
    directory.expect("cargo built the library beside its tests").to_owned()
}

/// A path for the test's own files.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    std::fs::create_dir_all(&directory).expect("a directory for the test's files");
    directory.join(name)
}

/// A file that only its owner can read: among the test's own, unless its path is absolute.
pub(crate) fn secret_file(name: &str, content: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;

    let path = scratch(name);
    std::fs::write(&path, content).expect("the file is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode is set");
    path
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
    output
}

/// Where the headers of the library are.
pub(crate) fn headers() -> Vec<String> {
    pkg_config(&["--cflags"]).unwrap_or_else(|| vec![format!("-I{}", package().join("include").display())])
}

/// Compiles a C program of the package (`tests/c/x.c`), or one that was generated elsewhere, with `compiler` and links it to the shared library.
pub(crate) fn compile(compiler: &str, source: impl AsRef<Path>, arguments: &[&str]) -> PathBuf {
    let (source, library) = (source.as_ref(), library_directory());
    let name = if source.is_absolute() { Path::new(source.file_name().expect("a file")) } else { source };
    let name = format!("{}-{compiler}{}", name.display(), arguments.concat());
    let program = scratch(&name.replace(['/', '.', '='], "-"));
    let mut command = Command::new(compiler);
    command.args(STRICT).args(arguments).arg(package().join(source)).arg("-o").arg(&program);
    // Generated programs include what lies beside the others.
    command.arg("-I").arg(package().join("tests/c")).args(headers());
    match pkg_config(&["--libs"]) {
        Some(flags) => command.args(flags),
        None => command.arg("-L").arg(&library).arg("-lntlmsspi"),
    };
    run(command.arg("-pthread").arg(format!("-Wl,-rpath,{}", library.display())));
    program
}

/// A command that runs `program` with no settings in its environment but `settings`.
pub(crate) fn command(program: &Path, settings: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(program);
    command.env_remove("NTLM_CONFIG").env_remove("NTLM_USER_FILE").envs(settings.iter().copied());
    // Rust's own test runner sets this to directories that hold an older library, perhaps.
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// A configuration with the accounts of the tests, whose process may be both sides at once. `more` goes before its sections.
pub(crate) fn configuration(name: &str, more: &str) -> PathBuf {
    secret_file(&format!("{name}.users"), USERS);
    let text = format!("dangerous_answer_own_challenges = true\n{more}\n[accounts]\nuser_file = '{name}.users'\n");
    secret_file(&format!("{name}.toml"), &text)
}

/// Compiles and runs a C test with the accounts of the tests.
pub(crate) fn run_c_test(source: &str) {
    let program = compile("cc", source, &["-std=c11", "-g"]);
    let configuration = configuration(&source.replace('/', "-"), "");
    let output = run(&mut command(&program, &[("NTLM_CONFIG", &configuration)]));
    eprintln!("{}", text(&output));
}
