//! What the library is to others: its layouts and values, its exports, its headers.

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::{command, compile, library_directory, package, run, scratch, text};

/// The functions that `exports.txt` lists.
fn listed() -> BTreeSet<String> {
    let list = std::fs::read_to_string(package().join("exports.txt")).expect("the list of exports");
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn layouts_and_values_hold_for_c_and_for_cxx() {
    for (compiler, arguments) in [
        ("cc", &["-std=c11"][..]),
        ("cc", &["-std=c11", "-DUNICODE"]),
        ("c++", &["-std=c++17", "-x", "c++"]),
        ("c++", &["-std=c++17", "-x", "c++", "-DUNICODE"]),
    ] {
        let program = compile(compiler, "tests/c/abi.c", arguments);
        run(&mut command(&program, &[]));
    }
}

#[test]
fn every_header_stands_alone() {
    for header in std::fs::read_dir(package().join("include")).expect("the headers") {
        let name = header.expect("a header").file_name().into_string().expect("a name in ASCII");
        if name.starts_with("sspi_") {
            // Parts of sspi.h.
            continue;
        }
        for (compiler, standard, language) in
            [("cc", "-std=c11", "c"), ("c++", "-std=c++11", "c++"), ("c++", "-std=c++20", "c++")]
        {
            let source = scratch(&format!("{name}-{language}{standard}"));
            std::fs::write(
                &source,
                format!("#include <{name}>\n#include <{name}>\nint unused_{language_};\n", language_ = name.len()),
            )
            .expect("a source file");
            run(Command::new(compiler)
                .args(common::STRICT)
                .args([standard, "-fsyntax-only", "-x", language, "-I"])
                .arg(package().join("include"))
                .arg(&source));
        }
    }
}

#[test]
fn the_library_exports_what_is_listed_and_nothing_else() {
    let library = library_directory().join("libntlmsspi.so");
    let symbols = text(&run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(&library)));
    let exported: BTreeSet<_> = symbols.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let listed = listed();
    assert_eq!(exported.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "exported, not listed");
    assert_eq!(listed.difference(&exported).collect::<Vec<_>>(), Vec::<&String>::new(), "listed, not exported");
}

/// The text of the files in a folder of the package, without comments.
fn texts(folder: &str) -> String {
    let mut text = String::new();
    for file in std::fs::read_dir(package().join(folder)).expect("a folder") {
        text += &std::fs::read_to_string(file.expect("a file").path()).expect("its text");
    }
    let without_blocks: String =
        text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect();
    without_blocks.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ")
}

/// The parameters of the function `name`, each by its width: `p` for a pointer, otherwise a number of bytes.
fn parameters(text: &str, start: &str, width: impl Fn(&str) -> &'static str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let (list, _) = rest.split_once(')')?;
    let parameters = list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty() && *parameter != "void");
    Some(parameters.map(width).collect())
}

#[test]
fn the_headers_declare_what_is_exported() {
    let (headers, sources) = (texts("include"), texts("src"));
    let in_c = |parameter: &str| match parameter.split_whitespace().next().unwrap_or_default() {
        _ if parameter.contains(['*', '[']) => "p",
        "ULONG" | "SECURITY_STATUS" => "4",
        "BOOLEAN" => "1",
        "size_t" => "8",
        name if name.starts_with('P') || name.ends_with("_FN") || name.ends_with("_CALLBACK") => "p",
        other => panic!("{other}"),
    };
    let in_rust = |parameter: &str| match parameter.split_once(": ").map(|(_, name)| name).unwrap_or_default() {
        "u32" | "i32" | "SECURITY_STATUS" => "4",
        "u8" => "1",
        "usize" => "8",
        _ => "p",
    };
    for name in listed() {
        let prototype = |before: char| parameters(&headers, &format!("{before}{name}("), in_c);
        let declared = prototype(' ').or_else(|| prototype('*'));
        let defined = parameters(&sources, &format!("fn {name}("), in_rust);
        assert!(declared.is_some(), "{name} has no prototype");
        assert_eq!(declared, defined, "{name}");
    }
}

/// The text of the headers, line by line, without comments.
fn headers() -> String {
    let mut text = String::new();
    for file in std::fs::read_dir(package().join("include")).expect("the headers") {
        text += &std::fs::read_to_string(file.expect("a header").path()).expect("its text");
    }
    text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect()
}

/// What `abi.c` asserts: the first parameters of all VALUE, SIZE and PLACE (with the member), and every name beside them.
fn asserted() -> BTreeSet<String> {
    let files = ["abi.c", "abi_values.h", "abi_layout.h"].map(|name| package().join("tests/c").join(name));
    let text: String = files.map(|file| std::fs::read_to_string(file).expect("its text")).concat();
    let mut asserted: BTreeSet<String> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect();
    for line in text.lines() {
        if let Some((what, rest)) = line.split_once('(').filter(|(what, _)| ["VALUE", "SIZE", "PLACE"].contains(what)) {
            let (named, _) = rest.rsplit_once(", ").expect("a number behind a comma");
            asserted.insert(format!("{what} {named}"));
        }
    }
    asserted
}

#[test]
fn every_value_of_the_headers_is_asserted() {
    let (headers, asserted) = (headers(), asserted());
    let mut numbers = 0;
    for line in headers.lines().filter_map(|line| line.strip_prefix("#define ")) {
        // A guard has no value, a macro with parameters computes one, and a name without A or W is a function or a type.
        let Some((name, value)) = line.split_once(' ') else { continue };
        if name.contains('(') || value.starts_with("NTLMSSPI_AW(") && !value.contains("_NAME_") {
            continue;
        }
        let is_number = value.starts_with("((") || value.starts_with(|c: char| c.is_ascii_digit());
        let is_asserted = asserted.contains(&format!("VALUE {name}"));
        numbers += usize::from(is_number);
        // SEC_DELETED_HANDLE is wider than VALUE looks.
        assert!(is_asserted || asserted.contains(name) && (!is_number || name == "SEC_DELETED_HANDLE"), "{name}");
    }
    assert!(numbers > 300, "{numbers} numbers are found");
}

#[test]
fn every_size_and_every_place_of_the_headers_is_asserted() {
    let (headers, asserted) = (headers(), asserted());
    let (mut types, mut members) = (0, 0);
    let has_members = |text: &&str| text.lines().next().is_some_and(|line| line.ends_with('{'));
    for definition in headers.split("typedef ").filter(has_members) {
        let is_structure = definition.starts_with("struct");
        let (body, names) = definition.split_once("\n} ").expect("its end");
        let name = names.split([',', ';']).next().expect("a name");
        types += 1;
        assert!(asserted.contains(&format!("SIZE {name}")), "the size of {name}");
        for member in body
            .lines()
            .filter(|line| is_structure && line.starts_with("    "))
            .filter_map(|line| line.strip_suffix(';'))
        {
            let member = member.rsplit([' ', '*']).next().expect("a name");
            let member = member.split('[').next().expect("a name");
            members += 1;
            assert!(asserted.contains(&format!("PLACE {name}, {member}")), "{name}.{member}");
        }
    }
    assert!(types > 45 && members > 200, "{types} types and {members} members are found");
}

#[test]
fn references_bind_locally_and_nothing_of_others_is_needed() {
    let library = library_directory().join("libntlmsspi.so");
    let dynamic = text(&run(Command::new("readelf").args(["-d", "-W"]).arg(&library)));
    assert!(dynamic.contains("SYMBOLIC"), "{dynamic}");
    for needed in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let system = ["libc.so", "libgcc_s.so", "libm.so", "ld-linux", "libpthread.so", "libdl.so"];
        assert!(system.iter().any(|name| needed.contains(name)), "{needed}");
    }
}

#[test]
fn the_static_library_serves_as_well() {
    let library = library_directory();
    let archive = library.join("libntlmsspi.a");
    let program = scratch("static-handshake");
    run(Command::new("cc")
        .args(common::STRICT)
        .args(["-std=c11", "-I"])
        .arg(package().join("include"))
        .arg(package().join("tests/c/handshake.c"))
        .arg(&archive)
        .args(["-o"])
        .arg(&program)
        .args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]));
    let configuration = common::configuration("static-handshake", "");
    run(&mut command(&program, &[("NTLM_CONFIG", &configuration)]));
}
