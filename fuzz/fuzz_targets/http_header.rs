//! The headers of HTTP: no panic, what is read is written and read as the same; and a connection whose requests have any values in the header of the
//! credentials is nobody's as long as no authority says yes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::{EntropyError, LogonFailure, ServerNames};
use ntlm_accounts::Origin;
use ntlm_http::header::{challenges, credentials, write};
use ntlm_http::server::{Acceptor, Connection, Moment, Settings, Step};

fuzz_target!(|data: &[u8]| {
    // Values that the type of header values admits are what gets through HTTP; the readers take any bytes.
    let values = || data.split(|&byte| byte == b'\n');
    for offer in challenges(values()).into_iter().flatten() {
        let Some(token) = &offer.token else { continue };
        let value = write(offer.scheme, token);
        assert_eq!(challenges([value.as_bytes()]), [Ok(offer)]);
    }
    for value in values() {
        if let Ok(Some(read)) = credentials(value) {
            assert_eq!(credentials(write(read.scheme, &read.token).as_bytes()), Ok(Some(read)));
        }
    }

    let acceptor = Acceptor::new(Settings::new(ServerNames::member("WEB1", "EXAMPLE")));
    let mut connection = Connection::new(Origin::default());
    let mut entropy = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok::<(), EntropyError>(())
    };
    for request in values() {
        let values = request.split(|&byte| byte == b'\r');
        match connection.receive(&acceptor, values, Moment::now(), &mut entropy) {
            Step::Pass(_) => panic!("nobody was let in"),
            Step::Ask(question) => assert!(question.decided(Err(LogonFailure::LOGON_FAILURE)).is_err()),
            Step::Answer(answer) => assert!(!answer.status.is_success()),
        }
        assert!(connection.user(&acceptor).is_none());
    }
});
