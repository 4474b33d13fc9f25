//! The chat without a terminal.
