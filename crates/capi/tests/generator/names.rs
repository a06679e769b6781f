//! The words of the table in C: names of values as `sspi.h` has them, and literals.

use crate::table::{Identity, Repeated};

/// A text as a C literal, without what would make it a wide one. It has no NUL.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' | '?' => literal.extend(['\\', character]),
            '\0' => panic!("{text:?} has a NUL"),
            control if control.is_control() => panic!("{text:?} has {control:?}"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// A text in the characters of the family.
pub(crate) fn text(text: &str) -> String {
    format!("SEC_TEXT({})", quoted(text))
}

/// A text in the characters of the family, or NULL.
pub(crate) fn optional_text(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), text)
}

/// As [`optional_text`], for texts that may be long.
pub(crate) fn repeated_text(value: Option<&Repeated>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(Repeated::Text(value)) => text(value),
        Some(Repeated::Times { repeat, times }) => format!("repeated({}, {times})", text(repeat)),
    }
}

/// A call that makes a SEC_WINNT_AUTH_IDENTITY.
pub(crate) fn identity(identity: &Identity) -> String {
    let Identity { user, domain, password, packages, account: _ } = identity;
    let packages = Some(packages.join(",")).filter(|packages| !packages.is_empty());
    format!(
        "identity({}, {}, {}, {})",
        repeated_text(user.as_ref()),
        optional_text(domain.as_deref()),
        repeated_text(password.as_ref()),
        optional_text(packages.as_deref())
    )
}

/// One value by its name with `prefix`, or a number.
pub(crate) fn value(prefix: &str, name: &str) -> String {
    match name.strip_prefix("0x") {
        Some(_) => format!("{name}u"),
        None => format!("{prefix}{name}"),
    }
}

/// Values that are joined; 0 when there are none.
pub(crate) fn values<T: AsRef<str>>(prefix: &str, names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| value(prefix, name.as_ref())).collect();
    if names.is_empty() { "0".to_owned() } else { names.join(" | ") }
}

/// The name of a variable: `kind` and what the table calls it.
pub(crate) fn variable(kind: &str, name: &str) -> String {
    let name = name.replace(' ', "_");
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name} makes no name of a variable");
    format!("{kind}_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_literals() {
        assert_eq!(quoted("EXAMPLE\\al\"ice?"), r#""EXAMPLE\\al\"ice\?""#);
        assert_eq!(
            repeated_text(Some(&Repeated::Times { repeat: "x".into(), times: 3 })),
            "repeated(SEC_TEXT(\"x\"), 3)"
        );
        assert_eq!(optional_text(None), "NULL");
    }

    #[test]
    fn values_have_the_names_of_the_header() {
        assert_eq!(values("ISC_REQ_", ["INTEGRITY", "0x40000000"]), "ISC_REQ_INTEGRITY | 0x40000000u");
        assert_eq!(values("ISC_REQ_", [""; 0]), "0");
    }
}
