//! The client's way to a server, against small servers of these tests and against the engine itself.
