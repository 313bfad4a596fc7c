//! What both ends of the protocol promise together, one module per behaviour.

#![allow(clippy::unwrap_used, reason = "tests; clippy.toml excepts only what stands in a #[test] function")]

mod allocations;
mod every_codec;
mod pair_chaos;
mod pair_scenarios;
