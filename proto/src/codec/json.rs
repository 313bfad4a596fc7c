//! JSON. (Being written.)
