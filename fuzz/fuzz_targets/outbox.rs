#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsugi_client::fuzz(data));
