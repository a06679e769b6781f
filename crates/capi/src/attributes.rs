//! QueryContextAttributes: the values of attributes as the structures that C gets. What a structure points to is a block of its own.

use std::ffi::c_void;

use ntlm::UnicodeString;
use ntlm_sspi::{AttributeId, AttributeValue, SecurityStatus};

use crate::alloc::Block;
use crate::credentials::time_stamp;
use crate::frame::{Answer, Ignored, In, Out, Parameter, export};
use crate::packages;
use crate::settings::interface;
use crate::string::{self, Character};
use crate::types::*;

/// Where an attribute's structure goes, and how much room there is when the caller says so.
pub struct Place {
    memory: *mut c_void,
    room: Option<u32>,
}

impl Parameter for Place {
    type Raw = *mut c_void;
    unsafe fn vouched(raw: *mut c_void) -> Self {
        Self { memory: raw, room: None }
    }
}

impl Place {
    fn with_room(self, room: u32) -> Self {
        Self { room: Some(room), ..self }
    }

    /// The place as one for a `T`.
    fn of<T: Plain>(&self) -> Answer<Out<T>> {
        // SAFETY: the caller of the C function vouches for memory for the attribute's structure.
        let out = unsafe { Out::<T>::vouched(self.memory.cast()) };
        out.required()?;
        match self.room {
            Some(room) if (room as usize) < size_of::<T>() => Err(SecurityStatus::SEC_E_BUFFER_TOO_SMALL),
            _ => Ok(out),
        }
    }

    fn put<T: Plain>(&self, value: T) -> Answer {
        self.of()?.write(value);
        Ok(())
    }
}

fn text<C: Character>(text: &UnicodeString) -> Answer<Block> {
    string::block::<C>(text.units())
}

fn ascii<C: Character>(value: &str) -> Answer<Block> {
    text::<C>(&value.into())
}

fn counted(bytes: &[u8]) -> Answer<(u32, Block)> {
    let length = u32::try_from(bytes.len()).map_err(|_| SecurityStatus::SEC_E_INTERNAL_ERROR)?;
    Ok((length, Block::of_bytes(bytes)?))
}

fn query<C: Character>(context: &In<SecHandle>, attribute: u32, place: &Place) -> Answer {
    let value = interface().query_context_attributes(context.handle()?, AttributeId(attribute))?;
    put::<C>(&value, place)
}

/// Lays a value out. Blocks are handed out after everything that can fail.
fn put<C: Character>(value: &AttributeValue, place: &Place) -> Answer {
    match value {
        AttributeValue::Sizes { max_token, max_signature, block_size, security_trailer } => {
            place.put(SecPkgContext_Sizes {
                cbMaxToken: *max_token,
                cbMaxSignature: *max_signature,
                cbBlockSize: *block_size,
                cbSecurityTrailer: *security_trailer,
            })
        }
        AttributeValue::Names(name) | AttributeValue::Authority(name) => {
            let place = place.of()?;
            place.write(text::<C>(name)?.give());
            Ok(())
        }
        // UTF-16 in both families.
        AttributeValue::ClientSpecifiedTarget(name) => {
            let place = place.of()?;
            place.write(text::<SEC_WCHAR>(name)?.give());
            Ok(())
        }
        AttributeValue::Lifespan { start, expiry } => {
            place.put(SecPkgContext_Lifespan { tsStart: time_stamp(*start), tsExpiry: time_stamp(*expiry) })
        }
        AttributeValue::PasswordExpiry(expiry) => place.put(time_stamp(*expiry)),
        AttributeValue::DceInfo { authorization_service, name } => {
            let place = place.of()?;
            // The structure is one for both families: UTF-16.
            let name = text::<SEC_WCHAR>(name)?;
            place.write(SecPkgContext_DceInfo { AuthzSvc: *authorization_service, pPac: name.give() });
            Ok(())
        }
        AttributeValue::KeyInfo {
            signature_algorithm_name,
            encrypt_algorithm_name,
            key_size,
            signature_algorithm,
            encrypt_algorithm,
        } => {
            let place = place.of()?;
            let (sign, encrypt) = (ascii::<C>(signature_algorithm_name)?, ascii::<C>(encrypt_algorithm_name)?);
            place.write(SecPkgContext_KeyInfo {
                sSignatureAlgorithmName: sign.give(),
                sEncryptAlgorithmName: encrypt.give(),
                KeySize: *key_size,
                SignatureAlgorithm: *signature_algorithm,
                EncryptAlgorithm: *encrypt_algorithm,
            });
            Ok(())
        }
        AttributeValue::SessionKey(key) => bytes(&*key.0, place),
        AttributeValue::TargetInformation(pairs) => bytes(pairs, place),
        AttributeValue::PackageInfo(package) => {
            let place = place.of()?;
            place.write(packages::block::<C>(&[*package])?.give());
            Ok(())
        }
        AttributeValue::NegotiationInfo { package, state } => {
            let place = place.of()?;
            let package = packages::block::<C>(&[*package])?;
            place.write(SecPkgContext_NegotiationInfo { PackageInfo: package.give(), NegotiationState: *state });
            Ok(())
        }
        AttributeValue::NativeNames { client, server } => {
            let place = place.of()?;
            let (client, server) = (text::<C>(client)?, text::<C>(server)?);
            place.write(SecPkgContext_NativeNames { sClientName: client.give(), sServerName: server.give() });
            Ok(())
        }
        AttributeValue::Flags(flags) => place.put(*flags),
        AttributeValue::LastClientTokenStatus(status) => place.put(*status as u32),
    }
}

fn bytes(bytes: &[u8], place: &Place) -> Answer {
    let place = place.of()?;
    let (length, block) = counted(bytes)?;
    place.write(Counted { Length: length, Data: block.give() });
    Ok(())
}

export! {
    /// QueryContextAttributesW.
    fn QueryContextAttributesW(phContext: In<SecHandle>, ulAttribute: u32, pBuffer: Place) {
        query::<SEC_WCHAR>(&phContext, ulAttribute, &pBuffer)
    }

    /// QueryContextAttributesA.
    fn QueryContextAttributesA(phContext: In<SecHandle>, ulAttribute: u32, pBuffer: Place) {
        query::<SEC_CHAR>(&phContext, ulAttribute, &pBuffer)
    }

    /// QueryContextAttributesExW.
    fn QueryContextAttributesExW(phContext: In<SecHandle>, ulAttribute: u32, pBuffer: Place, cbBuffer: u32) {
        query::<SEC_WCHAR>(&phContext, ulAttribute, &pBuffer.with_room(cbBuffer))
    }

    /// QueryContextAttributesExA.
    fn QueryContextAttributesExA(phContext: In<SecHandle>, ulAttribute: u32, pBuffer: Place, cbBuffer: u32) {
        query::<SEC_CHAR>(&phContext, ulAttribute, &pBuffer.with_room(cbBuffer))
    }

    /// SetContextAttributesW: not supported.
    fn SetContextAttributesW(phContext: In<SecHandle>, _ulAttribute: u32, _pBuffer: Ignored, _cbBuffer: u32) {
        interface().unsupported_on_context(phContext.handle()?)
    }

    /// SetContextAttributesA: not supported.
    fn SetContextAttributesA(phContext: In<SecHandle>, _ulAttribute: u32, _pBuffer: Ignored, _cbBuffer: u32) {
        interface().unsupported_on_context(phContext.handle()?)
    }
}
