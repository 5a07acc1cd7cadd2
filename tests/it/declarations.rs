//! Each operation is declared once, and everything else follows from the declaration.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kenar::model::{ConversationId, PostToken, UserId};
use kenar::operation::{
    self, CreateUploadToken, GetConversation, GetUser, Media, MediaSource, SendBotMessage, SendBotMessageToUser,
    SendMessage, Subscribe, Subscription, UploadMedia,
};
use kenar::request::{ApiKeyPermission, BaseUrls, IncomingRequest, Metadata, Operation, ParseOperation, ScopeKind};
use kenar::secret::{AccessToken, UploadToken};
use kenar::{BotMessage, ConversationMessage, oauth};

use crate::support::webhook::root;

fn all() -> impl Iterator<Item = &'static Metadata> {
    operation::ALL.iter().chain(oauth::ALL)
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = all().map(Metadata::name).collect();
    assert_eq!(names.len(), all().count());
}

/// Writes an operation as a request and reads it as the platform does.
fn comes_back<O: ParseOperation + std::fmt::Debug>(operation: &O) {
    let request = operation.request(&BaseUrls::default()).unwrap();
    let mut headers = request.headers().clone();
    headers.insert("authorization", "Bearer placeholder".parse().unwrap());
    let body = request.body().as_bytes().unwrap();
    let incoming = IncomingRequest::of(&O::METADATA, request.method(), request.uri().path(), &headers, body).unwrap();
    let read = O::parse(&incoming).unwrap();
    assert_eq!(format!("{read:?}"), format!("{operation:?}"));
    for other in all().filter(|other| other.name() != O::METADATA.name()) {
        let taken = IncomingRequest::of(other, request.method(), request.uri().path(), &headers, body);
        assert!(taken.is_none(), "{} is taken for {}", O::METADATA.name(), other.name());
    }
}

#[test]
fn request_is_read_back_as_the_operation() {
    let (conversation, user) = (ConversationId::new("c/1 %2F?"), UserId::new("Ab+/="));
    let token = AccessToken::new("placeholder").unwrap();
    let message = ConversationMessage::text("سلام");
    let bot_message = BotMessage::text("سلام");
    let subscription = Subscription::to_messages_on(&PostToken::new("QYabcdef"));
    comes_back(&SendMessage::new(&conversation, &message, &token));
    comes_back(&GetConversation::new(&conversation, &token));
    comes_back(&SendBotMessage::new(&conversation, &bot_message));
    comes_back(&SendBotMessageToUser::new(&user, &bot_message, &token));
    comes_back(&CreateUploadToken);
    comes_back(&Subscribe::new(&subscription, &token));
    comes_back(&GetUser::new(&token));
}

#[test]
fn upload_goes_where_it_is_declared() {
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let token = UploadToken::new("placeholder").unwrap();
    let request = UploadMedia::new(&media, &token).request(&BaseUrls::default()).unwrap();
    assert_eq!(request.uri(), "https://chat.divar.ir/upload/image");
    assert_eq!(UploadMedia::METADATA.matches(request.uri().path()).unwrap(), ["image"]);
}

/// The cells of a row of the crate page's table of operations.
fn row<'a>(page: &'a str, operation: &Metadata) -> Vec<&'a str> {
    let type_name = match operation.name() {
        "conversation.send_message" => "operation::SendMessage)",
        "conversation.get" => "operation::GetConversation)",
        "bot.send_message" => "operation::SendBotMessage)",
        "bot.send_message_to_user" => "operation::SendBotMessageToUser)",
        "media.create_upload_token" => "operation::CreateUploadToken)",
        "media.upload" => "operation::UploadMedia)",
        "events.subscribe" => "operation::Subscribe)",
        "user.get" => "operation::GetUser)",
        "oauth.exchange_code" => "oauth::ExchangeCode)",
        "oauth.refresh_tokens" => "oauth::RefreshTokens)",
        other => panic!("{other}: which row of the table is it in?"),
    };
    let row = page.lines().find(|line| line.starts_with("//! |") && line.contains(type_name));
    row.unwrap_or_else(|| panic!("no row for {}", operation.name())).split('|').map(str::trim).collect()
}

#[test]
fn documented_table_says_what_is_declared() {
    let page = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for operation in all() {
        let cells = row(&page, operation);
        let permission = operation.permission().map(|permission| format!("`{permission}`"));
        // The upload itself is the second step of an operation that the API key needs the permission for.
        if operation.name() != "media.upload" {
            assert_eq!(cells[3], permission.as_deref().unwrap_or("none"), "{}", operation.name());
        }
        let scopes = cells[4].matches("Scope::").count();
        if operation.name() == "events.subscribe" {
            assert!(cells[4].contains("operation::Subscription"), "{}", cells[4]);
        } else {
            assert_eq!(scopes, operation.scopes().len(), "{}: {}", operation.name(), cells[4]);
        }
    }
}

/// The source files of the workspace: no tests, no fixtures, no prose.
fn sources() -> Vec<PathBuf> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "js") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["src", "crates/kenar-sandbox/src", "crates/kenar-store/src", "examples"] {
        collect(&root().join(directory), &mut found);
    }
    found.retain(|path| path.file_name().is_some_and(|name| name != "tests.rs"));
    found
}

/// The code of a file: no comments, no test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether a word stands in a text, by itself.
fn has_word(text: &str, word: &str) -> bool {
    let is_part =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    text.match_indices(word)
        .any(|(at, _)| !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next()))
}

#[test]
fn paths_permissions_and_scopes_stand_in_one_file() {
    let sources: Vec<_> = sources().into_iter().map(|path| (code(&path), path)).collect();
    let files_with = |is_there: &dyn Fn(&str) -> bool| {
        sources.iter().filter(|(code, _)| is_there(code)).map(|(_, path)| path.clone()).collect::<Vec<_>>()
    };
    let mut paths: BTreeSet<_> = all().map(Metadata::path).collect();
    paths.insert(oauth::PermissionRequest::METADATA.path());
    for path in paths {
        let fixed = path.split('{').next().unwrap().trim_end_matches('/');
        let quoted = format!("\"{fixed}");
        let found = files_with(&|code| code.contains(&quoted));
        assert_eq!(found.len(), 1, "{path}: {found:?}");
    }
    // A declaration refers to a name by its constant: only a name in quotes says it again.
    for name in ApiKeyPermission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .chain(ScopeKind::ALL.iter().map(ScopeKind::name))
    {
        let quoted = files_with(&|code| has_word(code, &format!("\"{name}\"")) || code.contains(&format!("\"{name}.")));
        assert!(quoted.len() <= 1, "{name}: {quoted:?}");
    }
}
