//! What is said about installed hooks.

use std::fs;

use netsky_ingest::hooks::{Agent, InstallOptions, Installed, Scope, Status, Telemetry, status};

use crate::Home;

fn of(home: &Home) -> Status {
    status(Agent::ClaudeCode, &Scope::User, &home.locations()).unwrap()
}

#[test]
fn the_status_follows_the_settings() {
    let home = Home::new();
    let program = home.path("netsky");
    fs::write(&program, "").unwrap();
    let options = InstallOptions { program: program.clone(), telemetry: true, ..home.options() };
    let found = of(&home);
    assert_eq!(
        (found.installed, found.telemetry, found.program),
        (Installed::No, Telemetry::Off, None)
    );

    home.install_with(&options).unwrap();
    let found = of(&home);
    assert_eq!((found.installed, found.telemetry), (Installed::Yes, Telemetry::On));
    assert_eq!((found.program, found.warnings.len()), (Some(program.clone()), 0));
    assert_eq!(found.events, ["SessionStart", "Stop", "SubagentStop", "SessionEnd"]);

    fs::remove_file(&program).unwrap();
    assert!(of(&home).warnings[0].contains("does not exist; install again"));

    home.write(&home.settings().replace("SubagentStop", "PreCompact").replace(":4318", ":9999"));
    let found = of(&home);
    assert_eq!((found.installed, found.telemetry), (Installed::Partly, Telemetry::Other));

    home.write("{]");
    assert!(status(Agent::ClaudeCode, &Scope::User, &home.locations()).is_err());
}
