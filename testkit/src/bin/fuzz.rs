//! Runs the bodies of the fuzz targets without a fuzzer: seeds and mutations of them, the same every time, for as long as
//! the command line says. `cargo fuzz run TARGET` digs deeper where it is installed.
//!
//! `fuzz --seconds 3` gives each target three seconds.

use std::time::{Duration, Instant};
use tsugi_proto::fuzzing;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 11] = [
    ("edn", fuzzing::edn),
    ("json", fuzzing::json),
    ("gzip", fuzzing::gzip),
    ("msgpack", fuzzing::msgpack),
    ("outbox", tsugi_client::fuzz),
    ("packet", fuzzing::packet),
    ("websocket", fuzzing::websocket),
    ("query", tsugi::fuzzing::query),
    ("sockjs", fuzzing::sockjs),
    ("transit", fuzzing::transit),
    ("sockjs route", tsugi::fuzzing::sockjs_route),
];

/// Where mutations begin: one of each thing a parser knows.
const SEEDS: [&[u8]; 27] = [
    b"[[:a/b {:a 1, \"s\" [1.5 ##Inf -7N 2M 22/7 \\a \\newline #{1 2} (nil true)]}] \"abc\"]",
    b"#inst \"2020-01-02T03:04:05.678-00:00\" #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\" #:ns{:a 1 :_/b 2} #_ 1 #foo/bar 2",
    b"[[[:srv/n 0] [:srv/n 1]] nil]",
    b"\"\\u00e9\\n\\t\\\\ \\\" \xf0\x9f\x98\x80\" ; comment\n[] {} #{} ()",
    b"[[\"chat/say\",{\"text\":\"hi \\u00e9\\ud83d\\ude00\",\"n\":-1.5e300}],7]\n[[\"a/b\"],null]",
    b"{\"a\":[true,false,null,9007199254740993,\"\"]}",
    b"\x92\x92\xc7\x05\x00my/ev\x82\xd4\x00a\x81\xd4\x08\x00\x01\xa1k\xc7\x09\x04\x92\x81\xd4\x08\x01\xc0\xca\x3f\xc0\x00\x00\xa63f1b2c\x00\x00",
    b"\x97\xd5\x03\x16\x07\xd4\x02a\xc7\x0c\xff\x28\x69\x75\x80\x00\x00\x00\x00\x5e\x0d\x5d\xa5\xd6\xff\x5e\x0d\x5d\xa5\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd1\x80\x00\xd5\x2a\x01\x02",
    b"\x92\xc7\x24\x09f81d4fae-7dec-11d0-a765-00a0c91e6bf6\xdd\x00\x00\x00\x02\xd9\x02hi\xc4\x02\x00\xff",
    b"[[\"~:my/event\",[\"^ \",\"~:key\",[\"~#set\",[[\"^ \",\"^1\",\"~u f81d4fae\"],\"~zNaN\",\"~i10\"]],\"~$sym\",\"^0\"]],\"3f1b2c\"]",
    b"{\"~#cmap\":[{\"~#ratio\":[\"~n22\",\"~n7\"]},\"~f1.5\",[\"~#list\",[]],\"~ca\"]} [\"~#'\",\"~m1577934245678\"]",
    b"[[\"~#foo/bar\",\"~rhttp://x\"],{\"~#point\":[\"^2\",\"~t2020-01-02T03:04:05.678Z\"]},\"~bAAH/\",\"~~\",\"~^\",\"~`\"]",
    b"\x00[[:a/b {:a 1}] nil]",
    GZIPPED,
    b"[[:chsk/handshake [\"u\" nil nil]] nil]",
    b"[[:a/b] nil]garbage",
    b"\x00\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    b"\x06\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b\x88\x82\x00\x00\x00\x00\x03\xe8",
    b"\x01\x81\x02hi\x82\x7e\x00\x80",
    b"\x03\x89\x00\x8a\x01x\x88\x05\x0f\xa1bye",
    b"client-id=a%20b&csrf-token=tok&handshake%3F=1&udt=1&tsugi=1&codec=json",
    b"ppstr=%5B%5B%3Aa%2Fb%20%7B%7D%5D%20nil%5D&client-id=%F0%9F%98%80&=&&a",
    b"[\"a\",\"\\ud83d\\ude00 \\ud800 </script>\\u2028\",\"\"]",
    b"/000/abcdefgh/xhr_streaming/",
    b"E\x07\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0[[\"a/b\"],null]\nR\x08\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0\nD\x07\0\0\0\0\0\0\0",
    b"",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// An event whose data repeats itself, compressed.
const GZIPPED: &[u8] = b"\
    \x01\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x8b\x8e\xb6\x4a\xd4\x4f\x52\x88\xae\xb6\x2a\xca\x2f\x57\
    \x30\xac\x55\xa0\x90\x11\x1b\xab\xa0\x94\x98\x94\xac\x14\x0b\x00\x60\xab\xea\x90\x59\x00\x00\x00\
";

/// Characters that mean something to one of the parsers.
const SYNTAX: &[u8] = b"[]{}()\"\\#:^;_/0129.eEnNM, \n%&=+~";

fn main() {
    let seconds = std::env::args().skip_while(|word| word != "--seconds").nth(1);
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(3.0);
    for (name, body) in TARGETS {
        let runs = run(body, Duration::from_secs_f64(seconds));
        println!("{name}: {runs} inputs, no crash");
    }
}

/// A panic in a body ends the process, which is how a failure shows.
fn run(body: Body, limit: Duration) -> u64 {
    let begun = Instant::now();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut runs = 0;
    SEEDS.iter().for_each(|seed| body(seed));
    while begun.elapsed() < limit {
        for _ in 0..100 {
            let input = random.input();
            body(&input);
            runs += 1;
        }
    }
    runs
}

/// Xorshift: the same sequence every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }

    fn input(&mut self) -> Vec<u8> {
        let mut input = SEEDS[self.below(SEEDS.len())].to_vec();
        for _ in 0..=self.below(6) {
            self.mutate(&mut input);
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(6) {
            0 if at < input.len() => input[at] = self.next() as u8,
            1 if at < input.len() => input[at] ^= 1 << self.below(8),
            2 => input.truncate(at),
            3 => input.insert(at, SYNTAX[self.below(SYNTAX.len())]),
            4 => {
                let other = SEEDS[self.below(SEEDS.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let to = at + self.below(input.len() - at + 1);
                let part = input[at..to].to_vec();
                input.splice(at..at, part);
            }
        }
        input.truncate(4_096);
    }
}
