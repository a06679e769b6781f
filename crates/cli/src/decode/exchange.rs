//! What of an exchange is known when a message comes: the messages before it.

use std::collections::HashMap;

use ntlm::wire::{ChallengeMessage, NegotiateMessage};

use super::message::Message;

/// The messages of one exchange so far, and what was given on the command line for when the input lacks it.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    negotiate: Option<Vec<u8>>,
    challenge: Option<Challenge>,
    given_negotiate: Option<Vec<u8>>,
    given_challenge: Option<Challenge>,
    /// Every challenge so far, and the message that it came in.
    seen: HashMap<[u8; 8], Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Challenge {
    server_challenge: [u8; 8],
    /// `None` where only the eight bytes are known.
    message: Option<Vec<u8>>,
}

impl Exchange {
    /// Takes a NEGOTIATE_MESSAGE to use where the input has none.
    pub(super) fn give_negotiate(&mut self, bytes: Vec<u8>) {
        self.given_negotiate = Some(bytes);
    }

    /// Takes a challenge, and its message if that is known, to use where the input has none.
    pub(super) fn give_challenge(&mut self, server_challenge: [u8; 8], message: Option<Vec<u8>>) {
        self.given_challenge = Some(Challenge { server_challenge, message });
    }

    /// Takes in the next message.
    pub(super) fn take(&mut self, message: &Message<'_>, bytes: &[u8]) {
        match message {
            Message::Negotiate(_) => {
                self.negotiate = Some(bytes.to_vec());
                // An exchange begins: an older challenge belongs to another one.
                self.challenge = None;
            }
            Message::Challenge(message) => {
                self.seen.entry(message.server_challenge).or_insert_with(|| bytes.to_vec());
                let server_challenge = message.server_challenge;
                self.challenge = Some(Challenge { server_challenge, message: Some(bytes.to_vec()) });
            }
            Message::Authenticate(_) => {}
        }
    }

    /// The NEGOTIATE_MESSAGE as it was on the wire.
    pub(super) fn negotiate_bytes(&self) -> Option<&[u8]> {
        self.negotiate.as_deref().or(self.given_negotiate.as_deref())
    }

    /// The CHALLENGE_MESSAGE as it was on the wire.
    pub(super) fn challenge_bytes(&self) -> Option<&[u8]> {
        self.latest()?.message.as_deref()
    }

    pub(super) fn negotiate(&self) -> Option<NegotiateMessage<'_>> {
        NegotiateMessage::parse(self.negotiate_bytes()?).ok()
    }

    pub(super) fn challenge(&self) -> Option<ChallengeMessage<'_>> {
        ChallengeMessage::parse(self.challenge_bytes()?).ok()
    }

    pub(super) fn server_challenge(&self) -> Option<[u8; 8]> {
        self.latest().map(|challenge| challenge.server_challenge)
    }

    fn latest(&self) -> Option<&Challenge> {
        self.challenge.as_ref().or(self.given_challenge.as_ref())
    }

    /// Whether a challenge came in another message before. The same message twice is one that was logged twice.
    pub(super) fn is_repeated(&self, server_challenge: [u8; 8], message: &[u8]) -> bool {
        self.seen.get(&server_challenge).is_some_and(|first| first != message)
    }
}
