//! What the server promises, one module for each behaviour.

mod architecture;
