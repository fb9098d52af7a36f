//! A synthetic fleet.
