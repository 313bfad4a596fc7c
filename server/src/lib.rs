//! Channel sockets for axum, and for anything on tower and hyper. (Being written.)
