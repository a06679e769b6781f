//! The works that are measured, and the program around them, for the peers in Rust: what `../../../c/works.h` says and does, for a [`Peer`].

mod agreed;
mod measure;
mod works;

use std::any::Any;

pub use agreed::Agreed;
pub use measure::{Clock, rate};
pub use works::{run, used};

/// Domain, user, password and SPN of every peer.
pub const DOMAIN: &str = "EXAMPLE";
pub const USER: &str = "alice";
pub const PASSWORD: &str = "Al1ce-Passw0rd";
pub const TARGET: &str = "host/server1";

/// Before the name of a work: with messages that are as short as can be.
pub const SHORT: &str = "short-";

/// The signature of a message.
pub type Signature = [u8; 16];

/// Credentials and configuration of both sides, and what is done with them. Whatever should succeed and does not ends the program.
pub trait Peer: Send + Sized {
    /// One side of an established context.
    type Context: Send + 'static;

    /// What a logon comes to.
    fn agreed(&mut self) -> Agreed;

    /// A whole logon: client and server.
    fn logon(&mut self) -> (Self::Context, Self::Context);

    /// A server that has sent its CHALLENGE_MESSAGE; `None` where that cannot be measured.
    fn half_open(&mut self) -> Option<Box<dyn Any>>;

    /// For another thread; what threads can share is shared.
    fn share(&self) -> Self;

    fn end(&mut self, context: Self::Context) {
        drop(context);
    }

    /// Seals in place.
    fn seal(&mut self, context: &mut Self::Context, signature: &mut Signature, data: &mut [u8]);

    /// Unseals in place: whether it was the message.
    fn unseal(&mut self, context: &mut Self::Context, signature: &mut Signature, data: &mut [u8]) -> bool;

    fn sign(&mut self, context: &mut Self::Context, signature: &mut Signature, data: &mut [u8]);

    fn verify(&mut self, context: &mut Self::Context, signature: &mut Signature, data: &mut [u8]) -> bool;

    /// Works that only this peer has: the line to print.
    fn other_work(&mut self, _name: &str) -> Option<String> {
        None
    }
}
