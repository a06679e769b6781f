//! The messages of the core's logon.

use std::time::SystemTime;

use ntlm::{Entropy, EntropyError, FileTime};

use crate::work::Work;

struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// CHALLENGE_MESSAGE and AUTHENTICATE_MESSAGE, as `Work::handshake` makes and accepts them.
pub fn of_a_logon(work: &Work) -> (Vec<u8>, Vec<u8>) {
    let now = FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
    let (client, _, challenge) = work.half_open().expect("half a logon");
    let mut authenticate = Vec::new();
    client.receive(&challenge, now, &mut System, &mut authenticate).expect("a logon");
    (challenge, authenticate)
}
