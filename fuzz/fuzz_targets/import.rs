//! Files of accounts: every line is an account, a comment, or told by its number; nothing that is taken for an account is open to everybody.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use ntlm_accounts::MemoryStore;
use ntlm_accounts::import::{self, ImportFormat};

fuzz_target!(|data: &[u8]| {
    let Some((choice, content)) = data.split_first() else { return };
    let format = match choice % 4 {
        0 => None,
        1 => Some(ImportFormat::Smbpasswd),
        2 => Some(ImportFormat::UserFile),
        _ => Some(ImportFormat::Csv),
    };
    let Ok(import) = import::read(content, format) else { return };
    assert!(format.is_none_or(|format| format == import.format));
    let lines = content.split(|&byte| byte == b'\n').count();
    let mut numbers = HashSet::new();
    for line in &import.rejected {
        assert!((1..=lines).contains(&line.number) && numbers.insert(line.number), "{line}");
    }
    let mut store = MemoryStore::new();
    for numbered in import.accounts {
        assert!((1..=lines).contains(&numbered.number) && numbers.insert(numbered.number));
        assert!(numbered.account.name.can_be_kept());
        assert!(numbered.account.nt_hash.as_ref().is_none_or(|hash| !hash.is_of_empty_password()));
        assert!(store.insert(numbered.account).is_ok(), "a name twice");
    }
});
