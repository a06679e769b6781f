//! What the work costs in instructions, which no noise of the machine changes: run under callgrind by `instructions.py`, which compares with the figures kept beside
//! it. Run by itself it does everything once and says nothing.

#[path = "../../cli/src/bench/work.rs"]
mod work;

use std::hint::black_box;

use ntlm::{Piece, Session};
use work::{SIZES, Work, pass};

/// Each of these is measured by its name.
#[inline(never)]
fn measured_handshake(work: &Work) {
    black_box(work.handshake().expect("a logon"));
}

#[inline(never)]
fn measured_handshake_and_messages(work: &Work) {
    work.handshake_and_messages().expect("a logon");
}

macro_rules! by_size {
    ($($pass:ident $sign:ident $size:literal;)*) => {
        $(
            #[inline(never)]
            fn $pass(from: &mut Session, to: &mut Session, data: &mut [u8]) {
                pass(from, to, data).expect("the message");
            }

            #[inline(never)]
            fn $sign(session: &mut Session, data: &[u8]) {
                black_box(session.sign(&[data]).expect("a signature"));
            }
        )*

        fn messages(work: &Work) {
            $(
                let (mut client, mut server) = work.sessions().expect("a logon");
                let mut data = vec![0x5a; $size];
                // The first message derives the keys.
                pass(&mut client, &mut server, &mut data).expect("the message");
                $pass(&mut client, &mut server, &mut data);
                $sign(&mut client, &data);
            )*
        }

        const MEASURED: &[usize] = &[$($size),*];
    };
}

by_size! {
    measured_seal_and_unseal_64 measured_sign_64 64;
    measured_seal_and_unseal_1024 measured_sign_1024 1024;
    measured_seal_and_unseal_16384 measured_sign_16384 16384;
    measured_seal_and_unseal_65536 measured_sign_65536 65536;
}

fn main() {
    assert_eq!(MEASURED, SIZES, "the same sizes are measured everywhere");
    let work = Work::new();
    // Once unmeasured: what is made once is not what is measured.
    work.handshake().expect("a logon");
    measured_handshake(&work);
    measured_handshake_and_messages(&work);
    messages(&work);
    // A failed verification goes back to where it was.
    let (mut client, mut server) = work.sessions().expect("a logon");
    let mut data = vec![0x5a; 1024];
    let signature = client.seal(&mut [Piece::Sealed(&mut data)]).expect("a signature");
    data[0] ^= 1;
    measured_refusal_1024(&mut server, &mut data, &signature);
}

#[inline(never)]
fn measured_refusal_1024(session: &mut Session, data: &mut [u8], signature: &[u8]) {
    black_box(session.unseal(&mut [Piece::Sealed(data)], signature).expect_err("another message"));
}
