//! Known differences that the oracles find and that have not been fixed. Each entry says how to
//! recognize it and why it is listed; any other failure fails the test. When one is fixed, delete
//! its entry.

use super::subject::Way;

/// How the store's answer differs.
pub struct Failure<'a> {
    /// The query.
    pub sql: &'a str,
    /// The error, or the difference.
    pub what: &'a str,
    /// Whether DataFusion alone answers the same SQL correctly over the same rows in memory.
    pub alone_is_right: bool,
    pub way: Way,
}

struct Fault {
    reason: &'static str,
    is: fn(&Failure<'_>) -> bool,
}

impl Failure<'_> {
    /// Returns the reason if the failure is known.
    pub fn reason(&self) -> Option<&'static str> {
        FAULTS.iter().find(|fault| (fault.is)(self)).map(|fault| fault.reason)
    }

    fn says(&self, text: &str) -> bool {
        self.what.contains(text)
    }
}

static FAULTS: &[Fault] = &[
    Fault {
        reason: "DataFusion 55.2 does not answer it over rows in memory either, and the rules that mend it \
                 are not in a session of somebody else's",
        is: |failure| failure.way == Way::Foreign && !failure.alone_is_right,
    },
    Fault {
        reason: "In a session of somebody else's no rule of ours keeps a condition from rows that another \
                 leaves out, and whether DataFusion meets them depends on the sizes of batches",
        is: |failure| failure.way == Way::Foreign && failure.says("Divide by zero"),
    },
    Fault {
        reason: "DataFusion 55.2 forgets a key of a sort above a union if each input has one value of it, \
                 or has it twice; whether that shows depends on how it spreads the inputs",
        is: |failure| {
            let unites = ["UNION", "v_timeline"].iter().any(|text| failure.sql.contains(text));
            let is_limited = failure.sql.contains("LIMIT");
            let is_refused = failure.says("does not satisfy order requirements");
            failure.way == Way::Foreign && unites && (is_limited || is_refused)
        },
    },
    Fault {
        reason: "DataFusion 55.2 gathers no aggregate from partitions that is sorted by a key twice, and \
                 spreads fewer tables in memory over partitions",
        is: |failure| {
            failure.way == Way::Foreign
                && (failure.says("column types must match schema types")
                    || failure.says("must match number of fields"))
        },
    },
    Fault {
        reason: "DataFusion 55.2 does not plan a DISTINCT ON of two keys that have, or get, one name",
        is: |failure| {
            !failure.alone_is_right
                && (failure.says("Schema contains duplicate")
                    || failure.says("require unique expression names"))
        },
    },
    Fault {
        reason: "DataFusion 55.2 compares times of two zones as texts and cannot cast them",
        // Whether plain DataFusion succeeds depends on whether any row reaches the cast.
        is: |failure| failure.says("Cannot cast timezone to different timezone"),
    },
    Fault {
        reason: "DataFusion 55.2 reckons the bounds of times past the ends of 64 bits",
        is: |failure| {
            !failure.alone_is_right
                && (failure.says("with overflow") || failure.says("Timestamp out of range"))
        },
    },
    Fault {
        reason: "DataFusion 55.2 has a UNION of a DISTINCT ON with other nulls in its plan than in its \
                 schema",
        is: |failure| failure.says("Physical input schema should be the same"),
    },
];
