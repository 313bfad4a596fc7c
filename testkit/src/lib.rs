//! What the project's own tests and measurements need. Not published.
