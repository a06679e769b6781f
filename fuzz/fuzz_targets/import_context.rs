//! Importing arbitrary bytes as a context: no panic, and what is imported is exported to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ntlm::Established;
use ntlm::export::ExportedContext;

fuzz_target!(|data: &[u8]| {
    if let Ok(context) = Established::import(ExportedContext::from_bytes(data)) {
        let exported = context.export().expect("exported");
        let copy = ExportedContext::from_bytes(exported.expose());
        let again = Established::import(copy).expect("what was exported can be imported").export().expect("exported");
        assert_eq!(exported.expose(), again.expose());
    }
});
