//! Credentials, and the legs of an exchange.

use std::ffi::c_void;

use ntlm_sspi::SecurityStatus;
use ntlmsspi::extension::ntlm_sspi_acquire_with_nt_hash;
use ntlmsspi::types::SecHandle;

use crate::buffers::{Buffers, CHANNEL_BINDINGS, TOKEN};
use crate::callbacks::{self, Answer, RIGHT_HASH};
use crate::identity::Identity;
use crate::input::{Character, Input, Memory, optional, pointer};
use crate::program::{MOST_KEPT, NOWHERE, Program, call, export};

const ALLOCATE_MEMORY: u32 = 0x100;
const ALLOW_NULL_SESSION: u32 = 0x10_0000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// What one call of InitializeSecurityContext or AcceptSecurityContext gets.
struct Leg<'a, C> {
    side: Side,
    credential: Option<SecHandle>,
    context: Option<SecHandle>,
    target: &'a [C],
    requests: u32,
    given: Buffers,
    out: Buffers,
    /// Whether there is a place for the new handle.
    has_place: bool,
    /// Whether there are places for attributes and expiry.
    has_results: bool,
}

fn requests(input: &mut Input<'_>) -> u32 {
    match input.byte() & 7 {
        0 => input.word(),
        1 => 0,
        2 | 3 => 0x1C | ALLOCATE_MEMORY,
        4 => 0x800,
        _ => 0x1C,
    }
}

impl<C: Character> Program<C> {
    pub fn acquire(&mut self, input: &mut Input<'_>) {
        let package = Self::package(input);
        let usage = match input.byte() & 15 {
            0 => input.word(),
            choice => u32::from(choice & 3),
        };
        let identity = Identity::new(input);
        let has_place = input.byte() & 31 != 0;
        self.acquire_as(&package, usage, identity.pointer(), has_place);
    }

    /// AcquireCredentialsHandle with an identity of any origin.
    pub fn acquire_as(&mut self, package: &[C], usage: u32, identity: *mut c_void, has_place: bool) -> SecurityStatus {
        let (mut handle, mut expiry) = (NOWHERE, 0);
        let place = if has_place { &raw mut handle } else { std::ptr::null_mut() };
        let (package, null) = (pointer(package), std::ptr::null_mut());
        let status = call!(
            self,
            AcquireCredentialsHandle(null, package, usage, null, identity, null, null, place, &raw mut expiry)
        );
        if status.is_success() {
            self.credentials.push(handle);
        }
        status
    }

    pub fn initialize(&mut self, input: &mut Input<'_>) {
        let (credential, first) = (self.credential(input), input.byte() & 1 == 0);
        let context = if first { None } else { self.context(input) };
        let target = match input.byte() & 3 {
            0 => Box::default(),
            1 => C::text(&String::from_utf8_lossy(input.bytes(20))),
            _ => C::text("HTTP/server.example.test"),
        };
        let requests = requests(input);
        let mut given = self.leg_input(input);
        given.is_null |= first && input.byte() & 7 != 0;
        let out = self.leg_output(input, requests & ALLOCATE_MEMORY != 0);
        let has_place = input.byte() & 15 != 0;
        let (side, target, has_results) = (Side::Client, &*target, true);
        self.play(&mut Leg { side, credential, context, target, requests, given, out, has_place, has_results });
    }

    pub fn accept(&mut self, input: &mut Input<'_>) {
        let (credential, first) = (self.credential(input), input.byte() & 1 == 0);
        let context = if first { None } else { self.context(input) };
        let requests = requests(input);
        let given = self.leg_input(input);
        let out = self.leg_output(input, requests & ALLOCATE_MEMORY != 0);
        let has_place = input.byte() & 15 != 0;
        let (side, target, has_results) = (Side::Server, &[][..], true);
        self.play(&mut Leg { side, credential, context, target, requests, given, out, has_place, has_results });
    }

    /// Makes the call and takes over what it put out: the status, and the context that the next leg continues.
    fn play(&mut self, leg: &mut Leg<'_, C>) -> (SecurityStatus, Option<SecHandle>) {
        let (mut made, mut attributes, mut expiry) = (leg.context.unwrap_or(NOWHERE), 0, 0);
        let place = if leg.has_place { &raw mut made } else { std::ptr::null_mut() };
        let (credential, context) = (optional(&leg.credential), optional(&leg.context));
        let (target, requests) = (pointer(leg.target), leg.requests);
        let (attributes, expiry) = match leg.has_results {
            true => (&raw mut attributes, &raw mut expiry),
            false => (std::ptr::null_mut(), std::ptr::null_mut()),
        };
        let authority = callbacks::authority_begins();
        let status = leg.given.with(|given| {
            leg.out.with(|out| match leg.side {
                Side::Client => call!(
                    self,
                    InitializeSecurityContext(
                        credential, context, target, requests, 0, 0, given, 0, place, out, attributes, expiry,
                    )
                ),
                Side::Server => call!(
                    self,
                    AcceptSecurityContext(credential, context, given, requests, 0, place, out, attributes, expiry)
                ),
            })
        });
        self.put_out(status, &leg.out, leg.requests & ALLOCATE_MEMORY != 0);
        self.check_verdict(leg, status, authority.is_some());
        let same = |context: SecHandle| (context.dwLower, context.dwUpper) == (made.dwLower, made.dwUpper);
        match leg.context {
            None if status.is_success() => {
                assert!(made.dwLower != usize::MAX, "a context without a handle");
                self.contexts.push(made);
                (status, Some(made))
            }
            None => {
                assert!(made.dwLower == usize::MAX, "a handle after a failure");
                (status, None)
            }
            Some(context) => {
                assert!(same(context), "the handle was changed");
                (status, Some(context))
            }
        }
    }

    /// Nobody gets in past the authority that is set.
    fn check_verdict(&mut self, leg: &Leg<'_, C>, status: SecurityStatus, is_asked: bool) {
        if leg.side == Side::Server {
            self.allows_anonymous |= leg.requests & ALLOW_NULL_SESSION != 0;
            let is_logon = status == SecurityStatus::SEC_E_OK && !self.allows_anonymous;
            assert!(!is_logon || !is_asked || callbacks::let_in(), "a logon without the authority's leave");
        }
    }

    /// Takes over what a leg put out.
    fn put_out(&mut self, status: SecurityStatus, out: &Buffers, allocated: bool) {
        if !status.is_success() || out.is_null {
            return;
        }
        let Some(token) = out.token().filter(|token| !token.pvBuffer.is_null() && token.cbBuffer > 0) else { return };
        let (start, length) = (token.pvBuffer.cast::<u8>(), token.cbBuffer as usize);
        // SAFETY: the library says that so many bytes are there: in a block of its own, or in memory of this program, whose guards are whole.
        let bytes = unsafe { std::slice::from_raw_parts(start, length) }.to_vec();
        self.keep_token(bytes);
        if allocated {
            self.blocks.push(token.pvBuffer);
        }
    }

    /// A whole exchange. Whether it went through; it does, unless the program holds too much already or something was chosen that forbids it.
    ///
    /// Of the first byte, 7 chooses requests, 8 the package, 16 a hash instead of the password, 32 bindings on both sides, and 64 others for the server.
    pub fn handshake(&mut self, input: &mut Input<'_>) -> bool {
        if self.contexts.len() >= 2 * MOST_KEPT {
            return false;
        }
        // Zeros are a choice that must work.
        let choice = input.byte();
        let requests = [0x1C, 0, 0x8, 0x10, 0x8_001C, 0x1_001C, 0x4, 0x14][usize::from(choice & 7)];
        let credentials = self.credentials_of_both(choice & 8 != 0, choice & 16 != 0);
        let others = choice & 96 == 96;
        let is_let_in = callbacks::authority_begins().is_none_or(Answer::lets_alice_in);
        let goes_through = choice & 7 == 0 && !others && is_let_in;
        let (mut contexts, mut token) = ([None; 2], Vec::new());
        for side in [0, 1, 0, 1] {
            let mut given = vec![(TOKEN, Memory::new(&token, 0))];
            if choice & 32 != 0 {
                let bindings = Memory::new(&self.bindings, 0);
                if others && side == 1 {
                    // Of the application data, the last byte.
                    bindings.flip(bindings.len() - 1, 1);
                }
                given.push((CHANNEL_BINDINGS, bindings));
            }
            let mut leg = Leg {
                side: if side == 0 { Side::Client } else { Side::Server },
                credential: Some(credentials[side]),
                context: contexts[side],
                target: &[],
                requests: if side == 0 { requests } else { requests & 0x1C },
                given: Buffers::of(given),
                out: Buffers::with_room(),
                has_place: true,
                has_results: false,
            };
            let (status, context) = self.play(&mut leg);
            contexts[side] = context;
            if !status.is_success() {
                assert!(!goes_through, "the exchange failed with {status}");
                return false;
            }
            let length = leg.out.entries[0].cbBuffer as usize;
            token = leg.out.memory[0].content()[..length].to_vec();
        }
        assert!(!others, "the bindings differ");
        true
    }

    /// Credentials of alice, and of a server.
    fn credentials_of_both(&mut self, negotiate: bool, by_hash: bool) -> [SecHandle; 2] {
        let name = if negotiate { "Negotiate" } else { "NTLM" };
        let package = C::text(name);
        let identity = Identity::alice();
        if by_hash {
            let (mut handle, narrow) = (NOWHERE, Memory::narrow(name.as_bytes()));
            let status = export!(
                ntlm_sspi_acquire_with_nt_hash;
                narrow.start().cast_const().cast(),
                2,
                c"alice".as_ptr(),
                c"EXAMPLE".as_ptr(),
                &raw const RIGHT_HASH,
                &raw mut handle,
                std::ptr::null_mut(),
            );
            assert_eq!(status, SecurityStatus::SEC_E_OK);
            self.credentials.push(handle);
        } else {
            assert_eq!(self.acquire_as(&package, 2, identity.pointer(), true), SecurityStatus::SEC_E_OK);
        }
        assert_eq!(self.acquire_as(&package, 1, std::ptr::null_mut(), true), SecurityStatus::SEC_E_OK);
        let [.., client, server] = self.credentials.as_slice() else { unreachable!("both were added") };
        [*client, *server]
    }
}
