//! Messages: MakeSignature, VerifySignature, EncryptMessage, DecryptMessage.

use ntlm_sspi::interface::{SECQOP_WRAP_NO_ENCRYPT, SECQOP_WRAP_OOB_DATA};

use crate::buffers::{Access, Descriptor};
use crate::frame::{Answer, In, Out, export};
use crate::settings::interface;
use crate::types::SecHandle;

fn encrypt(context: &In<SecHandle>, quality_of_protection: u32, message: &Descriptor, sequence_number: u32) -> Answer {
    let context = context.handle()?;
    let signs_alone = quality_of_protection & !SECQOP_WRAP_OOB_DATA == SECQOP_WRAP_NO_ENCRYPT;
    let access = if signs_alone { Access::SIGN } else { Access::ENCRYPT };
    message.run(access, |buffers| interface().encrypt_message(context, quality_of_protection, buffers, sequence_number))
}

fn decrypt(
    context: &In<SecHandle>,
    message: &Descriptor,
    sequence_number: u32,
    quality_of_protection: &Out<u32>,
) -> Answer {
    let context = context.handle()?;
    let found =
        message.run(Access::DECRYPT, |buffers| interface().decrypt_message(context, buffers, sequence_number))?;
    quality_of_protection.write(found);
    Ok(())
}

export! {
    /// MakeSignature.
    fn MakeSignature(phContext: In<SecHandle>, _fQOP: u32, pMessage: Descriptor, MessageSeqNo: u32) {
        let context = phContext.handle()?;
        pMessage.run(Access::SIGN, |buffers| interface().make_signature(context, buffers, MessageSeqNo))
    }

    /// VerifySignature.
    fn VerifySignature(phContext: In<SecHandle>, pMessage: Descriptor, MessageSeqNo: u32, pfQOP: Out<u32>) {
        let context = phContext.handle()?;
        let found = pMessage.run(Access::VERIFY, |buffers| interface().verify_signature(context, buffers, MessageSeqNo))?;
        pfQOP.write(found);
        Ok(())
    }

    /// EncryptMessage.
    fn EncryptMessage(phContext: In<SecHandle>, fQOP: u32, pMessage: Descriptor, MessageSeqNo: u32) {
        encrypt(&phContext, fQOP, &pMessage, MessageSeqNo)
    }

    /// DecryptMessage.
    fn DecryptMessage(phContext: In<SecHandle>, pMessage: Descriptor, MessageSeqNo: u32, pfQOP: Out<u32>) {
        decrypt(&phContext, &pMessage, MessageSeqNo, &pfQOP)
    }

    /// SealMessage: EncryptMessage under its old name.
    fn SealMessage(phContext: In<SecHandle>, fQOP: u32, pMessage: Descriptor, MessageSeqNo: u32) {
        encrypt(&phContext, fQOP, &pMessage, MessageSeqNo)
    }

    /// UnsealMessage: DecryptMessage under its old name.
    fn UnsealMessage(phContext: In<SecHandle>, pMessage: Descriptor, MessageSeqNo: u32, pfQOP: Out<u32>) {
        decrypt(&phContext, &pMessage, MessageSeqNo, &pfQOP)
    }
}
