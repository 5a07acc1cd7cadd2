//! Promise: environment variables alone configure a program; errors name a variable and never contain its value.

use std::process::Command;

/// Runs this test again as a program with these variables, and returns the line that it prints.
fn set_up(variables: &[(&str, &str)]) -> String {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "environment::environment_configures_a_program", "--nocapture", "--quiet"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KENAR_") {
            program.env_remove(name);
        }
    }
    let output = program.envs(variables.iter().copied()).env("KENAR_TEST_ENVIRONMENT", "1").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let line = stdout.lines().find_map(|line| line.strip_prefix("set up: ")).unwrap_or_else(|| panic!("{stdout}"));
    line.to_owned()
}

#[test]
fn environment_configures_a_program() {
    if std::env::var_os("KENAR_TEST_ENVIRONMENT").is_some() {
        match kenar::axum::state_from_env() {
            Ok(state) => println!("\nset up: {} {}", state.client.base_urls().api(), state.client.base_urls().oauth()),
            Err(error) => println!("\nset up: {error}"),
        }
        return;
    }
    let divar = ("KENAR_API_KEY", "placeholder-key");
    let sandbox = ("KENAR_API_KEY", "sandbox-api-key-1-0123456789abcdef");
    let identification = ("KENAR_IDENTIFICATION_KEY", "placeholder-identification");
    for (variables, expected) in [
        (&[divar, identification][..], "https://open-api.divar.ir https://oauth.divar.ir"),
        (
            &[sandbox, identification, ("KENAR_SANDBOX_URL", "http://127.0.0.1:4040")],
            "http://127.0.0.1:4040 http://127.0.0.1:4040",
        ),
        (&[divar, identification, ("KENAR_SANDBOX_URL", "")], "https://open-api.divar.ir https://oauth.divar.ir"),
        (&[identification], "environment variable not set: KENAR_API_KEY"),
        (&[divar], "environment variable not set: KENAR_IDENTIFICATION_KEY"),
        (&[("KENAR_API_KEY", ""), identification], "environment variable not set: KENAR_API_KEY"),
    ] {
        assert_eq!(set_up(variables), expected, "{variables:?}");
    }
    for (variables, variable) in [
        (&[("KENAR_API_KEY", "placeholder-key\n"), identification][..], "KENAR_API_KEY"),
        (&[divar, ("KENAR_IDENTIFICATION_KEY", " placeholder")], "KENAR_IDENTIFICATION_KEY"),
        (&[divar, identification, ("KENAR_SANDBOX_URL", "http://placeholder.example")], "KENAR_SANDBOX_URL"),
    ] {
        let error = set_up(variables);
        assert!(error.starts_with(&format!("invalid environment variable {variable}: ")), "{error}");
        assert!(!error.contains("placeholder"), "{error}");
    }
    // A sandbox key without a sandbox.
    let error = set_up(&[sandbox, identification]);
    assert!(error.starts_with("cannot set up the client: ") && error.contains("kenar-sandbox"), "{error}");
    assert!(!error.contains("0123456789abcdef"), "{error}");
}
