//! What client and server agreed on, as their messages say.

/// KEY_EXCH, 128, EXTENDED_SESSIONSECURITY, NTLM, SEAL, SIGN and UNICODE.
const WANTED: u32 = 0x6008_0231;

/// What makes the work of two logons the same.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    pub flags: u32,
    /// Bytes of the CHALLENGE_MESSAGE.
    pub challenge: usize,
    /// Bytes of the AUTHENTICATE_MESSAGE, where it can be seen.
    pub authenticate: Option<usize>,
    /// Whether a MIC was sent, and announced by MsvAvFlags.
    pub mic: bool,
    pub ntlm_v2: bool,
}

impl Agreed {
    /// From the messages, without anybody's parser.
    pub fn of_messages(challenge: &[u8], authenticate: &[u8]) -> Self {
        assert!(authenticate.starts_with(b"NTLMSSP\0\x03\0\0\0"), "no AUTHENTICATE_MESSAGE");
        let (length, offset) = (number(authenticate, 20, 2), number(authenticate, 24, 4));
        let response = &authenticate[offset..offset + length];
        let mut pairs = &response[44..];
        let mut announced = 0;
        while number(pairs, 0, 2) != 0 {
            let end = 4 + number(pairs, 2, 2);
            if number(pairs, 0, 2) == 6 {
                announced = number(pairs, 4, 4);
            }
            pairs = &pairs[end..];
        }
        Self {
            flags: u32::try_from(number(authenticate, 60, 4)).expect("32 bits"),
            challenge: challenge.len(),
            authenticate: Some(authenticate.len()),
            mic: announced & 2 != 0 && authenticate[72..88] != [0; 16],
            ntlm_v2: response[16] == 1,
        }
    }

    /// Ends the program unless the flags in force are at least the wanted ones, with an NTLMv2 response and a MIC.
    pub fn check(self) {
        assert_eq!(self.flags & WANTED, WANTED, "flags in force: {:#x}", self.flags);
        assert!(self.ntlm_v2, "no NTLMv2");
        assert!(self.mic, "no MIC");
    }
}

/// A little-endian number.
fn number(bytes: &[u8], offset: usize, length: usize) -> usize {
    bytes[offset..offset + length].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
}
