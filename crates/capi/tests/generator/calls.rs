//! A case as a C function: its variables, its calls one by one, and the end.

use std::collections::BTreeSet;
use std::fmt::{Arguments, Write as _};

use crate::generator::names::{identity, optional_text, value, values, variable};
use crate::loader::Common;
use crate::table::{Acquire, Buffer, Call, Case, Export, Identity, Import, Message, NamedIdentity};

/// The C function of a case.
pub(crate) fn function(common: &Common, case: &Case) -> String {
    let mut function = Function {
        common,
        body: String::new(),
        depth: 1,
        number: 0,
        credentials: BTreeSet::new(),
        contexts: BTreeSet::new(),
        saved: BTreeSet::new(),
        held: BTreeSet::new(),
    };
    for call in &case.calls {
        function.number += 1;
        let number = function.number;
        function.open(format_args!("/* {number}: {} */", call.function()));
        function.call(call);
        function.close();
    }
    function.finish(&case.name)
}

/// A function while it is written.
pub(crate) struct Function<'a> {
    common: &'a Common,
    body: String,
    /// In how many braces the next line stands.
    depth: usize,
    /// Of the call; 1 for the first.
    number: usize,
    /// The variables.
    credentials: BTreeSet<String>,
    contexts: BTreeSet<String>,
    pub(super) saved: BTreeSet<String>,
    /// Those of the variables that got a handle.
    held: BTreeSet<String>,
}

impl Function<'_> {
    pub(super) fn line(&mut self, text: Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{:1$}{text}", "", 4 * self.depth);
    }

    /// Opens a block; `about` is what its first line says.
    pub(super) fn open(&mut self, about: Arguments<'_>) {
        self.line(format_args!("{{ {about}"));
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.line(format_args!("}}"));
    }

    /// A call of a function, and its status.
    pub(super) fn returns(&mut self, status: &str, call: Arguments<'_>) {
        let number = self.number;
        self.line(format_args!("RETURNS({number}, {status}, sspi->{call});"));
    }

    /// The expression of a credential handle; NULL for none.
    pub(super) fn credential(&mut self, name: Option<&str>) -> String {
        match name.map(|name| name.strip_prefix("context:").ok_or(name)) {
            Some(Ok(context)) => format!("&{}", self.context_variable(context)),
            Some(Err(name)) => odd_handle(name).unwrap_or_else(|| format!("&{}", self.credential_variable(name))),
            None => "NULL".to_owned(),
        }
    }

    /// The expression of a context handle; NULL for none.
    pub(super) fn context(&mut self, name: Option<&str>) -> String {
        match name.map(|name| name.strip_prefix("credential:").ok_or(name)) {
            Some(Ok(credential)) => format!("&{}", self.credential_variable(credential)),
            Some(Err(name)) => odd_handle(name).unwrap_or_else(|| format!("&{}", self.context_variable(name))),
            None => "NULL".to_owned(),
        }
    }

    fn credential_variable(&mut self, name: &str) -> String {
        let variable = variable("credential", name);
        self.credentials.insert(variable.clone());
        variable
    }

    pub(super) fn context_variable(&mut self, name: &str) -> String {
        let variable = variable("context", name);
        self.contexts.insert(variable.clone());
        variable
    }

    /// Whether a variable for a handle got a new one, or was left alone.
    pub(super) fn handle_after(&mut self, variable: &str, succeeds: bool) {
        let check = if succeeds { "handle_is_new" } else { "handle_is" };
        self.line(format_args!("{check}(&{variable}, before);"));
        if succeeds {
            self.held.insert(variable.to_owned());
        }
    }

    pub(super) fn hold(&mut self, variable: String) {
        self.held.insert(variable);
    }

    pub(super) fn identity(&self, named: &NamedIdentity) -> String {
        let found: &Identity = match named {
            NamedIdentity::Name(name) => {
                self.common.identities.get(name).unwrap_or_else(|| panic!("there is no identity {name}"))
            }
            NamedIdentity::Inline(inline) => inline,
        };
        identity(found)
    }

    fn call(&mut self, call: &Call) {
        let function = call.function();
        match call {
            Call::EnumerateSecurityPackages(call) => {
                self.line(format_args!("ULONG count = 0;"));
                self.line(format_args!("PSecPkgInfo packages = NULL;"));
                self.returns("SEC_E_OK", format_args!("{function}(&count, &packages)"));
                self.line(format_args!("NUMBER(count, {});", call.expect.len()));
                for (name, expect) in &call.expect {
                    let found = format!("package(packages, count, {})", optional_text(Some(name)));
                    self.package(&found, expect);
                }
                self.line(format_args!("FREE(packages);"));
            }
            Call::QuerySecurityPackageInfo(call) => {
                let package = optional_text(call.package.as_deref());
                self.line(format_args!("PSecPkgInfo info = NULL;"));
                self.returns(&call.expect.status, format_args!("{function}({package}, &info)"));
                if call.expect.status == "SEC_E_OK" {
                    self.package("info", &call.expect.value);
                    self.line(format_args!("FREE(info);"));
                } else {
                    self.line(format_args!("NUMBER(info == NULL, 1);"));
                }
            }
            Call::AcquireCredentialsHandle(call) => self.acquire(call),
            Call::FreeCredentialsHandle(call) => {
                let credential = self.credential(call.credential.as_deref());
                self.returns(&call.expect.status, format_args!("{function}({credential})"));
            }
            Call::SetCredentialsAttributes(call) => {
                let credential = self.credential(call.credential.as_deref());
                let arguments = "SECPKG_CRED_ATTR_NAMES, untouched(), sizeof untouched_place";
                self.returns(&call.expect.status, format_args!("{function}({credential}, {arguments})"));
                self.line(format_args!("still_untouched();"));
            }
            Call::AddCredentials(call) => {
                let credential = self.credential(call.credential.as_deref());
                let arguments = "NULL, SEC_TEXT(\"NTLM\"), SECPKG_CRED_OUTBOUND, NULL, NULL, NULL, NULL";
                self.returns(&call.expect.status, format_args!("{function}({credential}, {arguments})"));
            }
            Call::QueryCredentialsAttributes(call) => {
                let credential = self.credential(call.credential.as_deref());
                self.query(function, &credential, &call.attribute, &call.expect);
            }
            Call::QueryContextAttributes(call) => {
                let context = self.context(call.context.as_deref());
                self.query(function, &context, &call.attribute, &call.expect);
            }
            Call::InitializeSecurityContext(call) => self.initialize(call),
            Call::AcceptSecurityContext(call) => self.accept(call),
            Call::CompleteAuthToken(call) | Call::ApplyControlToken(call) => {
                let context = self.context(call.context.as_deref());
                self.line(format_args!("Buffers *in = buffers();"));
                self.line(format_args!("add_room(in, SECBUFFER_TOKEN, 16);"));
                self.returns(&call.expect.status, format_args!("{function}({context}, &in->description)"));
                self.line(format_args!("all_unchanged(in);"));
            }
            Call::SetContextAttributes(call) => {
                let context = self.context(call.context.as_deref());
                let arguments = "SECPKG_ATTR_SIZES, untouched(), sizeof untouched_place";
                self.returns(&call.expect.status, format_args!("{function}({context}, {arguments})"));
                self.line(format_args!("still_untouched();"));
            }
            Call::DeleteSecurityContext(call)
            | Call::ImpersonateSecurityContext(call)
            | Call::RevertSecurityContext(call) => {
                let context = self.context(call.context.as_deref());
                self.returns(&call.expect.status, format_args!("{function}({context})"));
            }
            Call::QuerySecurityContextToken(call) => {
                let context = self.context(call.context.as_deref());
                self.line(format_args!("void *token = untouched_place;"));
                self.returns(&call.expect.status, format_args!("{function}({context}, &token)"));
                self.line(format_args!("NUMBER(token == untouched_place, 1);"));
            }
            Call::MakeSignature(call) | Call::EncryptMessage(call) => self.protect(function, call),
            Call::VerifySignature(call) | Call::DecryptMessage(call) => self.unprotect(function, call),
            Call::ExportSecurityContext(call) => self.export(call),
            Call::ImportSecurityContext(call) => self.import(call),
        }
    }

    fn acquire(&mut self, call: &Acquire) {
        let Acquire { package, usage, identity, credential, principal, ignored_parameters, without_expiry, expect } =
            call;
        let place = self.credential_variable(credential);
        let succeeds = expect.status == "SEC_E_OK";
        self.line(format_args!("CredHandle before = {place};"));
        let data = match identity {
            Some(named) => {
                let made = self.identity(named);
                self.line(format_args!("Bytes who = {made};"));
                "who.data"
            }
            None => "NULL",
        };
        let expiry = self.expiry(*without_expiry);
        let (principal, package) = (optional_text(principal.as_deref()), optional_text(package.as_deref()));
        let usage = values("SECPKG_CRED_", usage);
        let [logon_id, key_function, key_argument] =
            if *ignored_parameters { ["untouched()", "never_called", "untouched()"] } else { ["NULL"; 3] };
        self.returns(
            &expect.status,
            format_args!(
                "AcquireCredentialsHandle({principal}, {package}, {usage}, {logon_id}, {data}, {key_function}, \
                 {key_argument}, &{place}, {expiry})"
            ),
        );
        self.handle_after(&place, succeeds);
        self.expires(expect.expiry.as_deref());
    }

    /// A variable for ptsExpiry and the expression of its address, or NULL.
    pub(super) fn expiry(&mut self, without: bool) -> &'static str {
        if without {
            return "NULL";
        }
        self.line(format_args!("TimeStamp expiry = NO_TIME;"));
        "&expiry"
    }

    pub(super) fn expires(&mut self, expected: Option<&str>) {
        match expected {
            None => {}
            Some("never") => self.line(format_args!("TIME_IS_NEVER(expiry);")),
            Some(other) => panic!("{other} is no expiry"),
        }
    }

    fn protect(&mut self, function: &str, call: &Message) {
        let context = self.context(call.context.as_deref());
        let quality = values("SECQOP_", call.qop.iter().flat_map(|names| names.split('|')));
        self.message(call);
        let sequence = call.sequence;
        self.returns(
            &call.expect.status,
            format_args!("{function}({context}, {quality}, &message->description, {sequence})"),
        );
        self.message_after(call);
    }

    fn unprotect(&mut self, function: &str, call: &Message) {
        let context = self.context(call.context.as_deref());
        self.message(call);
        let quality = if call.without_qop {
            "NULL"
        } else {
            self.line(format_args!("ULONG quality = 0xa5a5a5a5;"));
            "&quality"
        };
        let sequence = call.sequence;
        self.returns(
            &call.expect.status,
            format_args!("{function}({context}, &message->description, {sequence}, {quality})"),
        );
        if let Some(expected) = call.expect.qop {
            self.line(format_args!("NUMBER(quality, {expected});"));
        }
        self.message_after(call);
    }

    fn message(&mut self, call: &Message) {
        self.line(format_args!("Buffers *message = buffers();"));
        self.add("message", &call.buffers);
    }

    /// Puts buffers into a list.
    pub(super) fn add(&mut self, list: &str, buffers: &[Buffer]) {
        for buffer in buffers {
            let Buffer { kind, bytes, size, null, identity, bindings, after: _ } = buffer;
            let kind = values("SECBUFFER_", kind.split('|'));
            let size = size.unwrap_or_default();
            let line = match (bytes, identity, bindings) {
                (None, None, None) if *null => format!("add_null({list}, {kind}, {size});"),
                (None, None, None) => format!("add_room({list}, {kind}, {size});"),
                (Some(bytes), None, None) => format!("add_bytes({list}, {kind}, {});", self.bytes(bytes)),
                (None, Some(named), None) => format!("add_bytes({list}, {kind}, {});", self.identity(named)),
                (None, None, Some(data)) => {
                    format!("add_bytes({list}, {kind}, bindings({}));", self.bytes(data))
                }
                _ => panic!("a buffer has one content: {buffer:?}"),
            };
            self.line(format_args!("{line}"));
        }
    }

    fn message_after(&mut self, call: &Message) {
        let fails = call.expect.status != "SEC_E_OK";
        for (index, buffer) in call.buffers.iter().enumerate() {
            let Some(after) = &buffer.after else {
                self.line(format_args!("unchanged(message, {index});"));
                continue;
            };
            let found = match &after.into {
                Some(into) => format!("part_of(message, {index}, {}, {})", into.buffer, into.offset),
                None => format!("part(message, {index})"),
            };
            self.open(format_args!("Bytes found = {found};"));
            if fails {
                self.line(format_args!("size_is_the_same(message, {index});"));
            }
            self.holds(after);
            self.close();
        }
    }

    fn export(&mut self, call: &Export) {
        let context = self.context(call.context.as_deref());
        let flags = values("SECPKG_CONTEXT_EXPORT_", &call.flags);
        self.line(format_args!("SecBuffer packed = buffer(SECBUFFER_EMPTY, NULL, 0);"));
        self.returns(&call.expect.status, format_args!("ExportSecurityContext({context}, {flags}, &packed, NULL)"));
        if call.expect.status != "SEC_E_OK" {
            self.line(format_args!("NUMBER(packed.cbBuffer, 0);"));
            self.line(format_args!("NUMBER(packed.pvBuffer == NULL, 1);"));
            return;
        }
        self.line(format_args!("Bytes found = copied(packed.pvBuffer, packed.cbBuffer);"));
        self.line(format_args!("FREE(packed.pvBuffer);"));
        match &call.expect.packed {
            Some(after) => self.holds(after),
            None => self.line(format_args!("(void)found;")),
        }
    }

    fn import(&mut self, call: &Import) {
        let place = self.context_variable(&call.context);
        let package = optional_text(call.package.as_deref());
        let packed = self.bytes(&call.packed);
        self.line(format_args!("CtxtHandle before = {place};"));
        self.line(format_args!("Bytes given = {packed};"));
        self.line(format_args!("SecBuffer packed = buffer(SECBUFFER_EMPTY, given.data, given.length);"));
        self.returns(&call.expect.status, format_args!("ImportSecurityContext({package}, &packed, NULL, &{place})"));
        self.handle_after(&place, call.expect.status == "SEC_E_OK");
    }

    /// The whole function. What is left is deleted and freed.
    fn finish(mut self, name: &str) -> String {
        self.number += 1;
        let (contexts, credentials): (Vec<String>, Vec<String>) =
            self.held.clone().into_iter().partition(|variable| self.contexts.contains(variable));
        for context in contexts {
            self.returns("SEC_E_OK", format_args!("DeleteSecurityContext(&{context})"));
        }
        for credential in credentials {
            self.line(format_args!("sspi->FreeCredentialsHandle(&{credential});"));
        }
        let mut variables = String::new();
        for (kind, names, empty) in [
            ("CredHandle", &self.credentials, "NO_HANDLE"),
            ("CtxtHandle", &self.contexts, "NO_HANDLE"),
            ("Bytes", &self.saved, "NO_BYTES"),
        ] {
            for name in names {
                let _ = writeln!(variables, "    {kind} {name} = {empty};");
            }
        }
        format!("static void {name}(void)\n{{\n{variables}{}}}\n\n", self.body)
    }
}

/// Handles of no variable.
fn odd_handle(name: &str) -> Option<String> {
    let handle = name.strip_prefix('@')?;
    assert!(["invalid", "deleted", "zero", "random"].contains(&handle), "{name} is no handle");
    Some(format!("{}_HANDLE", handle.to_uppercase()))
}

/// The expression of TargetDataRep.
pub(super) fn data_representation(name: Option<&str>) -> String {
    match name.unwrap_or("NATIVE") {
        known @ ("NATIVE" | "NETWORK") => format!("SECURITY_{known}_DREP"),
        number => value("", number),
    }
}
