//! Promise: each operation is declared once, and the client, the sandbox and the documentation agree with it.

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

/// Builds the request of an operation and parses it back.
fn assert_round_trip<O: ParseOperation + std::fmt::Debug>(operation: &O) {
    let request = operation.request(&BaseUrls::default()).unwrap();
    let mut headers = request.headers().clone();
    headers.insert("authorization", "Bearer placeholder".parse().unwrap());
    let body = request.body().as_bytes().unwrap();
    let incoming = IncomingRequest::of(&O::METADATA, request.method(), request.uri().path(), &headers, body).unwrap();
    let read = O::parse(&incoming).unwrap();
    assert_eq!(format!("{read:?}"), format!("{operation:?}"));
    for other in all().filter(|other| other.name() != O::METADATA.name()) {
        let matched = IncomingRequest::of(other, request.method(), request.uri().path(), &headers, body);
        assert!(matched.is_none(), "{} matches {}", O::METADATA.name(), other.name());
    }
}

#[test]
fn operation_round_trips_through_its_request() {
    let (conversation, user) = (ConversationId::new("c/1 %2F?"), UserId::new("Ab+/="));
    let token = AccessToken::new("placeholder").unwrap();
    let message = ConversationMessage::text("سلام");
    let bot_message = BotMessage::text("سلام");
    let subscription = Subscription::to_messages_on(&PostToken::new("QYabcdef"));
    assert_round_trip(&SendMessage::new(&conversation, &message, &token));
    assert_round_trip(&GetConversation::new(&conversation, &token));
    assert_round_trip(&SendBotMessage::new(&conversation, &bot_message));
    assert_round_trip(&SendBotMessageToUser::new(&user, &bot_message, &token));
    assert_round_trip(&CreateUploadToken);
    assert_round_trip(&Subscribe::new(&subscription, &token));
    assert_round_trip(&GetUser::new(&token));
}

#[test]
fn upload_has_the_declared_path() {
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let token = UploadToken::new("placeholder").unwrap();
    let request = UploadMedia::new(&media, &token).request(&BaseUrls::default()).unwrap();
    assert_eq!(request.uri(), "https://chat.divar.ir/upload/image");
    assert_eq!(UploadMedia::METADATA.matches(request.uri().path()).unwrap(), ["image"]);
}

/// The cells of an operation's row in the crate page's table.
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
        other => panic!("{other}: add its row to this test"),
    };
    let row = page.lines().find(|line| line.starts_with("//! |") && line.contains(type_name));
    row.unwrap_or_else(|| panic!("no row for {}", operation.name())).split('|').map(str::trim).collect()
}

#[test]
fn documented_table_matches_the_declarations() {
    let page = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for operation in all() {
        let cells = row(&page, operation);
        let permission = operation.permission().map(|permission| format!("`{permission}`"));
        // The upload is the second step; the first needs the permission.
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

/// The source files of the workspace, without tests and fixtures.
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

/// The code of a file, without comments and the test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns `true` if a text contains the whole word.
fn has_word(text: &str, word: &str) -> bool {
    let is_part =
        |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric() || character == '_');
    text.match_indices(word)
        .any(|(at, _)| !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next()))
}

#[test]
fn paths_permissions_and_scopes_are_declared_once() {
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
    // Declarations use constants, so only a name in quotes is a repetition.
    for name in ApiKeyPermission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .chain(ScopeKind::ALL.iter().map(ScopeKind::name))
    {
        let quoted = files_with(&|code| has_word(code, &format!("\"{name}\"")) || code.contains(&format!("\"{name}.")));
        assert!(quoted.len() <= 1, "{name}: {quoted:?}");
    }
}
