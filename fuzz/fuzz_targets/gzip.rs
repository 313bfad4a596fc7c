#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsugi_proto::fuzzing::gzip(data));
