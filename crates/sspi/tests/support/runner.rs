//! Runs a case of the table over a [`SecurityInterface`].
//!
//! What is not said is checked too: a call that fails changes no buffer, a context keeps its handle, nothing is written behind a signature, and at the
//! end everything can be deleted and nothing is left.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ntlm::{ChannelBindings, FileTime, UnicodeString};
use ntlm_sspi::environment::NEVER;
use ntlm_sspi::{
    AcceptCall, AttributeId, AuthIdentity, Buffer as Given, BufferType, Change, ContextOutcome, CredentialUse,
    InitializeCall, Output, SecHandle, SecurityInterface, SecurityStatus,
};

use super::loader::Common;
use super::table::{Buffer, Call, Case, Leg, LegExpected, Message, NamedIdentity};
use super::values;
use super::vocabulary::{self as names, number, numbers};
use super::world::{auth_identity, interface};

pub(crate) type Checked = Result<(), String>;

/// Fails unless two values are the same.
#[allow(clippy::needless_pass_by_value)] // So that callers can give what they compute.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:x?} instead of {expected:x?}")) }
}

/// Runs a case; says what is wrong and where.
pub(crate) fn run(common: &Common, case: &Case) -> Checked {
    let world = &common.worlds[&case.world];
    let sspi = interface(common, world);
    let mut run = Run { common, sspi, credentials: BTreeMap::new(), contexts: BTreeMap::new(), saved: BTreeMap::new() };
    for (index, call) in case.calls.iter().enumerate() {
        run.call(call).map_err(|error| format!("call {} ({}): {error}", index + 1, call.function()))?;
    }
    run.end()
}

struct Run<'a> {
    common: &'a Common,
    sspi: SecurityInterface,
    credentials: BTreeMap<String, SecHandle>,
    contexts: BTreeMap<String, SecHandle>,
    saved: BTreeMap<String, Vec<u8>>,
}

/// Checks a status, and gives the value of a success.
fn status<T>(expected: &str, result: Result<T, SecurityStatus>) -> Result<Option<T>, String> {
    let found = result.as_ref().err().copied().unwrap_or(SecurityStatus::SEC_E_OK);
    let expected = SecurityStatus(number(names::STATUS, expected).cast_signed());
    same("status", found, expected).map(|()| result.ok())
}

/// The handle of a name; NULL and the names of no variable are no handles.
fn handle(table: &BTreeMap<String, SecHandle>, name: Option<&str>) -> SecHandle {
    match name {
        None | Some("@zero") => SecHandle { lower: 0, upper: 0 },
        Some("@invalid") => SecHandle::INVALID,
        Some("@deleted") => SecHandle::DELETED,
        Some("@random") => SecHandle { lower: 0x5eed, upper: 0x1234_5678 },
        Some(name) => *table.get(name).unwrap_or_else(|| panic!("there is no handle {name}")),
    }
}

fn expiry(expected: Option<&str>, found: FileTime) -> Checked {
    match expected {
        None => Ok(()),
        Some("never") => same("expiry", found, NEVER),
        Some(other) => panic!("{other} is no expiry"),
    }
}

impl Run<'_> {
    fn call(&mut self, call: &Call) -> Checked {
        let sspi = &self.sspi;
        let context = |name: &Option<String>| {
            // A credential where a context should be, and the other way round.
            let foreign = name.as_deref().and_then(|name| name.strip_prefix("credential:"));
            foreign
                .map_or_else(|| handle(&self.contexts, name.as_deref()), |name| handle(&self.credentials, Some(name)))
        };
        let credential = |name: &Option<String>| {
            let foreign = name.as_deref().and_then(|name| name.strip_prefix("context:"));
            foreign
                .map_or_else(|| handle(&self.credentials, name.as_deref()), |name| handle(&self.contexts, Some(name)))
        };
        match call {
            Call::EnumerateSecurityPackages(call) => {
                let found: Vec<_> = sspi.enumerate_security_packages().collect();
                same("number of packages", found.len(), call.expect.len())?;
                for info in found {
                    let expected = call.expect.get(info.name).ok_or_else(|| format!("{} is there", info.name))?;
                    values::fields(expected, &mut |name| values::package_field(info, name), &mut self.saved)?;
                }
                Ok(())
            }
            Call::QuerySecurityPackageInfo(call) => {
                let found = sspi.query_security_package_info(call.package.as_deref().unwrap_or_default());
                match status(&call.expect.status, found)? {
                    Some(info) => values::fields(
                        &call.expect.value,
                        &mut |name| values::package_field(info, name),
                        &mut self.saved,
                    ),
                    None => Ok(()),
                }
            }
            Call::AcquireCredentialsHandle(call) => {
                let usage = CredentialUse(numbers(names::CRED_USE, &call.usage));
                let package = call.package.as_deref().unwrap_or_default();
                let identity = call.identity.as_ref().map(|identity| self.identity(identity));
                let found = sspi.acquire_credentials_handle(package, usage, identity.as_ref());
                if let Some((handle, expires)) = status(&call.expect.status, found)? {
                    expiry(call.expect.expiry.as_deref(), expires)?;
                    self.credentials.insert(call.credential.clone(), handle);
                }
                Ok(())
            }
            Call::FreeCredentialsHandle(call) => {
                let result = sspi.free_credentials_handle(credential(&call.credential));
                status(&call.expect.status, result).map(drop)
            }
            Call::QueryCredentialsAttributes(call) => {
                let attribute = number(names::CRED_ATTRIBUTE, &call.attribute);
                let found = sspi.query_credentials_attributes(credential(&call.credential), attribute);
                let Some(name) = status(&call.expect.status, found)? else { return Ok(()) };
                let mut member = |_: &str| Some(values::Found::Text(name.to_string_lossy()));
                values::fields(&call.expect.value, &mut member, &mut self.saved)
            }
            Call::SetCredentialsAttributes(call) | Call::AddCredentials(call) => {
                status(&call.expect.status, sspi.unsupported_on_credential(credential(&call.credential))).map(drop)
            }
            Call::CompleteAuthToken(call) | Call::ApplyControlToken(call) | Call::SetContextAttributes(call) => {
                status(&call.expect.status, sspi.unsupported_on_context(context(&call.context))).map(drop)
            }
            Call::ImpersonateSecurityContext(call) | Call::RevertSecurityContext(call) => {
                status(&call.expect.status, sspi.impersonate(context(&call.context))).map(drop)
            }
            Call::QuerySecurityContextToken(call) => {
                status(&call.expect.status, sspi.query_security_context_token(context(&call.context))).map(drop)
            }
            Call::DeleteSecurityContext(call) => {
                status(&call.expect.status, sspi.delete_security_context(context(&call.context))).map(drop)
            }
            Call::QueryContextAttributes(call) => {
                let attribute = AttributeId(number(names::ATTRIBUTE, &call.attribute));
                let found = sspi.query_context_attributes(context(&call.context), attribute);
                let Some(value) = status(&call.expect.status, found)? else { return Ok(()) };
                values::fields(&call.expect.value, &mut |name| values::member(&value, name), &mut self.saved)
            }
            Call::MakeSignature(call) => {
                let context = context(&call.context);
                self.message(call, |sspi, buffers| sspi.make_signature(context, buffers, call.sequence).map(|()| 0))
            }
            Call::VerifySignature(call) => {
                let context = context(&call.context);
                self.message(call, |sspi, buffers| sspi.verify_signature(context, buffers, call.sequence))
            }
            Call::EncryptMessage(call) => {
                let context = context(&call.context);
                let qop = call.qop.as_deref().map_or(0, |names| numbers(names::QOP, names.split('|')));
                self.message(call, |sspi, buffers| {
                    sspi.encrypt_message(context, qop, buffers, call.sequence).map(|()| 0)
                })
            }
            Call::DecryptMessage(call) => {
                let context = context(&call.context);
                self.message(call, |sspi, buffers| sspi.decrypt_message(context, buffers, call.sequence))
            }
            Call::ExportSecurityContext(call) => {
                let flags = numbers(names::EXPORT, &call.flags);
                let found = sspi.export_security_context(context(&call.context), flags);
                match (status(&call.expect.status, found)?, &call.expect.packed) {
                    (Some(packed), Some(after)) => values::check(after, &packed, &mut self.saved),
                    _ => Ok(()),
                }
            }
            Call::ImportSecurityContext(call) => {
                let packed = values::bytes(&call.packed, &self.saved);
                let found = sspi.import_security_context(call.package.as_deref().unwrap_or_default(), &packed);
                if let Some(handle) = status(&call.expect.status, found)? {
                    self.contexts.insert(call.context.clone(), handle);
                }
                Ok(())
            }
            Call::InitializeSecurityContext(call) => {
                let input = Input::of(call, self);
                let target = call.target.as_ref().map(|target| UnicodeString::from(target.text().as_str()));
                let target = target.or(call.target_units.as_ref().map(|units| UnicodeString::from_units(units)));
                let found = sspi.initialize_security_context(InitializeCall {
                    credential: call.credential.as_ref().map(|_| credential(&call.credential)),
                    context: call.context.as_ref().map(|_| context(&call.context)),
                    target_name: target,
                    context_req: numbers(names::ISC_REQ, &call.request),
                    input_token: input.token.as_deref(),
                    channel_bindings: input.bindings,
                    supplied_identity: input.identity,
                    output: output(call).1,
                });
                self.leg(call, found, names::ISC_RET)
            }
            Call::AcceptSecurityContext(call) => {
                let input = Input::of(call, self);
                let found = sspi.accept_security_context(AcceptCall {
                    credential: call.credential.as_ref().map(|_| credential(&call.credential)),
                    context: call.context.as_ref().map(|_| context(&call.context)),
                    context_req: numbers(names::ASC_REQ, &call.request),
                    input_token: input.token.as_deref(),
                    channel_bindings: input.bindings,
                    output: output(call).1,
                });
                self.leg(call, found, names::ASC_RET)
            }
        }
    }

    fn identity(&self, identity: &NamedIdentity) -> AuthIdentity {
        match identity {
            NamedIdentity::Name(name) => {
                auth_identity(self.common.identities.get(name).unwrap_or_else(|| panic!("there is no identity {name}")))
            }
            NamedIdentity::Inline(identity) => auth_identity(identity),
        }
    }

    /// What a leg gave.
    fn leg(&mut self, call: &Leg, found: Result<ContextOutcome, SecurityStatus>, returned: names::Names) -> Checked {
        let LegExpected { status: expected, attributes, expiry: expires } = &call.expect;
        let status = found.as_ref().map_or_else(|status| *status, |outcome| outcome.status);
        same("status", status, SecurityStatus(number(names::STATUS, expected).cast_signed()))?;
        let Ok(outcome) = found else { return Ok(()) };
        if let Some(attributes) = attributes {
            let wanted = numbers(returned, attributes);
            same("context attributes", outcome.context_attr, wanted)?;
        }
        expiry(expires.as_deref(), outcome.expiry)?;
        if let Some(context) = &call.context {
            same("handle", outcome.context, self.contexts[context])?;
        }
        if let Some(name) = &call.new_context {
            self.contexts.insert(name.clone(), outcome.context);
        }
        let (index, place) = output(call);
        let allocated = call.request.iter().any(|name| name == "ALLOCATE_MEMORY");
        if let (Output::Buffer(size), false) = (place, allocated) {
            let length = outcome.token.len();
            if length > size {
                return Err(format!("a token of {length} bytes for a buffer of {size}"));
            }
        }
        let after = index.and_then(|index| call.output.as_ref()?.get(index)?.after.as_ref());
        match after {
            Some(after) => values::check(after, &outcome.token, &mut self.saved),
            None => same("a token that nobody expects", outcome.token.len(), 0),
        }
    }

    /// A call of a message function over memory of the runner's.
    fn message(
        &mut self,
        call: &Message,
        function: impl FnOnce(&SecurityInterface, &mut [Given<'_>]) -> Result<u32, SecurityStatus>,
    ) -> Checked {
        let before: Vec<Vec<u8>> = call.buffers.iter().map(|buffer| content(buffer, &self.saved)).collect();
        let mut memory = before.clone();
        let mut buffers: Vec<Given<'_>> = call.buffers.iter().zip(&mut memory).map(given).collect();
        let result = function(&self.sspi, &mut buffers);
        let changes: Vec<Change> = buffers.iter().map(|buffer| buffer.change).collect();
        drop(buffers);
        let failed = result.is_err();
        if let (Some(found), Some(expected)) = (status(&call.expect.status, result)?, call.expect.qop) {
            same("quality of protection", found, expected)?;
        }
        for (index, (buffer, change)) in call.buffers.iter().zip(changes).enumerate() {
            let (before, now) = (&before[index], &memory[index]);
            let place = |error| format!("buffer {index} ({}): {error}", buffer.kind);
            if failed {
                same("change after a failure", change, Change::None).map_err(place)?;
            }
            let Some(after) = &buffer.after else {
                same("change", change, Change::None).map_err(place)?;
                same("bytes", now, before).map_err(place)?;
                continue;
            };
            let bytes = match (change, &after.into) {
                (Change::IntoStream { offset, length }, Some(into)) => {
                    same("offset", offset, into.offset).map_err(place)?;
                    &memory[into.buffer][offset..offset + length]
                }
                (Change::Length(length), None) => {
                    let length = length.min(now.len());
                    same("bytes behind cbBuffer", &now[length..], &before[length..]).map_err(place)?;
                    &now[..length]
                }
                (Change::None, None) => now,
                (change, into) => return Err(place(format!("{change:?} instead of {into:?}"))),
            };
            values::check(after, bytes, &mut self.saved).map_err(place)?;
        }
        Ok(())
    }

    /// Everything can be deleted, and nothing is left.
    fn end(self) -> Checked {
        for (name, context) in &self.contexts {
            let result = self.sspi.delete_security_context(*context);
            result.map_err(|status| format!("{name} cannot be deleted at the end: {status:?}"))?;
        }
        for credential in self.credentials.into_values() {
            let _ = self.sspi.free_credentials_handle(credential);
        }
        same("credentials and contexts left", self.sspi.live(), (0, 0))
    }
}

/// pInput.
#[derive(Default)]
struct Input {
    token: Option<Vec<u8>>,
    bindings: Option<ChannelBindings>,
    identity: Option<AuthIdentity>,
}

impl Input {
    fn of(call: &Leg, run: &Run<'_>) -> Self {
        let mut input = Self::default();
        for buffer in call.input.iter().flatten() {
            match BufferType(kind(buffer)).kind() {
                BufferType::TOKEN => input.token = Some(content(buffer, &run.saved)),
                BufferType::CHANNEL_BINDINGS => {
                    let data = buffer.bindings.as_ref().expect("bindings of a CHANNEL_BINDINGS buffer");
                    let data = values::bytes(data, &run.saved);
                    input.bindings = Some(ChannelBindings::from_application_data(&data));
                }
                BufferType::PKG_PARAMS => input.identity = buffer.identity.as_ref().map(|name| run.identity(name)),
                _ => {}
            }
        }
        input
    }
}

/// Which of the output buffers is the TOKEN, and what it looks like.
fn output(call: &Leg) -> (Option<usize>, Output) {
    let buffers = call.output.as_deref().unwrap_or_default();
    let Some(index) = buffers.iter().position(|buffer| BufferType(kind(buffer)).kind() == BufferType::TOKEN) else {
        return (None, Output::Missing);
    };
    let size = buffers[index].size.unwrap_or_default();
    (Some(index), if buffers[index].null { Output::Null(size) } else { Output::Buffer(size) })
}

fn kind(buffer: &Buffer) -> u32 {
    numbers(names::BUFFER, buffer.kind.split('|'))
}

/// What is in a buffer before the call.
fn content(buffer: &Buffer, saved: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    match (&buffer.bytes, buffer.size) {
        (Some(bytes), None) => values::bytes(bytes, saved),
        (None, size) => vec![0xa5; size.unwrap_or_default()],
        (Some(_), Some(_)) => panic!("a buffer has bytes or a size"),
    }
}

/// A buffer as the crate takes it; read-only ones cannot be written by the type.
fn given<'m>((buffer, memory): (&Buffer, &'m mut Vec<u8>)) -> Given<'m> {
    let buffer_type = BufferType(kind(buffer));
    if buffer.null {
        return Given::null(buffer_type);
    }
    let read_only = BufferType::READONLY.0 | BufferType::READONLY_WITH_CHECKSUM.0;
    if buffer_type.0 & read_only != 0 { Given::shared(buffer_type, memory) } else { Given::new(buffer_type, memory) }
}
