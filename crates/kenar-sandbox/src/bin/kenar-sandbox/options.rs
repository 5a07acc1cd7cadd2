//! The options of the command line and the environment, in one table.

use std::ffi::OsString;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use lexopt::Arg;

use super::settings::{AppSettings, PersonSettings, PostSettings, Settings, permission};
use super::setup::SLUG;
use super::value::Value;

/// The action that the command line requests.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Box<Settings>),
    /// The help, or the version.
    Print(String),
}

/// An option: the flag `--name`, and the variable `KENAR_SANDBOX_NAME` or `KENAR_NAME`.
struct Opt {
    name: &'static str,
    /// The placeholder of the value in the help. `None` for a switch.
    value: Option<&'static str>,
    help: &'static str,
    sets: Sets,
}

#[derive(Clone, Copy)]
enum Sets {
    Sandbox(fn(&mut Settings, &str) -> Result<(), String>),
    App(fn(&mut AppSettings, &str) -> Result<(), String>),
}

const fn sandbox(
    name: &'static str,
    value: Option<&'static str>,
    help: &'static str,
    set: fn(&mut Settings, &str) -> Result<(), String>,
) -> Opt {
    Opt { name, value, help, sets: Sets::Sandbox(set) }
}

const fn app(
    name: &'static str,
    value: &'static str,
    help: &'static str,
    set: fn(&mut AppSettings, &str) -> Result<(), String>,
) -> Opt {
    Opt { name, value: Some(value), help, sets: Sets::App(set) }
}

const OPTIONS: &[Opt] = &[
    sandbox("port", Some("PORT"), "Port to listen on; 0 for any free port [default: 4040]", |all, value| {
        set(&mut all.port, value)
    }),
    sandbox("listen", Some("ADDRESS"), "IP address to listen on, such as 0.0.0.0 [default: loopback]", |all, value| {
        set(&mut all.listen, value)
    }),
    sandbox(
        "host-name",
        Some("NAME"),
        "Further host name to accept, such as a Compose service; repeatable",
        |all, value| {
            all.host_names.push(Value::parse(value)?);
            Ok(())
        },
    ),
    sandbox("addon-host", Some("NAME"), "Further add-on host to call over plain http; repeatable", |all, value| {
        all.addon_hosts.push(Value::parse(value)?);
        Ok(())
    }),
    sandbox("seed", Some("NUMBER"), "Seed of all keys, ids and tokens [default: random]", |all, value| {
        set(&mut all.seed, value)
    }),
    sandbox("time-limit", Some("SECONDS"), "Timeout for responses of add-ons [default: 5]", |all, value| {
        set(&mut all.time_limit, value)
    }),
    sandbox("manual-clock", None, "Use a clock that moves only through `advance`", |all, value| {
        all.manual_clock = Value::parse(value)?;
        Ok(())
    }),
    sandbox(
        "chat-page",
        None,
        "Serve the chat page and its API for tests [default: true; --chat-page=false]",
        |all, value| set(&mut all.chat_page, value),
    ),
    sandbox("person", Some("NAME"), "Add a person; repeatable", |all, value| {
        all.people.push(PersonSettings { name: Value::parse(value)?, ..PersonSettings::default() });
        Ok(())
    }),
    sandbox("post", Some("OWNER"), "Add a post of this person; repeatable", |all, value| {
        all.posts.push(PostSettings { owner: Value::parse(value)?, ..PostSettings::default() });
        Ok(())
    }),
    sandbox("restore", Some("FILE"), "Restore a saved session", |all, value| set(&mut all.restore, value)),
    sandbox("save", Some("FILE"), "Save the session to this file on exit", |all, value| set(&mut all.save, value)),
    sandbox("json", None, "Print one line of JSON when ready, and one with the session on exit", |all, value| {
        all.json = Value::parse(value)?;
        Ok(())
    }),
    app("title", "TEXT", "Name that users see [default: the slug]", |app, value| set(&mut app.title, value)),
    app("addon-url", "URL", "Base of the URLs that are not set [default: http://127.0.0.1:8080]", |app, value| {
        set(&mut app.addon_url, value)
    }),
    app("open-app-url", "URL", "Session Initialization URL [default: /kenar/open]", |app, value| {
        set(&mut app.open_app_url, value)
    }),
    app("open-app-version", "1|2", "Version of the open-app request [default: 2]", |app, value| {
        set(&mut app.open_app_version, value)
    }),
    app("events-url", "URL", "URL for events [default: /kenar/event]", |app, value| set(&mut app.events_url, value)),
    app("dynamic-action-url", "URL", "URL for dynamic actions [default: /kenar/action]", |app, value| {
        set(&mut app.dynamic_action_url, value)
    }),
    app("fallback-url", "URL", "Fallback URL, for direct links on a post", |app, value| {
        set(&mut app.fallback_url, value)
    }),
    app("redirect-uri", "URI", "OAuth redirect URI; repeatable [default: /oauth/callback]", |app, value| {
        app.redirect_uris.push(Value::parse(value)?);
        Ok(())
    }),
    app("api-key", "KEY", "API key [default: generated]", |app, value| set_secret(&mut app.api_key, value)),
    app("api-key-permission", "NAME", "Permission of the API key; repeatable [default: all]", |app, value| {
        app.api_key_permissions.get_or_insert_default().push(permission(value)?);
        Ok(())
    }),
    app("client-secret", "SECRET", "OAuth client secret [default: generated]", |app, value| {
        set_secret(&mut app.client_secret, value)
    }),
    app("identification-key", "KEY", "Identification key in webhooks [default: generated]", |app, value| {
        set_secret(&mut app.identification_key, value)
    }),
    app("limit-per-minute", "CALLS", "API calls per minute before status 429", |app, value| {
        set(&mut app.limit_per_minute, value)
    }),
    app("limit-per-day", "CALLS", "API calls per day before status 429", |app, value| {
        set(&mut app.limit_per_day, value)
    }),
];

impl Opt {
    fn variable(&self) -> String {
        let prefix = match self.sets {
            Sets::Sandbox(_) => "KENAR_SANDBOX",
            Sets::App(_) => "KENAR",
        };
        format!("{prefix}_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

/// Reads the settings. The command line overrides the environment, and the environment the file.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, String> {
    let variable = |name: &str| match environment(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
        Some(Err(_)) => Err(format!("{name}: invalid value: expected UTF-8")),
    };
    let Line { print, config, given } = Line::parse(arguments).map_err(|why| why.to_string())?;
    if let Some(text) = print {
        return Ok(Command::Print(text));
    }
    let config = config.map_or_else(|| variable("KENAR_SANDBOX_CONFIG"), |path| Ok(Some(path)))?;
    let mut settings = config.map_or_else(|| Ok(Settings::default()), |path| Settings::load(path.as_ref()))?;

    let slug = variable("KENAR_APP_SLUG")?;
    if let Some(slug) = &slug {
        settings.with_app(slug, |_| ());
    }
    for option in OPTIONS {
        let name = option.variable();
        if let Some(value) = variable(&name)? {
            option.apply(&mut settings, slug.as_deref(), &value).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    let mut current = slug;
    for (option, value) in given {
        match option {
            None => {
                let slug: String = Value::parse(&value).map_err(|why| format!("--app: {why}"))?;
                settings.with_app(&slug, |_| ());
                current = Some(slug);
            }
            Some(option) => {
                let applied = option.apply(&mut settings, current.as_deref(), &value);
                applied.map_err(|why| format!("--{}: {why}", option.name))?;
            }
        }
    }
    settings.check()?;
    Ok(Command::Run(Box::new(settings)))
}

impl Opt {
    fn apply(&self, settings: &mut Settings, slug: Option<&str>, value: &str) -> Result<(), String> {
        match self.sets {
            Sets::Sandbox(set) => set(settings, value),
            Sets::App(set) => {
                let slug = match (slug, settings.apps.as_slice()) {
                    (Some(slug), _) => slug.to_owned(),
                    (None, []) => SLUG.to_owned(),
                    (None, [only]) => only.slug.clone(),
                    (None, _) => return Err("several apps: choose one with --app or KENAR_APP_SLUG".to_owned()),
                };
                settings.with_app(&slug, |app| set(app, value))
            }
        }
    }
}

/// The parsed command line.
#[derive(Default)]
struct Line {
    print: Option<String>,
    config: Option<String>,
    /// Options with their values, in order; `None` is `--app`.
    given: Vec<(Option<&'static Opt>, String)>,
}

impl Line {
    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut line = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => line.print = Some(help()),
                Arg::Long("version") | Arg::Short('V') => {
                    line.print = Some(concat!("kenar-sandbox ", env!("CARGO_PKG_VERSION"), "\n").to_owned());
                }
                Arg::Long("config") => line.config = Some(text("config", parser.value()?)?),
                Arg::Long("app") => line.given.push((None, text("app", parser.value()?)?)),
                Arg::Long(name) => match OPTIONS.iter().find(|option| option.name == name) {
                    Some(option) => {
                        let value = match option.value {
                            Some(_) => text(option.name, parser.value()?)?,
                            None => parser
                                .optional_value()
                                .map_or(Ok("true".to_owned()), |value| text(option.name, value))?,
                        };
                        line.given.push((Some(option), value));
                    }
                    None => return Err(argument.unexpected()),
                },
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(line)
    }
}

fn text(name: &str, value: OsString) -> Result<String, lexopt::Error> {
    // Does not quote it: it may be a key.
    value.into_string().map_err(|_| format!("--{name}: invalid value: expected UTF-8").into())
}

fn set<T: Value>(field: &mut Option<T>, value: &str) -> Result<(), String> {
    *field = Some(T::parse(value)?);
    Ok(())
}

/// The error does not quote the secret.
fn set_secret<T: FromStr<Err: Display>>(field: &mut Option<T>, value: &str) -> Result<(), String> {
    *field = Some(value.parse().map_err(|why: T::Err| why.to_string())?);
    Ok(())
}

fn help() -> String {
    let mut help = String::from(
        "A local sandbox of Kenar, Divar's add-on platform, for add-ons in any language.\n\n\
         Usage: kenar-sandbox [OPTIONS] [--app SLUG [APP OPTIONS]]...\n\nOptions:\n",
    );
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = (String, &str)>| {
        help.push_str(title);
        for (option, text) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(help, "  {option:<28} {text}");
        }
    };
    let listed = |of_app: bool| {
        let options = OPTIONS.iter().filter(move |option| matches!(option.sets, Sets::App(_)) == of_app);
        options.map(|option| {
            let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
            (format!("--{}{value}", option.name), option.help)
        })
    };
    let config = [("--config FILE".to_owned(), "Settings in TOML")];
    let rest = [("-h, --help".to_owned(), "Print this help"), ("-V, --version".to_owned(), "Print the version")];
    let slug = [("--app SLUG".to_owned(), "App that the following options set [default: my-addon]")];
    section("", &mut config.into_iter().chain(listed(false)).chain(rest));
    section("\nApp options:\n", &mut slug.into_iter().chain(listed(true)));
    help.push_str(
        "\nEach option is also an environment variable: KENAR_SANDBOX_SEED for --seed, KENAR_EVENTS_URL for\n\
         --events-url, KENAR_APP_SLUG for --app. The TOML file has `seed = 7` and, below `[[apps]]`,\n\
         `events_url = \"…\"`. Repeatable options are lists in it: `host_names`, `addon_hosts`, `redirect_uris`,\n\
         `api_key_permissions`, and the tables `[[people]]` and `[[posts]]`. The command line overrides the\n\
         environment, and the environment overrides the file.\n",
    );
    help
}
