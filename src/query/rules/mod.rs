//! The rules that sessions of the store use in addition to DataFusion's.
//!
//! - [`push_limit_to_scan`] and [`unique_sort_key`] let scans stop early;
//! - [`correlated_subqueries`] runs subqueries that DataFusion refuses;
//! - [`dotted_keys`] reads paths into JSON;
//! - [`count_texts`] lets a scan count by the dictionaries of columnar copies;
//! - [`dictionary_aggregate`] groups by the ids of texts, and [`packed_sort`] sorts by their ranks;
//! - [`guarded_filter`] and [`common_subexpressions`] let conditions guard each other;
//! - the others work around bugs of DataFusion 55.2. Each file describes its bug, and says when it
//!   can be removed.

mod aggregate_statistics;
mod common_subexpressions;
mod comparisons;
mod correlated_subqueries;
mod count_texts;
mod dictionary_aggregate;
mod dotted_keys;
mod empty_inputs;
mod except;
mod filter_pushdown;
mod guarded_filter;
mod in_lists;
mod lossy_cast;
mod nullable_sides;
mod nullable_subqueries;
mod offset;
mod packed_sort;
mod projection_pushdown;
mod push_limit_to_scan;
mod repeated_keys;
mod rewrite;
mod topk_keys;
mod ungrouped_filter;
mod unique_sort_key;
mod widened_times;

use std::sync::Arc;

use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_optimizer::pushdown_sort::PushdownSort;

use aggregate_statistics::OwnStatistics;
use comparisons::CANONICAL_COMPARISONS;
use correlated_subqueries::CorrelatedSubqueries;
use count_texts::COUNT_TEXTS;
use dictionary_aggregate::DICTIONARY_AGGREGATE;
use dotted_keys::DOTTED_KEYS;
use except::Except;
use filter_pushdown::UnambiguousFilterPushdown;
use guarded_filter::GuardedFilter;
use in_lists::SeparateInLists;
pub(super) use in_lists::set_apart_function as set_apart;
use lossy_cast::HIDE_LOSSY_CASTS;
use nullable_sides::NullableSides;
pub(super) use nullable_sides::unknown;
use nullable_subqueries::NullableSubqueries;
pub(super) use nullable_subqueries::or_null;
use offset::OffsetsApart;
use packed_sort::PACKED_SORT;
use projection_pushdown::UnembeddedProjectionPushdown;
use push_limit_to_scan::PUSH_LIMIT_TO_SCAN;
use repeated_keys::DROP_REPEATED_KEYS;
use topk_keys::COMPLETE_TOPK_KEYS;
use unique_sort_key::DROP_KEYS_AFTER_ID;
use widened_times::WIDENED_TIMES;

/// Returns the rules that run after those of DataFusion's analyzer.
pub(super) fn analyzer_rules() -> [Arc<dyn AnalyzerRule + Send + Sync>; 7] {
    [
        Arc::new(CorrelatedSubqueries),
        Arc::new(DOTTED_KEYS),
        // Before lists are written as other expressions.
        Arc::new(WIDENED_TIMES),
        Arc::new(SeparateInLists),
        Arc::new(DROP_REPEATED_KEYS),
        Arc::new(CANONICAL_COMPARISONS),
        // After subqueries that become joins, whose values can be NULL.
        Arc::new(NullableSubqueries),
    ]
}

/// Returns the rules for logical plans: DataFusion's and ours.
pub(super) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let distinct = ReplaceDistinctWithAggregate::new();
    let distinct = rules.iter().position(|rule| rule.name() == distinct.name());
    rules.insert(distinct.unwrap_or(0), Arc::new(DROP_REPEATED_KEYS));
    for rule in &mut rules {
        if rule.name() == PropagateEmptyRelation::new().name() {
            *rule = Except::shared(PropagateEmptyRelation::new(), empty_inputs::is_union);
        } else if rule.name() == CommonSubexprEliminate::new().name() {
            let skips = common_subexpressions::computes_twice_what_may_fail;
            *rule = Except::shared(CommonSubexprEliminate::new(), skips);
        } else if rule.name() == PushDownFilter::new().name() {
            *rule = Except::shared(PushDownFilter::new(), ungrouped_filter::is_above_aggregate);
        }
    }
    rules.push(Arc::new(HIDE_LOSSY_CASTS));
    rules.push(Arc::new(DROP_KEYS_AFTER_ID));
    rules.push(Arc::new(NullableSides));
    rules
}

/// Returns the rules for physical plans: DataFusion's and ours. They use operators of DataFusion only.
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    // It runs before sorts are pushed into scans, because then the scan promises the keys.
    let sorts = rules.iter().position(|rule| rule.name() == PushdownSort::new().name());
    rules.insert(sorts.unwrap_or(rules.len()), Arc::new(COMPLETE_TOPK_KEYS));
    rules.push(Arc::new(PUSH_LIMIT_TO_SCAN));
    rules.push(Arc::new(GuardedFilter));
    rules.push(Arc::new(COUNT_TEXTS));
    for rule in &mut rules {
        if rule.name() == AggregateStatistics::new().name() {
            *rule = Arc::new(OwnStatistics);
        } else if rule.name() == EnsureRequirements::new().name() {
            *rule = Arc::new(OffsetsApart(Arc::clone(rule)));
        } else if rule.name() == ProjectionPushdown::new().name() {
            *rule = Arc::new(UnembeddedProjectionPushdown(Arc::clone(rule)));
        }
        let pushdowns = [FilterPushdown::new(), FilterPushdown::new_post_optimization()];
        if pushdowns.iter().any(|pushdown| pushdown.name() == rule.name()) {
            *rule = Arc::new(UnambiguousFilterPushdown(Arc::clone(rule)));
        }
    }
    rules
}

/// Returns the rules that use operators of ours, which other processes do not know. They run after
/// [`physical_rules`], whose scans may count texts themselves.
pub(super) fn operator_rules() -> [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 2] {
    [Arc::new(DICTIONARY_AGGREGATE), Arc::new(PACKED_SORT)]
}
