//! How the shared library is linked. Which symbols it exports is rustc's doing: the `no_mangle` ones, all of which `exports.txt` lists.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by sanitize.sh.
    println!("cargo::rustc-check-cfg=cfg(sanitizer_canary)");
    // A process may hold other functions of the same names (WinPR's, Wine's): ours call ours.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
    // What is missing is found out when the library is made, not when a program loads it.
    // A sanitizer's functions are in the program.
    if std::env::var_os("CARGO_CFG_SANITIZE").is_none() {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }
}
