//! The user's screens without a terminal: what keys do, and pictures of every screen.

mod cost;
mod frame;
mod hostile;
pub mod scene;
