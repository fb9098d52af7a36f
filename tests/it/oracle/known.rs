//! Faults that the oracles find and that are not mended. Each says by what it is known and why it is
//! here; a failure that is none of these fails the test. Whoever mends one deletes its entry.

/// How the store's answer differs.
pub struct Failure<'a> {
    /// What the store was asked.
    pub sql: &'a str,
    /// The error, or the difference.
    pub what: &'a str,
    /// Whether DataFusion answers the same SQL rightly over the same rows in memory.
    pub alone_is_right: bool,
}

struct Fault {
    reason: &'static str,
    is: fn(&Failure<'_>) -> bool,
}

impl Failure<'_> {
    /// Why it is known, if it is.
    pub fn reason(&self) -> Option<&'static str> {
        FAULTS.iter().find(|fault| (fault.is)(self)).map(|fault| fault.reason)
    }

    fn says(&self, text: &str) -> bool {
        self.what.contains(text)
    }

    fn asks(&self, text: &str) -> bool {
        self.sql.contains(text)
    }
}

static FAULTS: &[Fault] = &[
    Fault {
        reason: "DataFusion 55.2 turns LIKE without a wildcard into an equality of another text type, \
                 and takes it and another equality for a contradiction",
        is: |failure| failure.asks("LIKE") && failure.asks(" = ") && !failure.alone_is_right,
    },
    Fault {
        reason: "DataFusion 55.2 drops the empty side of a UNION with the names of its columns",
        is: |failure| {
            (failure.asks("UNION") || failure.asks("EXCEPT") || failure.asks("INTERSECT"))
                && failure.says("No field named")
        },
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
    // From here on, faults that this project can mend, and has not yet.
    Fault {
        reason: "the rule about IN lists changes the name of an expression in DISTINCT ON",
        is: |failure| failure.says("set_apart"),
    },
    Fault {
        reason: "keys of DISTINCT ON that become one when they are simplified",
        is: |failure| failure.asks("DISTINCT ON") && failure.says("left == right"),
    },
    Fault {
        reason: "a computed sort key with a limit refers to columns that the scan has left out",
        is: |failure| {
            failure.says("PhysicalExpr Column references column")
                || failure.says("Invalid comparison operation")
        },
    },
    Fault {
        reason: "a sort or a limit above several partitions does not plan",
        is: |failure| failure.says("does not satisfy"),
    },
    Fault {
        reason: "an aggregate with a filter over an aggregate that statistics answer does not plan",
        is: |failure| failure.says("does not match with the projection expression"),
    },
    Fault {
        reason: "a view of a union that is sorted by a constant and cut gives other rows",
        is: |failure| {
            failure.alone_is_right && failure.asks("v_timeline") && failure.says("expected:")
        },
    },
];
