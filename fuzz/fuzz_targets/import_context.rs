//! Importing arbitrary bytes as a context: no panic, and what is imported is exported to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::Established;
use ntlm::export::ExportedContext;

fuzz_target!(|data: &[u8]| {
    if let Ok(context) = Established::import(&ExportedContext::from_bytes(data)) {
        let exported = context.export();
        let again = Established::import(&exported).expect("what was exported can be imported").export();
        assert_eq!(exported.expose(), again.expose());
    }
});
