//! A proptest strategy for random queries, which can simplify a failing query.

use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::choices::Choices;
use super::generator::Generator;
use super::query::Query;
use super::subject::{Subject, Way};

/// Queries on a subject, each with a way to run it.
#[derive(Clone, Copy)]
pub struct Queries<'a>(pub &'a Subject);

impl std::fmt::Debug for Queries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.description)
    }
}

impl Strategy for Queries<'_> {
    type Tree = Shrinking;
    type Value = (Query, Way);

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let choices = Choices::of_seed(runner.rng().next_u64());
        let mut generator = Generator::new(choices, &self.0.relations);
        let query = generator.query();
        let way = *generator.choices.of(&Way::ALL);
        Ok(Shrinking { current: query.clone(), best: query, way, simpler: Vec::new().into_iter() })
    }
}

/// A failing query, and the simpler ones to try next.
pub struct Shrinking {
    current: Query,
    best: Query,
    way: Way,
    simpler: std::vec::IntoIter<Query>,
}

impl ValueTree for Shrinking {
    type Value = (Query, Way);

    fn current(&self) -> Self::Value {
        (self.current.clone(), self.way)
    }

    fn simplify(&mut self) -> bool {
        self.best = self.current.clone();
        self.simpler = self.best.simpler().into_iter();
        self.complicate()
    }

    fn complicate(&mut self) -> bool {
        let next = self.simpler.next();
        let more = next.is_some();
        self.current = next.unwrap_or_else(|| self.best.clone());
        more
    }
}
