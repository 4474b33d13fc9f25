//! Tests of the whole user broker.
