//! The program `kenar-sandbox`, tested from outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kenar-sandbox");

/// A command without the `KENAR_` variables of the developer's environment.
fn isolated(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KENAR_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn program() -> Command {
    let mut command = isolated(PROGRAM);
    command.env("KENAR_SANDBOX_PORT", "0");
    command
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, stdout } = program().args(arguments).output().unwrap();
    assert_eq!((status.code(), stdout), (Some(2), Vec::new()), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

/// A sandbox started with `--json`.
struct Running {
    child: Child,
    #[cfg_attr(windows, expect(dead_code, reason = "kept open, and read only when a signal has stopped the child"))]
    out: BufReader<std::process::ChildStdout>,
    started: Value,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.arg("--json").spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        if out.read_line(&mut line).unwrap() == 0 {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("did not start: {why}");
        }
        Self { child, out, started: serde_json::from_str(&line).unwrap() }
    }

    fn app(&self, place: usize) -> &Value {
        &self.started["apps"][place]
    }

    /// Sends a signal, and returns the exit code with the rest of the output.
    #[cfg(unix)]
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary file, deleted on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kenar-sandbox-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn python_add_on_runs_against_the_binary() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/addon.py");
    let python = if cfg!(windows) { "python" } else { "python3" };
    let run = isolated(python).args([script, PROGRAM]).output();
    let Output { status, stdout, stderr } = run.expect("Python 3 is needed for this test");
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success() && stdout.contains("all is well"), "{stdout}{stderr}");
}

#[test]
fn help_lists_every_option_and_the_environment() {
    let Output { status, stdout, .. } = program().arg("--help").output().unwrap();
    let help = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{help}");
    for expected in ["--port", "--config", "--open-app-version", "--fallback-url", "--json", "KENAR_SANDBOX_SEED"] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
}

#[test]
fn file_sets_apps_people_and_posts() {
    let file = Scratch::new(
        "all.toml",
        r#"
        seed = 7
        time_limit = 2.5

        [[people]]
        name = "رضا"
        ids = { old = "user-of-the-test" }

        [[posts]]
        owner = "سارا"
        title = "دوچرخه"
        token = "wZDwv-vo"
        conversations = [{ with = "علی", id = "conversation-of-the-test" }]

        [[apps]]
        slug = "old"
        title = "افزونهٔ قدیمی"
        open_app_url = "http://127.0.0.1:9001/open"
        open_app_version = 1
        events_url = "http://127.0.0.1:9001/events"
        dynamic_action_url = "http://127.0.0.1:9001/pressed"
        fallback_url = "http://127.0.0.1:9001/fallback"
        redirect_uris = ["http://127.0.0.1:9001/oauth"]
        limit_per_minute = 10
        limit_per_day = 100
        api_key = "the-api-key"
        api_key_permissions = ["CHAT_BOT_SEND_MESSAGE"]
        client_secret = "the-client-secret"
        identification_key = "the-identification-key"

        [[apps]]
        slug = "new"
        "#,
    );
    let mut command = program();
    command.args(["--config", file.path()]);
    let running = Running::start(command);
    let old = running.app(0);
    assert_eq!(old["fallback_url"], "http://127.0.0.1:9001/fallback");
    assert_eq!(old["redirect_uris"][0], "http://127.0.0.1:9001/oauth");
    assert_eq!(running.app(1)["open_app_url"], "http://127.0.0.1:8080/kenar/open");
    assert!(running.app(1)["api_key"].as_str().unwrap().starts_with("sandbox-api-key-"));
    #[cfg(unix)]
    {
        let (_, rest) = running.stop("-TERM");
        let session = &serde_json::from_str::<Value>(&rest).unwrap()["session"];
        assert_eq!(session["posts"]["wZDwv-vo"], "سارا");
        assert_eq!(session["conversations"]["conversation-of-the-test"]["parties"]["buyer"], "علی");
        assert!(rest.contains("user-of-the-test"), "{rest}");
    }
}

#[test]
fn readme_file_is_accepted() {
    let (_, rest) = include_str!("../../README.md").split_once("```toml\n# kenar.toml").unwrap();
    let file = Scratch::new("readme.toml", &format!("#{}", rest.split_once("```").unwrap().0));
    let mut command = program();
    command.args(["--config", file.path()]);
    let running = Running::start(command);
    assert_eq!(running.app(0)["events_url"], "http://127.0.0.1:8000/divar/events");
}

#[test]
fn keys_that_were_set_are_not_printed() {
    let mut command = program();
    command.args(["--api-key", "given-api-key", "--identification-key", "given-identification-key"]);
    let running = Running::start(command);
    let printed = running.started.to_string();
    assert!(!printed.contains("given-"), "{printed}");
    assert!(running.app(0)["client_secret"].is_string(), "{printed}");
}

#[test]
fn flags_override_environment_and_file() {
    let file = Scratch::new(
        "order.toml",
        "[[apps]]\nslug = \"one\"\nopen_app_url = \"http://127.0.0.1:1/a\"\nevents_url = \"http://127.0.0.1:1/a\"\n\
         fallback_url = \"http://127.0.0.1:1/a\"\n",
    );
    let mut command = program();
    command.env("KENAR_SANDBOX_CONFIG", file.path());
    command.env("KENAR_EVENTS_URL", "http://127.0.0.1:2/b").env("KENAR_FALLBACK_URL", "http://127.0.0.1:2/b");
    command.args(["--fallback-url", "http://127.0.0.1:3/c", "--app", "two", "--events-url", "http://127.0.0.1:4/d"]);
    let running = Running::start(command);
    let one = running.app(0);
    let urls = ["open_app_url", "events_url", "fallback_url"].map(|name| one[name].as_str().unwrap());
    assert_eq!(urls, ["http://127.0.0.1:1/a", "http://127.0.0.1:2/b", "http://127.0.0.1:3/c"]);
    assert_eq!(running.app(1)["slug"], "two");
    assert_eq!(running.app(1)["events_url"], "http://127.0.0.1:4/d");
    assert_eq!(running.app(1)["open_app_url"], Value::Null, "no default beside a URL that is set");
}

/// The status line of a request for an upload token.
fn upload_token_status(running: &Running, key: &str) -> String {
    let host = running.started["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(host).unwrap();
    let request = format!(
        "POST /experimental/open-platform/chat/upload HTTP/1.1\r\nhost: {host}\r\nx-api-key: {key}\r\n\
         content-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    line
}

#[test]
fn api_key_permissions_come_from_file_and_flags() {
    let file = Scratch::new(
        "permissions.toml",
        "[[apps]]\nslug = \"bot\"\napi_key = \"bot-key\"\napi_key_permissions = [\"CHAT_BOT_SEND_MESSAGE\"]\n\
         [[apps]]\nslug = \"all\"\napi_key = \"all-key\"\n",
    );
    let mut command = program();
    command.args(["--config", file.path(), "--app", "media", "--api-key", "media-key"]);
    command.args(["--api-key-permission", "CHAT_UPLOAD_MEDIA", "--api-key-permission", "USER_RETRIEVE"]);
    let running = Running::start(command);
    assert!(upload_token_status(&running, "bot-key").contains(" 403 "));
    assert!(upload_token_status(&running, "all-key").contains(" 200 "));
    assert!(upload_token_status(&running, "media-key").contains(" 200 "));
}

/// The status line of a request with this `Host`.
fn status_under(host: &str, port: u16) -> String {
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(connection, "GET /chat/overview HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    line
}

#[test]
fn other_host_names_must_be_allowed() {
    let mut command = program();
    command.args(["--listen", "0.0.0.0", "--host-name", "kenar"]);
    command.args(["--addon-host", "addon", "--addon-url", "http://addon:8000"]);
    let running = Running::start(command);
    let url = running.started["url"].as_str().unwrap();
    let port = url.strip_prefix("http://kenar:").unwrap().parse().unwrap();
    assert_eq!(running.app(0)["events_url"], "http://addon:8000/kenar/event");
    assert_eq!(running.app(0)["redirect_uris"][0], "http://localhost:8000/oauth/callback");
    assert!(status_under(&format!("kenar:{port}"), port).contains(" 200 "));
    assert!(status_under(&format!("other:{port}"), port).contains(" 421 "));

    let why = refused(&["--addon-url", "http://addon:8000"]);
    assert!(why.contains("`--addon-host addon` allows this host"), "{why}");
}

#[cfg(unix)]
#[test]
fn signal_stops_it_and_prints_the_session() {
    for signal in ["-INT", "-TERM"] {
        let saved = Scratch::new(&format!("saved{signal}.json"), "");
        let mut command = program();
        command.args(["--person", "سارا", "--save", saved.path()]);
        let (code, rest) = Running::start(command).stop(signal);
        assert_eq!(code, Some(0), "{signal}: {rest}");
        let state: Value = serde_json::from_str(&rest).unwrap();
        assert_eq!(state["session"]["people"][0], "سارا");
        let session: Value = serde_json::from_str(&std::fs::read_to_string(&saved.0).unwrap()).unwrap();
        assert_eq!(session, state["session"]);

        let mut command = program();
        command.args(["--restore", saved.path()]);
        let (_, rest) = Running::start(command).stop(signal);
        assert_eq!(serde_json::from_str::<Value>(&rest).unwrap()["session"]["people"], session["people"]);
    }
}

#[test]
fn invalid_settings_are_named_and_keys_not_quoted() {
    assert!(refused(&["--prot", "1"]).contains("--prot"));
    assert!(refused(&["--port", "65536"]).contains("--port: number too large"));
    assert!(refused(&["--open-app-version", "3"]).contains("--open-app-version: the version must be 1 or 2"));
    assert!(refused(&["--events-url", "http://addon.example"]).contains("http://addon.example/: must be https"));
    assert!(refused(&["--events-url", "ftp://addon.example"]).contains("--events-url: must be https"));
    assert!(refused(&["--time-limit", "0"]).contains("--time-limit"));
    assert!(refused(&["--config", "/nonexistent.toml"]).contains("/nonexistent.toml"));

    for (name, text, line) in [
        ("padded", "[[apps]]\nslug = \"a\"\napi_key = \"hidden \"\n", "line 3: the API key begins or ends"),
        ("bare", "[[apps]]\nslug = \"a\"\nclient_secret = hidden\n", "line 3: "),
        ("number", "[[apps]]\nslug = \"a\"\nidentification_key = 8765309\n", "line 3: a key must be a string"),
        (
            "own",
            "[[posts]]\nowner = \"a\"\nconversations = [{ with = \"a\" }]\n",
            "invalid conversation: a owns the post",
        ),
        ("stranger", "[[people]]\nname = \"a\"\nids = { nobody = \"1\" }\n", "unknown app in a person's ids: `nobody`"),
        (
            "permission",
            "[[apps]]\nslug = \"a\"\napi_key_permissions = [\"CHAT_SEND\"]\n",
            "unknown API-key permission: \"CHAT_SEND\"; known permissions: CHAT_SEND_MESSAGE_OAUTH, ",
        ),
        ("unknown", "sead = 1\n", "line 1: unknown field `sead`"),
    ] {
        let file = Scratch::new(&format!("{name}.toml"), text);
        let why = refused(&["--config", file.path()]);
        assert!(why.contains(line) && !why.contains("hidden") && !why.contains("8765309"), "{name}: {why}");
    }
}

#[test]
fn port_in_use_is_reported_with_the_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let Output { status, stderr, .. } = program().args(["--port", &port]).output().unwrap();
    let why = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{why}");
    assert!(
        why.contains(&format!("cannot listen on port {port}")) && why.contains("choose another with --port"),
        "{why}"
    );
}

/// The error of a start with these arguments, after the settings were read.
fn failed(arguments: &[&str]) -> String {
    let Output { status, stderr, stdout } = program().args(arguments).output().unwrap();
    assert_eq!((status.code(), stdout), (Some(1), Vec::new()), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn save_file_that_cannot_be_written_is_refused_at_start() {
    let why = failed(&["--save", "/nonexistent/session.json"]);
    assert!(why.contains("cannot write /nonexistent/session.json: "), "{why}");
    let folder = std::env::temp_dir();
    let why = failed(&["--save", folder.to_str().unwrap()]);
    assert!(why.contains("cannot write "), "{why}");
}

#[test]
fn repeated_ids_are_refused_in_one_line() {
    for (name, text, expected) in [
        (
            "tokens",
            "[[posts]]\nowner = \"a\"\ntoken = \"t\"\n[[posts]]\nowner = \"a\"\ntoken = \"t\"\n",
            "invalid post token `t`: it is empty or in use",
        ),
        (
            "chats",
            "[[posts]]\nowner = \"a\"\nconversations = [{ with = \"b\", id = \"1\" }, { with = \"c\", id = \"1\" }]\n",
            "invalid conversation id `1`: it is empty or in use",
        ),
        (
            "users",
            "[[apps]]\nslug = \"d\"\n[[people]]\nname = \"a\"\nids = { d = \"1\" }\n\
             [[people]]\nname = \"b\"\nids = { d = \"1\" }\n",
            "invalid user id `1` for b: it is empty or in use",
        ),
    ] {
        let file = Scratch::new(&format!("repeated-{name}.toml"), text);
        assert_eq!(failed(&["--config", file.path()]), format!("kenar-sandbox: {expected}\n"));
    }
}

#[test]
fn address_of_another_machine_is_reported_with_the_option() {
    // Reserved for documentation, so no machine has it.
    let why = failed(&["--listen", "192.0.2.1"]);
    assert!(why.contains("cannot listen on 192.0.2.1: ") && why.contains("--listen takes an address"), "{why}");
}
