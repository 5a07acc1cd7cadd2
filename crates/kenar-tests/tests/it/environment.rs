//! Promise: a program is set up by the environment alone; what is missing or wrong there is named, and never repeated.

use std::process::Command;

/// What the program that this test starts says of the environment that it is given.
fn set_up(variables: &[(&str, &str)]) -> String {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "environment::environment_sets_a_program_up", "--nocapture", "--quiet"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KENAR_") {
            program.env_remove(name);
        }
    }
    let output = program.envs(variables.iter().copied()).env("KENAR_TEST_ENVIRONMENT", "1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.lines().find_map(|line| line.strip_prefix("set up: ")).unwrap_or_else(|| panic!("{said}"));
    said.to_owned()
}

#[test]
fn environment_sets_a_program_up() {
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
    for (variables, says) in [
        (&[divar, identification][..], "https://open-api.divar.ir https://oauth.divar.ir"),
        (
            &[sandbox, identification, ("KENAR_SANDBOX_URL", "http://127.0.0.1:4040")],
            "http://127.0.0.1:4040 http://127.0.0.1:4040",
        ),
        (&[divar, identification, ("KENAR_SANDBOX_URL", "")], "https://open-api.divar.ir https://oauth.divar.ir"),
        (&[identification], "the environment variable KENAR_API_KEY is not set"),
        (&[divar], "the environment variable KENAR_IDENTIFICATION_KEY is not set"),
        (&[("KENAR_API_KEY", ""), identification], "the environment variable KENAR_API_KEY is not set"),
    ] {
        assert_eq!(set_up(variables), says, "{variables:?}");
    }
    for (variables, variable) in [
        (&[("KENAR_API_KEY", "placeholder-key\n"), identification][..], "KENAR_API_KEY"),
        (&[divar, ("KENAR_IDENTIFICATION_KEY", " placeholder")], "KENAR_IDENTIFICATION_KEY"),
        (&[divar, identification, ("KENAR_SANDBOX_URL", "http://placeholder.example")], "KENAR_SANDBOX_URL"),
    ] {
        let said = set_up(variables);
        assert!(said.starts_with(&format!("the environment variable {variable} cannot be used: ")), "{said}");
        assert!(!said.contains("placeholder"), "{said}");
    }
    // A key of the sandbox, and no sandbox.
    let said = set_up(&[sandbox, identification]);
    assert!(said.starts_with("the client cannot be set up: the API key is one of kenar-sandbox"), "{said}");
}
