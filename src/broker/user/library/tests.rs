//! The library over a real database.
