//! Contexts: InitializeSecurityContext, AcceptSecurityContext, and what ends or moves a context.

use ntlm::UnicodeString;
use ntlm_sspi::{AcceptCall, ContextOutcome, InitializeCall, Meanings, Output, SecurityStatus};

use crate::alloc::Block;
use crate::buffers::{self, Buffers, Descriptor, Place};
use crate::credentials::time_stamp;
use crate::frame::{Answer, Ignored, In, Out, export};
use crate::identity;
use crate::settings::{self, interface};
use crate::string::{Character, Text};
use crate::types::{SEC_CHAR, SEC_WCHAR, SecHandle, TimeStamp};

/// Where the results of a leg go.
struct Results<'a> {
    is_first: bool,
    allocate: bool,
    new_context: &'a Out<SecHandle>,
    output: &'a Buffers,
    context_attr: &'a Out<u32>,
    expiry: &'a Out<TimeStamp>,
}

impl Results<'_> {
    fn output(&self) -> Output {
        self.output.output()
    }

    /// The first leg makes a handle, which must have a place to go.
    fn check(&self) -> Answer {
        if self.is_first { self.new_context.required_handle() } else { Ok(()) }
    }

    /// Hands everything out. A token that cannot be handed out ends the context.
    fn put(self, outcome: &ContextOutcome) -> Answer<SecurityStatus> {
        if let Err(status) = self.output.put_token(&outcome.token, self.allocate) {
            interface().abandon_security_context(outcome.context, self.is_first);
            return Err(status);
        }
        self.new_context.write(outcome.context.into());
        self.context_attr.write(outcome.context_attr);
        self.expiry.write(time_stamp(outcome.expiry));
        Ok(outcome.status)
    }
}

/// The target's name, which is never looked up and may be absent.
fn target_name<C: Character>(name: &Text<C>) -> Answer<Option<UnicodeString>> {
    // The longest that is not refused behind this anyway.
    const LONGEST: usize = 0xffff;
    name.read(LONGEST).map_err(|_| SecurityStatus::SEC_E_TARGET_UNKNOWN)
}

struct Initialize<'a, C> {
    credential: &'a In<SecHandle>,
    context: &'a In<SecHandle>,
    target_name: &'a Text<C>,
    context_req: u32,
    input: &'a Descriptor,
    new_context: &'a Out<SecHandle>,
    output: &'a Descriptor,
    context_attr: &'a Out<u32>,
    expiry: &'a Out<TimeStamp>,
}

fn initialize<C: Character>(call: &Initialize<'_, C>) -> Answer<SecurityStatus> {
    let requests = Meanings::from_isc_req(call.context_req);
    let (mut input, mut output) = (Buffers::new(), Buffers::new());
    call.input.read(&mut input)?;
    call.output.read(&mut output)?;
    let context = call.context.optional_handle();
    let results = Results {
        is_first: context.is_none(),
        allocate: requests.contains(Meanings::ALLOCATE_MEMORY),
        new_context: call.new_context,
        output: &output,
        context_attr: call.context_attr,
        expiry: call.expiry,
    };
    results.check()?;
    let token = input.token()?;
    let supplied = input.package_parameters();
    let supplied = supplied.filter(|_| requests.contains(Meanings::USE_SUPPLIED_CREDS));
    let outcome = interface().initialize_security_context(InitializeCall {
        credential: call.credential.optional_handle(),
        context,
        target_name: target_name(call.target_name)?,
        context_req: call.context_req,
        input_token: token,
        channel_bindings: input.channel_bindings()?,
        supplied_identity: supplied.map(identity::of_buffer).transpose()?,
        output: results.output(),
    });
    let outcome = outcome.inspect_err(|status| {
        if *status == SecurityStatus::SEC_E_NO_AUTHENTICATING_AUTHORITY {
            settings::explain();
        }
    })?;
    results.put(&outcome)
}

export! {
    /// InitializeSecurityContextW.
    fn InitializeSecurityContextW(
        phCredential: In<SecHandle>,
        phContext: In<SecHandle>,
        pszTargetName: Text<SEC_WCHAR>,
        fContextReq: u32,
        _Reserved1: u32,
        _TargetDataRep: u32,
        pInput: Descriptor,
        _Reserved2: u32,
        phNewContext: Out<SecHandle>,
        pOutput: Descriptor,
        pfContextAttr: Out<u32>,
        ptsExpiry: Out<TimeStamp>,
    ) {
        initialize(&Initialize {
            credential: &phCredential,
            context: &phContext,
            target_name: &pszTargetName,
            context_req: fContextReq,
            input: &pInput,
            new_context: &phNewContext,
            output: &pOutput,
            context_attr: &pfContextAttr,
            expiry: &ptsExpiry,
        })
    }

    /// InitializeSecurityContextA.
    fn InitializeSecurityContextA(
        phCredential: In<SecHandle>,
        phContext: In<SecHandle>,
        pszTargetName: Text<SEC_CHAR>,
        fContextReq: u32,
        _Reserved1: u32,
        _TargetDataRep: u32,
        pInput: Descriptor,
        _Reserved2: u32,
        phNewContext: Out<SecHandle>,
        pOutput: Descriptor,
        pfContextAttr: Out<u32>,
        ptsExpiry: Out<TimeStamp>,
    ) {
        initialize(&Initialize {
            credential: &phCredential,
            context: &phContext,
            target_name: &pszTargetName,
            context_req: fContextReq,
            input: &pInput,
            new_context: &phNewContext,
            output: &pOutput,
            context_attr: &pfContextAttr,
            expiry: &ptsExpiry,
        })
    }

    /// AcceptSecurityContext.
    fn AcceptSecurityContext(
        phCredential: In<SecHandle>,
        phContext: In<SecHandle>,
        pInput: Descriptor,
        fContextReq: u32,
        _TargetDataRep: u32,
        phNewContext: Out<SecHandle>,
        pOutput: Descriptor,
        pfContextAttr: Out<u32>,
        ptsTimeStamp: Out<TimeStamp>,
    ) {
        let (mut input, mut output) = (Buffers::new(), Buffers::new());
        pInput.read(&mut input)?;
        pOutput.read(&mut output)?;
        let context = phContext.optional_handle();
        let results = Results {
            is_first: context.is_none(),
            allocate: Meanings::from_asc_req(fContextReq).contains(Meanings::ALLOCATE_MEMORY),
            new_context: &phNewContext,
            output: &output,
            context_attr: &pfContextAttr,
            expiry: &ptsTimeStamp,
        };
        results.check()?;
        let token = input.token()?;
        let outcome = interface().accept_security_context(AcceptCall {
            credential: phCredential.optional_handle(),
            context,
            context_req: fContextReq,
            input_token: token,
            channel_bindings: input.channel_bindings()?,
            output: results.output(),
        })?;
        results.put(&outcome)
    }

    /// CompleteAuthToken: never needed, and not supported.
    fn CompleteAuthToken(phContext: In<SecHandle>, _pToken: Ignored) {
        interface().unsupported_on_context(phContext.handle()?)
    }

    /// ApplyControlToken: not supported.
    fn ApplyControlToken(phContext: In<SecHandle>, _pInput: Ignored) {
        interface().unsupported_on_context(phContext.handle()?)
    }

    /// DeleteSecurityContext.
    fn DeleteSecurityContext(phContext: In<SecHandle>) {
        interface().delete_security_context(phContext.handle()?)
    }

    /// ImpersonateSecurityContext: threads have no tokens here. Refused, unless the configuration wants it said without effect.
    fn ImpersonateSecurityContext(phContext: In<SecHandle>) {
        interface().impersonate(phContext.handle()?)
    }

    /// RevertSecurityContext: as ImpersonateSecurityContext.
    fn RevertSecurityContext(phContext: In<SecHandle>) {
        interface().impersonate(phContext.handle()?)
    }

    /// QuerySecurityContextToken: there is none. `*Token` stays as it is.
    fn QuerySecurityContextToken(phContext: In<SecHandle>, _Token: Ignored) {
        interface().query_security_context_token(phContext.handle()?)
    }

    /// ExportSecurityContext. The block that it gives holds the session's keys.
    fn ExportSecurityContext(phContext: In<SecHandle>, fFlags: u32, pPackedContext: Place, _pToken: Ignored) {
        let context = phContext.handle()?;
        // Before the context is gone.
        pPackedContext.read().ok_or(SecurityStatus::SEC_E_INTERNAL_ERROR)?;
        let packed = interface().export_security_context(context, fFlags)?;
        let length = packed.len();
        pPackedContext.write(length, Block::of_bytes(&packed)?.give());
        Ok(())
    }

    /// ImportSecurityContextW.
    fn ImportSecurityContextW(
        pszPackage: Text<SEC_WCHAR>,
        pPackedContext: Place,
        _Token: Ignored,
        phContext: Out<SecHandle>,
    ) {
        import(&pszPackage, &pPackedContext, &phContext)
    }

    /// ImportSecurityContextA.
    fn ImportSecurityContextA(
        pszPackage: Text<SEC_CHAR>,
        pPackedContext: Place,
        _Token: Ignored,
        phContext: Out<SecHandle>,
    ) {
        import(&pszPackage, &pPackedContext, &phContext)
    }
}

fn import<C: Character>(package: &Text<C>, packed: &Place, context: &Out<SecHandle>) -> Answer {
    // Far longer than any export.
    const LONGEST: usize = 1 << 20;
    context.required_handle()?;
    let package = package.package()?;
    interface().query_security_package_info(&package)?;
    let packed = packed.read().ok_or(SecurityStatus::SEC_E_INVALID_TOKEN)?;
    let packed = zeroize::Zeroizing::new(buffers::copy(&packed, LONGEST)?);
    let handle = interface().import_security_context(&package, &packed)?;
    context.write(handle.into());
    Ok(())
}
