//! Whatever a server says, the logon of a connection ends, and gives no more away than one answer to one challenge.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use ntlm::{ClientConfig, ClientPolicy};
use ntlm_http::client::logon::{Logon, Party, Schemes, Step};
use ntlm_http::header::{self, Scheme};
use proptest::prelude::*;

use crate::support::{alice, challenge, entropy, now};

/// What a server may say.
#[derive(Clone, Debug)]
enum Saying {
    Bare(Scheme),
    Challenge(Scheme),
    Noise(Scheme, Vec<u8>),
    Other,
}

fn saying() -> impl Strategy<Value = Saying> {
    let scheme = prop_oneof![Just(Scheme::Ntlm), Just(Scheme::Negotiate)];
    prop_oneof![
        scheme.clone().prop_map(Saying::Bare),
        scheme.clone().prop_map(Saying::Challenge),
        (scheme, prop::collection::vec(any::<u8>(), 0..64)).prop_map(|(scheme, bytes)| Saying::Noise(scheme, bytes)),
        Just(Saying::Other),
    ]
}

fn responses() -> impl Strategy<Value = Vec<(StatusCode, Vec<Saying>)>> {
    let status = prop_oneof![
        5 => Just(StatusCode::UNAUTHORIZED),
        1 => Just(StatusCode::OK),
        1 => Just(StatusCode::PROXY_AUTHENTICATION_REQUIRED),
    ];
    prop::collection::vec((status, prop::collection::vec(saying(), 0..3)), 0..16)
}

proptest! {
    #[test]
    fn a_logon_ends_and_answers_at_most_one_challenge_that_it_asked_for(
        responses in responses(),
        at_once in any::<bool>(),
        schemes in prop_oneof![Just(Schemes::Both), Just(Schemes::Ntlm), Just(Schemes::Negotiate)],
    ) {
        let challenge = challenge();
        let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
        let mut logon = Logon::new(Party::Server, config, alice(), ntlm::client::Exchange::default(), schemes);
        if at_once {
            logon = logon.at_once(Scheme::Ntlm);
        }
        let (mut negotiated, mut answered, mut challenged) = (0, 0, false);
        for (status, sayings) in responses {
            let withheld = logon.withholds_body();
            let Ok(credentials) = logon.credentials() else { break };
            let message = credentials.map(|value| header::credentials(value.as_bytes()).unwrap().unwrap().token[8]);
            match message {
                Some(1) => {
                    negotiated += 1;
                    prop_assert!(withheld, "a body goes with a NEGOTIATE_MESSAGE");
                }
                Some(3) => {
                    answered += 1;
                    prop_assert!(challenged, "an answer without a challenge");
                }
                other => prop_assert_eq!(other, None),
            }
            prop_assert!(negotiated <= 2 && answered <= 1, "{} {}", negotiated, answered);
            let mut headers = HeaderMap::new();
            for saying in &sayings {
                let value = match saying {
                    Saying::Bare(scheme) => scheme.offer(),
                    Saying::Challenge(scheme) => header::write(*scheme, &challenge),
                    Saying::Noise(scheme, bytes) => header::write(*scheme, bytes),
                    Saying::Other => HeaderValue::from_static("Basic realm=\"x\""),
                };
                headers.append("www-authenticate", value);
            }
            let asked = status == StatusCode::UNAUTHORIZED;
            let has_challenge = sayings.iter().any(|saying| matches!(saying, Saying::Challenge(_)));
            challenged = asked && message == Some(1) && has_challenge;
            match logon.response(status, &headers, now(), &mut entropy) {
                // It is over, and stays so.
                Err(_) => {
                    prop_assert_eq!(logon.credentials(), Ok(None));
                    prop_assert!(!logon.is_settled());
                    break;
                }
                Ok(Step::Anew) => {
                    prop_assert_eq!(answered, 1);
                    break;
                }
                Ok(step) => prop_assert_eq!(step == Step::Again, asked),
            }
        }
    }
}
