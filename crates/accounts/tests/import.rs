//! What an import makes of files of other programs.

use ntlm::{LogonFailure, Password};
use ntlm_accounts::import::{self, HeaderError, Import, ImportFormat};
use ntlm_accounts::line::{LineError, RejectedLine};
use ntlm_accounts::{Account, AccountName};
use proptest::prelude::*;

const NT_HASH: &str = "878D8014606CDA29677A44EFA1353FC7";

fn read(content: &str) -> Import {
    import::read(content.as_bytes(), None).unwrap()
}

fn names(import: &Import) -> Vec<(usize, String)> {
    let name = |account: &Account| {
        let domain = account.name.domain().map(|domain| format!("{domain}\\")).unwrap_or_default();
        format!("{domain}{}", account.name.user())
    };
    import.accounts.iter().map(|numbered| (numbered.number, name(&numbered.account))).collect()
}

fn reasons(import: &Import) -> Vec<(usize, LineError)> {
    import.rejected.iter().map(|RejectedLine { number, reason }| (*number, *reason)).collect()
}

fn knows_secret(account: &Account) -> bool {
    account.nt_hash.as_ref().is_some_and(|hash| hash.expose() == Password::new("secret").nt_hash().expose())
}

#[test]
fn the_format_is_told_by_the_content() {
    let none = "X".repeat(32);
    let smbpasswd = format!("# users\nalice:1000:{none}:{NT_HASH}:[U]:LCT-0:\n");
    for (content, format) in [
        ("EXAMPLE:alice:secret\n".to_owned(), ImportFormat::UserFile),
        (smbpasswd, ImportFormat::UserFile),
        ("\u{feff}# from the old server\r\n\r\nUser,Password\r\nalice,secret\r\n".to_owned(), ImportFormat::Csv),
        ("domain;user;nt_hash\nEXAMPLE;alice;878D8014606CDA29677A44EFA1353FC7\n".to_owned(), ImportFormat::Csv),
        ("\"user\" , \"password\"".replace(' ', ""), ImportFormat::Csv),
        (String::new(), ImportFormat::UserFile),
    ] {
        let import = read(&content);
        assert_eq!((import.format, import.rejected.len()), (format, 0), "{content}");
        assert!(import.accounts.iter().all(|numbered| knows_secret(&numbered.account)), "{content}");
    }
}

#[test]
fn bad_lines_are_numbered_and_good_ones_kept() {
    let import = read("EXAMPLE:alice:secret\nbad\n\nEXAMPLE:ALICE:again\n:bob:\n:carol:secret\n:#dave:x\n");
    assert_eq!(names(&import), [(1, r"EXAMPLE\alice".to_owned()), (6, "carol".to_owned())]);
    assert_eq!(
        reasons(&import),
        [
            (2, LineError::NoUserFileLine),
            (4, LineError::Duplicate),
            (5, LineError::NoPassword),
            (7, LineError::OddName)
        ]
    );
}

#[test]
fn columns_of_csv_stand_in_any_order_and_case() {
    let content = format!(
        "DISABLED, Nt_Hash ,Domain,password,USER\n\
         ,,EXAMPLE,secret,alice\n\
         yes,{NT_HASH},,,bob\n\
         FALSE,{},.,,carol\n\
         1,,,\"se,\"\"cret\",\"DOM\\dave\"\n",
        "X".repeat(32)
    );
    let import = read(&content);
    assert_eq!(import.rejected, []);
    assert_eq!(
        names(&import),
        [(2, r"EXAMPLE\alice"), (3, "bob"), (4, "carol"), (5, r"DOM\dave")].map(|(n, name)| (n, name.to_owned()))
    );
    let accounts = import.accounts.iter().map(|numbered| &numbered.account).collect::<Vec<_>>();
    assert!(knows_secret(accounts[0]) && knows_secret(accounts[1]) && accounts[2].nt_hash.is_none());
    assert_eq!(*accounts[3].nt_hash.as_ref().unwrap().expose(), *Password::new("se,\"cret").nt_hash().expose());
    let barred = accounts.iter().map(|account| account.barred).collect::<Vec<_>>();
    let disabled = Some(LogonFailure::ACCOUNT_DISABLED);
    assert_eq!(barred, [None, disabled, None, disabled]);
}

#[test]
fn records_of_csv_that_are_no_accounts_are_refused_one_by_one() {
    for (record, reason) in [
        ("alice,EXAMPLE,secret", LineError::OddFields),
        ("alice,EXAMPLE,secret,,,", LineError::OddFields),
        ("\"alice,EXAMPLE,secret,,", LineError::OddFields),
        ("\"alice\"x,EXAMPLE,secret,,", LineError::OddFields),
        (",EXAMPLE,secret,,", LineError::NoUser),
        ("alice,EXAMPLE,,,", LineError::NoPassword),
        ("alice,EXAMPLE,secret,878D8014606CDA29677A44EFA1353FC7,", LineError::TwoSecrets),
        ("alice,EXAMPLE,,878D,", LineError::OddHash),
        ("alice,EXAMPLE,secret,,maybe", LineError::OddState),
        ("alice, EXAMPLE,secret,,", LineError::OuterBlank),
        ("alice ,EXAMPLE,secret,,", LineError::OuterBlank),
        (r"A\alice,EXAMPLE,secret,,", LineError::OddName),
        ("a:b,EXAMPLE,secret,,", LineError::OddName),
    ] {
        let content = format!("user,domain,password,nt_hash,disabled\nbob,,secret,,\n{record}\ncarol,,secret,,\n");
        let import = read(&content);
        assert_eq!(reasons(&import), [(3, reason)], "{record}");
        assert_eq!(import.accounts.len(), 2, "{record}");
        assert!(!import.rejected[0].to_string().contains("alice"));
    }
}

#[test]
fn a_csv_file_needs_a_header_that_is_understood() {
    for (content, error) in [
        ("", HeaderError::Missing),
        ("# nothing\n\n", HeaderError::Missing),
        ("alice,secret\n", HeaderError::UnknownColumn(1)),
        ("user,password,disabeld\n", HeaderError::UnknownColumn(3)),
        ("user,password,User\n", HeaderError::DoubledColumn(3)),
        ("password,domain\n", HeaderError::NoUser),
        ("user,domain\n", HeaderError::NoSecret),
        ("\"user,password\n", HeaderError::Missing),
    ] {
        let found = import::read(content.as_bytes(), Some(ImportFormat::Csv)).unwrap_err();
        assert_eq!(found, error, "{content}");
        assert!(!found.to_string().contains("secret"));
    }
}

#[test]
fn csv_with_a_column_too_many_is_not_read_as_something_else() {
    for (content, error) in [
        ("user,password,note\nalice,se:cr:et,x\n", HeaderError::UnknownColumn(3)),
        ("\u{feff}\"Name\";\"Password\"\r\nalice;secret\r\n", HeaderError::UnknownColumn(1)),
        ("user,mail\nalice,a@b:c:d\n", HeaderError::UnknownColumn(2)),
    ] {
        assert_eq!(import::read(content.as_bytes(), None).unwrap_err(), error, "{content}");
    }
    // A bad line is a bad line, and the good ones are kept.
    for first in ["hello, world", "user password", "EXAMPLE:user,password"] {
        let import = read(&format!("{first}\nEXAMPLE:alice:secret\n"));
        assert_eq!((import.accounts.len(), reasons(&import)), (1, vec![(1, LineError::NoUserFileLine)]), "{first}");
    }
}

#[test]
fn a_file_of_nothing_but_separators_costs_little() {
    // Once each field of a long line had as much memory as the line has bytes.
    let line = ",".repeat(4 << 20);
    for (content, format) in [(line.clone(), None), (line, Some(ImportFormat::UserFile))] {
        assert_eq!(reasons(&import::read(content.as_bytes(), format).unwrap()), [(1, LineError::TooLong)]);
    }
    assert_eq!(import::read(b"user,password,", Some(ImportFormat::Csv)).unwrap_err(), HeaderError::UnknownColumn(3));
    let many = format!("user,password{}\n", ",user".repeat(1000));
    assert_eq!(import::read(many.as_bytes(), None).unwrap_err(), HeaderError::DoubledColumn(3));
}

#[test]
fn a_format_that_is_asked_for_is_the_one_that_is_read() {
    let lines = b"EXAMPLE:alice:secret\n";
    let import = import::read(lines, Some(ImportFormat::Smbpasswd)).unwrap();
    assert_eq!(reasons(&import), [(1, LineError::NoSmbpasswdLine)]);
    assert!(import::read(lines, Some(ImportFormat::Csv)).is_err());
    let import = import::read(b"user,password\n", Some(ImportFormat::UserFile)).unwrap();
    assert_eq!(reasons(&import), [(1, LineError::NoUserFileLine)]);
}

#[test]
fn long_lines_and_files_without_end_are_refused() {
    let content = format!("EXAMPLE:alice:{}\nEXAMPLE:bob:secret\n", "x".repeat(8192));
    let import = read(&content);
    assert_eq!(reasons(&import), [(1, LineError::TooLong)]);
    assert_eq!(import.accounts.len(), 1);
    let error = import::content(&mut std::io::repeat(b'\n')).unwrap_err().to_string();
    assert!(error.contains("longer than 64 MiB"), "{error}");
    assert_eq!(**import::content(&mut content.as_bytes()).unwrap(), *content.as_bytes());
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(content: Vec<u8>, csv: bool) {
        let format = if csv { Some(ImportFormat::Csv) } else { None };
        if let Ok(import) = import::read(&content, format) {
            let lines = content.split(|&byte| byte == b'\n').count();
            prop_assert!(import.accounts.len() + import.rejected.len() <= lines);
        }
    }

    #[test]
    fn records_that_are_written_are_read(user in "[a-zé\"; ]{1,8}", domain in "[A-Z,\"]{0,5}", password in "[^\r\n]{1,12}") {
        prop_assume!(user.trim() == user && !domain.starts_with('#'));
        let quoted = [&user, &domain, &password].map(|field| format!("\"{}\"", field.replace('"', "\"\"")));
        let import = read(&format!("user,domain,password\n{}\n", quoted.join(",")));
        prop_assert_eq!(import.rejected, []);
        let account = &import.accounts[0].account;
        prop_assert_eq!(&account.name, &AccountName::new(&domain.as_str().into(), &user.as_str().into()));
        let hash = Password::new(&password).nt_hash();
        prop_assert_eq!(account.nt_hash.as_ref().unwrap().expose(), hash.expose());
    }
}
