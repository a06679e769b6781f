//! The structures that are filled by queries, in C: their members, what is expected of them, and what is freed.

use std::collections::BTreeMap;

use crate::generator::calls::Function;
use crate::generator::names::{quoted, text, value, values};
use crate::table::{Field, ValueExpected};

/// What a member of a structure is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Number,
    /// In the characters of the family, in memory of its own.
    Text,
    /// In UTF-16 in both families, in memory of its own.
    WideText,
    Time,
    /// In memory of its own; a member with `Length` behind the name says how many.
    Bytes,
    /// A pointer to a SecPkgInfo.
    Package,
}

use Member::{Bytes, Number, Package, Text, Time, WideText};

type Members = &'static [(&'static str, Member)];

/// The structure of an attribute of contexts.
fn structure(attribute: &str) -> (&'static str, Members) {
    match attribute {
        "SIZES" => (
            "SecPkgContext_Sizes",
            &[
                ("cbMaxToken", Number),
                ("cbMaxSignature", Number),
                ("cbBlockSize", Number),
                ("cbSecurityTrailer", Number),
            ],
        ),
        "NAMES" => ("SecPkgContext_Names", &[("sUserName", Text)]),
        "LIFESPAN" => ("SecPkgContext_Lifespan", &[("tsStart", Time), ("tsExpiry", Time)]),
        "DCE_INFO" => ("SecPkgContext_DceInfo", &[("AuthzSvc", Number), ("pPac", WideText)]),
        "KEY_INFO" => (
            "SecPkgContext_KeyInfo",
            &[("sSignatureAlgorithmName", Text), ("sEncryptAlgorithmName", Text), ("KeySize", Number)],
        ),
        "AUTHORITY" => ("SecPkgContext_Authority", &[("sAuthorityName", Text)]),
        "PASSWORD_EXPIRY" => ("SecPkgContext_PasswordExpiry", &[("tsPasswordExpires", Time)]),
        "SESSION_KEY" => ("SecPkgContext_SessionKey", &[("SessionKey", Bytes)]),
        "PACKAGE_INFO" => ("SecPkgContext_PackageInfo", &[("PackageInfo", Package)]),
        "NEGOTIATION_INFO" => {
            ("SecPkgContext_NegotiationInfo", &[("PackageInfo", Package), ("NegotiationState", Number)])
        }
        "NATIVE_NAMES" => ("SecPkgContext_NativeNames", &[("sClientName", Text), ("sServerName", Text)]),
        "FLAGS" => ("SecPkgContext_Flags", &[("Flags", Number)]),
        "TARGET_INFORMATION" => ("SecPkgContext_TargetInformation", &[("MarshalledTargetInfo", Bytes)]),
        "CLIENT_SPECIFIED_TARGET" => ("SecPkgContext_ClientSpecifiedTarget", &[("sTargetName", WideText)]),
        "LAST_CLIENT_TOKEN_STATUS" => ("SecPkgContext_LastClientTokenStatus", &[("LastClientTokenStatus", Number)]),
        other => panic!("the structure of {other} is not known"),
    }
}

const PACKAGE: Members = &[
    ("fCapabilities", Number),
    ("wVersion", Number),
    ("wRPCID", Number),
    ("cbMaxToken", Number),
    ("Name", Text),
    ("Comment", Text),
];

impl Function<'_> {
    /// A query that succeeds fills a structure; one that fails leaves it alone.
    pub(super) fn query(&mut self, function: &str, handle: &str, attribute: &str, expect: &ValueExpected) {
        let of_context = function == "QueryContextAttributes";
        let prefix = if of_context { "SECPKG_ATTR_" } else { "SECPKG_CRED_ATTR_" };
        let id = value(prefix, attribute);
        if expect.status != "SEC_E_OK" {
            self.returns(&expect.status, format_args!("{function}({handle}, {id}, untouched())"));
            self.line(format_args!("still_untouched();"));
            return;
        }
        let (name, members) = match attribute {
            "NAMES" if !of_context => ("SecPkgCredentials_Names", &[("sUserName", Text)][..]),
            _ => structure(attribute),
        };
        self.line(format_args!("{name} value;"));
        self.line(format_args!("memset(&value, 0xa5, sizeof value);"));
        self.returns(&expect.status, format_args!("{function}({handle}, {id}, &value)"));
        let known = |field: &str, members: Members| members.iter().any(|(name, _)| *name == field);
        let has_package = members.iter().any(|(_, member)| *member == Package);
        for field in expect.value.keys() {
            assert!(known(field, members) || (has_package && known(field, PACKAGE)), "{name} has no {field}");
        }
        for (member, kind) in members {
            let place = format!("value.{member}");
            match expect.value.get(*member) {
                Some(field) => self.member(&place, *kind, field),
                None if *kind == Package => self.package(&place, &expect.value),
                None => {}
            }
            if matches!(kind, Text | WideText | Bytes | Package) {
                self.line(format_args!("FREE({place});"));
            }
        }
    }

    /// What is expected of the SecPkgInfo at a pointer.
    pub(super) fn package(&mut self, pointer: &str, expect: &BTreeMap<String, Field>) {
        for (member, kind) in PACKAGE {
            if let Some(field) = expect.get(*member) {
                self.member(&format!("{pointer}->{member}"), *kind, field);
            }
        }
    }

    fn member(&mut self, place: &str, kind: Member, field: &Field) {
        let line = match (kind, field) {
            (Number, Field::Number(number)) => format!("NUMBER({place}, {number});"),
            (Number, Field::Text(number)) => format!("NUMBER({place}, {});", value("", number)),
            (Number, Field::Client { isc_ret }) => format!("NUMBER({place}, {});", values("ISC_RET_", isc_ret)),
            (Number, Field::Server { asc_ret }) => format!("NUMBER({place}, {});", values("ASC_RET_", asc_ret)),
            (Text, Field::Text(expected)) => format!("TEXT({place}, {});", text(expected)),
            (WideText, Field::Text(expected)) => format!("WIDE_TEXT({place}, u{});", quoted(expected)),
            (Time, Field::Text(time)) if time == "never" => format!("TIME_IS_NEVER({place});"),
            (Time, Field::Text(time)) if time == "now" => format!("TIME_IS_NOW({place});"),
            (Bytes, Field::Bytes(after)) => {
                self.line(format_args!("Bytes found = copied({place}, {place}Length);"));
                return self.holds(after);
            }
            _ => panic!("{place} cannot be {field:?}"),
        };
        self.line(format_args!("{line}"));
    }
}
