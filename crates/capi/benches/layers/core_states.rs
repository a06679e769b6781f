//! The core: the work that its own benchmarks and `ntlm bench` measure.

use ntlm::session::Signature;
use ntlm::{Established, Piece};

use crate::layer::{Agreed, Layer};
use crate::work::Work;

impl Layer for Work {
    type Context = Established;

    fn agreed(&self) -> Agreed {
        let (_, _, challenge) = self.half_open().expect("half a logon");
        let (_, server) = Work::handshake(self).expect("a logon");
        Agreed {
            challenge: challenge.len(),
            flags: server.info.flags(),
            target_name: server.info.target_name().cloned(),
            mic: server.info.has_mic(),
        }
    }

    fn handshake(&self) -> (Established, Established) {
        Work::handshake(self).expect("a logon")
    }

    fn delete(&self, context: Established) {
        drop(context);
    }

    fn seal(&self, context: &mut Established, token: &mut Signature, data: &mut [u8]) {
        *token = context.session.seal(&mut [Piece::Sealed(data)]).expect("a signature");
    }

    fn unseal(&self, context: &mut Established, token: &mut Signature, data: &mut [u8]) {
        context.session.unseal(&mut [Piece::Sealed(data)], token).expect("the message");
    }

    fn sign(&self, context: &mut Established, token: &mut Signature, data: &mut [u8]) {
        *token = context.session.sign(&[data]).expect("a signature");
    }

    fn verify(&self, context: &mut Established, token: &mut Signature, data: &mut [u8]) {
        context.session.verify(&[data], token).expect("the message");
    }
}
