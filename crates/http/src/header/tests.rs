//! The grammar, by example and by property.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use HeaderErrorKind as Kind;

type Read = Result<(Scheme, Option<Vec<u8>>), Kind>;

fn offers(values: &[&str]) -> Vec<Read> {
    let values = values.iter().map(|value| value.as_bytes());
    let read =
        |offer: Result<Offer, HeaderError>| offer.map(|offer| (offer.scheme, offer.token)).map_err(|error| error.kind);
    challenges(values).into_iter().map(read).collect()
}

fn bare(scheme: Scheme) -> Read {
    Ok((scheme, None))
}

#[test]
fn challenges_come_in_one_line_or_in_several() {
    let both = [bare(Scheme::Negotiate), bare(Scheme::Ntlm)];
    for values in [
        ["Negotiate, NTLM"].as_slice(),
        &["Negotiate", "NTLM"],
        &["negotiate,ntlm"],
        &[" , NEGOTIATE ,\t, nTLM,, "],
        &["Basic realm=\"x\", Negotiate, Digest realm=\"y\", nonce=\"z\", qop=auth, NTLM"],
        &["Negotiate, Basic realm=\"x\"", "Bearer", "NTLM, Digest realm = \"y\" , nonce = z"],
    ] {
        assert_eq!(offers(values), both, "{values:?}");
    }
}

#[test]
fn quoted_strings_hide_their_commas_and_their_schemes() {
    assert_eq!(offers(&[r#"Basic realm="a, NTLM, b", NTLM"#]), [bare(Scheme::Ntlm)]);
    assert_eq!(offers(&[r#"Basic realm="a \", NTLM b\\", NTLM"#]), [bare(Scheme::Ntlm)]);
    assert_eq!(offers(&[r#"Basic realm="never closed, NTLM"#]), []);
}

#[test]
fn other_schemes_and_parameters_are_skipped_whatever_they_are_called() {
    for value in [
        "",
        ",",
        "Bearer",
        "NTLMv2",
        "XNTLM abc",
        "Nego2 YII=",
        "Basic ntlm=1",
        "Digest a=1, NTLM=2",
        "Digest a=1, ntlm =2",
        "=",
        "\"NTLM\"",
    ] {
        assert_eq!(offers(&[value]), [], "{value}");
    }
    assert_eq!(offers(&["Basic YWJj, NTLM YWJj"]), [Ok((Scheme::Ntlm, Some(b"abc".to_vec())))]);
}

#[test]
fn each_challenge_is_read_for_itself() {
    assert_eq!(
        offers(&["Negotiate Y, NTLM YWJj", "NTLM"]),
        [Err(Kind::Unpadded), Ok((Scheme::Ntlm, Some(b"abc".to_vec()))), bare(Scheme::Ntlm)]
    );
    assert_eq!(offers(&["NTLM realm=\"x\", Negotiate"]), [Err(Kind::Parameters), bare(Scheme::Negotiate)]);
}

#[test]
fn credentials_of_other_schemes_are_none() {
    for value in
        ["", " ", "Basic YWxpY2U6c2VjcmV0", "Bearer abc", "NTLMv2 YWJj", "Digest username=\"ntlm\"", ", NTLM YWJj"]
    {
        assert_eq!(credentials(value.as_bytes()), Ok(None), "{value}");
    }
    assert_eq!(credentials(b"\xff\x00"), Ok(None));
}

#[test]
fn credentials_may_have_blanks_around_them_and_any_case() {
    for value in ["NTLM YWJj", "ntlm YWJj", " Ntlm   YWJj\t"] {
        let token = b"abc".to_vec();
        assert_eq!(credentials(value.as_bytes()), Ok(Some(Credentials { scheme: Scheme::Ntlm, token })), "{value}");
    }
}

#[test]
fn a_token_that_is_not_strict_base64_is_refused_and_the_error_says_what_and_where() {
    for (value, position, kind) in [
        ("NTLM", 4, Kind::NoToken),
        ("NTLM  ", 6, Kind::NoToken),
        ("NTLM YWJj YWJj", 9, Kind::Whitespace),
        ("NTLM YWJj\tYWJj", 9, Kind::Whitespace),
        ("NTLM YWI= YWJj", 9, Kind::Whitespace),
        ("NTLM\tYWJj", 4, Kind::Whitespace),
        ("NTLM YWJj\r\n YWJj", 9, Kind::Character(b'\r')),
        ("NTLM YW", 7, Kind::Unpadded),
        ("NTLM YWI", 8, Kind::Unpadded),
        ("NTLM YWI==", 10, Kind::Unpadded),
        ("NTLM YW==YWJj", 9, Kind::Character(b'Y')),
        ("NTLM YW-_", 7, Kind::Character(b'-')),
        ("NTLM YWJj, Basic YWJj", 9, Kind::Character(b',')),
        ("NTLM realm=\"x\"", 5, Kind::Parameters),
        ("NTLM=YWJj", 4, Kind::Parameters),
        ("Negotiate YWK=", 12, Kind::LeftoverBits),
    ] {
        let error = credentials(value.as_bytes()).unwrap_err();
        assert_eq!((error.position, error.kind), (position, kind), "{value:?}: {error}");
    }
    let error = credentials(b"NTLM YWJj YWJj").unwrap_err();
    assert_eq!(
        error.to_string(),
        "whitespace in the NTLM token, which is base64 in one piece (at byte 9 of the header value)"
    );
}

#[test]
fn tokens_have_a_longest_length() {
    let longest = write(Scheme::Ntlm, &vec![7; MAX_TOKEN]);
    assert_eq!(credentials(longest.as_bytes()).unwrap().unwrap().token.len(), MAX_TOKEN);
    for more in 1..4 {
        let longer = write(Scheme::Ntlm, &vec![7; MAX_TOKEN + more]);
        assert_eq!(credentials(longer.as_bytes()).unwrap_err().kind, Kind::TooLong);
    }
    let error = challenges([write(Scheme::Ntlm, &vec![7; 2 * MAX_TOKEN]).as_bytes()]).remove(0).unwrap_err();
    assert_eq!((error.scheme, error.kind), (Scheme::Ntlm, Kind::TooLong));
}

#[test]
fn what_is_written_is_not_printed() {
    let value = write(Scheme::Negotiate, b"secret");
    assert!(value.is_sensitive() && !format!("{value:?}").contains("c2Vj"), "{value:?}");
    let credentials = credentials(value.as_bytes()).unwrap().unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials { scheme: Negotiate, token_length: 6 }");
    let offer = challenges([value.as_bytes()]).remove(0).unwrap();
    assert_eq!(format!("{offer:?}"), "Offer { scheme: Negotiate, token_length: Some(6) }");
}

#[test]
fn schemes_are_read_in_any_case_and_written_in_one() {
    for scheme in [Scheme::Ntlm, Scheme::Negotiate] {
        assert_eq!(scheme.to_string().to_lowercase().parse(), Ok(scheme));
        assert_eq!(scheme.offer(), scheme.name());
    }
    assert_eq!("Basic".parse::<Scheme>(), Err(UnknownScheme));
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(value in vec(any::<u8>(), 0..200)) {
        let _ = credentials(&value);
        prop_assert!(challenges([value.as_slice()]).len() <= value.len() / 4);
    }

    #[test]
    fn no_text_of_the_grammar_makes_the_readers_panic(value in "((?i:ntlm|negotiate|basic)|[ ,=\"\\\\\tA-C+/-]){0,30}") {
        let _ = credentials(value.as_bytes());
        prop_assert!(challenges([value.as_bytes()]).len() <= value.len() / 4);
    }

    #[test]
    fn what_was_written_is_read_back(token in vec(any::<u8>(), 1..300), negotiate: bool) {
        let scheme = if negotiate { Scheme::Negotiate } else { Scheme::Ntlm };
        let value = write(scheme, &token);
        let read = credentials(value.as_bytes()).unwrap().unwrap();
        prop_assert_eq!((read.scheme, &read.token), (scheme, &token));
        let line = format!("Basic realm=\"x\", {}, Bearer", value.to_str().unwrap());
        prop_assert_eq!(challenges([line.as_bytes()]), [Ok(Offer { scheme, token: Some(token) })]);
    }
}
