//! The program `kenar-sandbox`, tested from outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kenar-sandbox");

/// A command without the `KENAR_` variables of the developer's environment.
pub(crate) fn isolated(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KENAR_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn program() -> Command {
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
pub(crate) struct Running {
    pub(crate) child: Child,
    #[cfg_attr(windows, expect(dead_code, reason = "kept open, and read only when a signal has stopped the child"))]
    out: BufReader<std::process::ChildStdout>,
    started: Value,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
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
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
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
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kenar-sandbox-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
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
pub(crate) fn upload_token_status(running: &Running, key: &str) -> String {
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

#[test]
fn invalid_settings_are_named_and_keys_not_quoted() {
    assert!(refused(&["--prot", "1"]).contains("--prot"));
    for (flag, value, expected) in [
        ("--port", "abc", "a port from 0 to 65535"),
        ("--port", "65536", "a port from 0 to 65535"),
        ("--listen", "localhost", "an IP address"),
        ("--host-name", "http://kenar", "a host name, without a scheme or path"),
        ("--addon-host", "", "a host name, without a scheme or path"),
        ("--seed", "-1", "a number from 0 to 18446744073709551615"),
        ("--time-limit", "0", "a positive number of seconds"),
        ("--manual-clock", "yes", "true or false"),
        ("--chat-page", "", "true or false"),
        ("--json", "1", "true or false"),
        ("--person", "", "a text that is not empty"),
        ("--post", " ", "a text that is not empty"),
        ("--app", "", "a text that is not empty"),
        ("--title", "", "a text that is not empty"),
        ("--save", "", "the path of a file"),
        ("--restore", "", "the path of a file"),
        ("--events-url", "ftp://addon.example", "an https or http URL without a user name or password"),
        ("--redirect-uri", "http://addon.example", "an https URL, or http on a loopback address, without a query"),
        ("--open-app-version", "3", "1 or 2"),
        ("--limit-per-day", "many", "a number from 0 to 4294967295"),
        ("--limit-per-minute", "-1", "a number from 0 to 4294967295"),
    ] {
        let why = refused(&[&format!("{flag}={value}")]);
        assert!(why.contains(&format!("{flag}: invalid value {value:?}: expected {expected}")), "{why}");
    }
    for (variable, value, expected) in [
        ("KENAR_SANDBOX_PORT", "abc", "invalid value \"abc\": expected a port from 0 to 65535"),
        ("KENAR_SANDBOX_TIME_LIMIT", "5s", "invalid value \"5s\": expected a positive number of seconds"),
        ("KENAR_OPEN_APP_VERSION", "v2", "invalid value \"v2\": expected 1 or 2"),
        ("KENAR_CLIENT_SECRET", "hidden ", "the client secret begins or ends with white space"),
    ] {
        let Output { status, stderr, .. } = program().env(variable, value).output().unwrap();
        let why = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{why}");
        assert!(why.contains(&format!("{variable}: {expected}")) && !why.contains("hidden"), "{why}");
    }
    let url = refused(&["--events-url", "http://addon.example"]);
    assert!(url.contains("invalid events_url http://addon.example/: must be https"), "{url}");
    let url = refused(&["--events-url", "https://user:hidden@addon.example"]);
    assert!(url.contains("--events-url: invalid value: expected an https") && !url.contains("hidden"), "{url}");
    assert!(refused(&["--api-key", "hidden "]).contains("--api-key: the API key begins or ends with white space"));
    assert!(refused(&["--config", "/nonexistent.toml"]).contains("/nonexistent.toml"));

    for (name, text, line) in [
        ("port", "port = \"abc\"\n", "line 1: port: invalid type: string \"abc\", expected a port from 0 to 65535"),
        ("range", "port = 65536", "line 1: port: invalid value: integer `65536`, expected a port from 0 to 65535"),
        ("whole", "port = 4040.0", "line 1: port: invalid value: floating point `4040.0`, expected a port"),
        ("switch", "json = 1", "line 1: json: invalid value: integer `1`, expected true or false"),
        (
            "time",
            "seed = 1\ntime_limit = -1.5",
            "line 2: time_limit: invalid value: floating point `-1.5`, expected a pos",
        ),
        ("address", "listen = \"here\"", "line 1: listen: invalid value \"here\": expected an IP address"),
        (
            "hosts",
            "host_names = [\"kenar\", \"http://kenar\"]",
            "line 1: host_names: invalid value \"http://kenar\": expected a host name",
        ),
        (
            "version",
            "[[apps]]\nslug = \"a\"\nopen_app_version = 3",
            "line 3: open_app_version: invalid value: integer `3`",
        ),
        (
            "url",
            "[[apps]]\nslug = \"a\"\nevents_url = \"addon.example\"",
            "line 3: events_url: invalid value \"addon.example\": expected an https or http URL",
        ),
        (
            "password",
            "[[apps]]\nslug = \"a\"\nevents_url = \"http://user:hidden@addon.example\"",
            "line 3: events_url: invalid value: expected an https or http URL",
        ),
        ("name", "[[people]]\nname = \"\"", "line 2: name: invalid value \"\": expected a text that is not empty"),
        ("padded", "[[apps]]\nslug = \"a\"\napi_key = \"hidden \"\n", "line 3: api_key: the API key begins or ends"),
        ("bare", "[[apps]]\nslug = \"a\"\nclient_secret = hidden\n", "line 3: "),
        (
            "number",
            "[[apps]]\nslug = \"a\"\nidentification_key = 8765309\n",
            "line 3: identification_key: a key must be a string",
        ),
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
        ("twice", "[[apps]]\nslug = \"a\"\n[[apps]]\nslug = \"a\"\n", "repeated app: `a`"),
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
pub(crate) fn failed(arguments: &[&str]) -> String {
    let Output { status, stderr, stdout } = program().args(arguments).output().unwrap();
    assert_eq!((status.code(), stdout), (Some(1), Vec::new()), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn repeated_ids_are_refused_in_one_line() {
    for (name, text, expected) in [
        (
            "tokens",
            "[[posts]]\nowner = \"a\"\ntoken = \"t\"\n[[posts]]\nowner = \"a\"\ntoken = \"t\"\n",
            "invalid post token `t`: it is in use",
        ),
        (
            "chats",
            "[[posts]]\nowner = \"a\"\nconversations = [{ with = \"b\", id = \"1\" }, { with = \"c\", id = \"1\" }]\n",
            "invalid conversation id `1`: it is in use",
        ),
        (
            "users",
            "[[apps]]\nslug = \"d\"\n[[people]]\nname = \"a\"\nids = { d = \"1\" }\n\
             [[people]]\nname = \"b\"\nids = { d = \"1\" }\n",
            "invalid user id `1` for b: it is in use",
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
