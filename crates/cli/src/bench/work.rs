//! The work that is measured: shared by `ntlm bench` and the criterion benchmarks of the core crate.

use std::sync::Arc;
use std::time::SystemTime;

use ntlm::{
    ClientConfig, ClientPolicy, Credentials, Entropy, EntropyError, Error, Established, FileTime, NtHash, Password,
    Piece, Requirements, ServerConfig, ServerNames, ServerPolicy, Session, UnicodeString, client, server,
};

/// Sizes of the messages that are signed and sealed, in bytes.
pub(crate) const SIZES: [usize; 4] = [64, 1024, 16 * 1024, 64 * 1024];

/// A client and a server that share what many exchanges share: configurations, credentials, the account's hash.
pub(crate) struct Work {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    credentials: Arc<Credentials>,
    account: NtHash,
    target_name: Option<UnicodeString>,
    now: FileTime,
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

impl Work {
    /// Both sides strict: NTLMv2, MIC, key exchange, signing and sealing.
    pub(crate) fn new() -> Self {
        Self::with(ClientPolicy::strict(), ServerNames::member("SERVER1", "EXAMPLE"), Some("host/server1".into()))
    }

    /// A strict server with `names`, for a client with `policy` that means `target_name`: both go into the messages.
    pub(crate) fn with(policy: ClientPolicy, names: ServerNames, target_name: Option<UnicodeString>) -> Self {
        let password = Password::new("Al1ce-Passw0rd");
        Self {
            client: Arc::new(ClientConfig::new(policy)),
            server: Arc::new(ServerConfig::new(names, ServerPolicy::strict())),
            credentials: Arc::new(Credentials::new(r"EXAMPLE\alice", &password)),
            account: password.nt_hash(),
            target_name,
            now: FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()),
        }
    }

    /// Both sides wait for the last message. Gives them and the CHALLENGE_MESSAGE.
    pub(crate) fn half_open(&self) -> Result<(client::ExpectChallenge, server::ExpectAuthenticate, Vec<u8>), Error> {
        let requirements = Requirements::seal();
        let asked =
            client::Exchange { target_name: self.target_name.clone(), requirements, ..client::Exchange::default() };
        let offered = server::Exchange { requirements, ..server::Exchange::default() };
        let (mut negotiate, mut challenge) = (Vec::new(), Vec::new());
        let client = client::Start::new(Arc::clone(&self.client), Arc::clone(&self.credentials), asked);
        let client = client.send(&mut negotiate)?;
        let server = server::ExpectNegotiate::new(Arc::clone(&self.server), offered);
        let server = server.receive(&negotiate, self.now, &mut SystemEntropy, &mut challenge)?;
        Ok((client, server, challenge))
    }

    /// A whole logon: both sides, all three messages.
    pub(crate) fn handshake(&self) -> Result<(Established, Established), Error> {
        let (client, server, challenge) = self.half_open()?;
        let mut authenticate = Vec::new();
        let client = client.receive(&challenge, self.now, &mut SystemEntropy, &mut authenticate)?;
        let question = server.receive(&authenticate, self.now)?;
        let verdict = question.logon().verify(Some(&self.account));
        Ok((client, question.finish(verdict)?))
    }

    /// The sessions of client and server after a logon.
    pub(crate) fn sessions(&self) -> Result<(Session, Session), Error> {
        self.handshake().map(|(client, server)| (client.session, server.session))
    }

    /// A whole logon, and one sealed message of 64 bytes each way.
    pub(crate) fn handshake_and_messages(&self) -> Result<(), Error> {
        let (mut client, mut server) = self.handshake()?;
        let mut data = [0x5a; 64];
        pass(&mut client.session, &mut server.session, &mut data)?;
        pass(&mut server.session, &mut client.session, &mut data)
    }
}

/// Seals `data` on one side and unseals it on the other.
pub(crate) fn pass(from: &mut Session, to: &mut Session, data: &mut [u8]) -> Result<(), Error> {
    let signature = from.seal(&mut [Piece::Sealed(data)])?;
    to.unseal(&mut [Piece::Sealed(data)], &signature)
}
