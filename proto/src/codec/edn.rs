//! EDN. (Being written.)
