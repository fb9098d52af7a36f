//! Commands that look after a store: checks, repairs, copies, pruning and compacting.

mod backup;
mod check;
mod checksum;
mod damage;
mod progress;
mod prune;
mod space;
