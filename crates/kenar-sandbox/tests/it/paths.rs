//! Promise: errors of retired paths name the successor, and the platform's lists are available.

use crate::support::{Ask, TestResult};
use kenar_sandbox::Sandbox;
use serde_json::json;

#[tokio::test]
async fn retired_path_names_its_successor_and_documents() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    let send = "POST /v2/open-platform/conversations/{conversation_id}/messages";
    let bot = "POST /v1/open-platform/chat/bot/conversations/{conversation_id}/messages";
    let to_user = "POST /v1/open-platform/chat/bot/users/{user_id}/messages";
    for (method, path, successor, document) in [
        ("POST", "/v2/open-platform/chat/conversation", send, "sending a message"),
        ("POST", "/v1/open-platform/bot/send-message", to_user, "chatbots"),
        (
            "GET",
            "/v1/open-platform/chat/conversation-messages?user_id=a&peer_id=b",
            "GET /v1/open-platform/chat/conversations/{conversation_id}",
            "reading a conversation",
        ),
        (
            "POST",
            "/v1/open-platform/notify/chat/post-conversations",
            "POST /v1/open-platform/events/subscriptions",
            "events",
        ),
        ("POST", "/v2/open-platform/chatbot-conversations/a/messages", bot, "chatbots"),
        ("POST", "/expermiental/open-platform/chatbot-conversations/a/messages", bot, "chatbots"),
        ("POST", "/experimental/open-platform/chatbot-conversations/a/messages", bot, "chatbots"),
        ("POST", "/experimental/open-platform/chat/bot/conversations/a/messages", bot, "chatbots"),
        ("POST", "/experimental/open-platform/chat/bot/users/a%2Fb/messages", to_user, "chatbots"),
        ("POST", "/v1/open-platform/users", "GET /v1/open-platform/users", "users"),
        ("POST", "/experimental/open-platform/events/send", "it has no successor", "events"),
        ("POST", "/v1/open-platform/oauth/access_token", "POST /oauth2/token with a form body instead", "OAuth"),
        (
            "POST",
            "/v1/open-platform/oauth/url_encoded_access_token",
            "POST /oauth2/token with a form body instead",
            "OAuth",
        ),
        ("GET", "/oauth?client_id=a", "GET /oauth2/auth", "OAuth"),
        ("GET", "/auth", "GET /oauth2/auth", "OAuth"),
    ] {
        let (status, response) = Ask::new(&sandbox, method, path).json(json!({})).json_response().await;
        assert_eq!((status, &response["code"]), (404, &json!(5)), "{path}: {response}");
        let message = response["message"].as_str().unwrap();
        assert!(message.starts_with("retired operation") && message.contains(successor), "{path}: {message}");
        let exchange = sandbox.journal().pop().unwrap();
        let notes: Vec<_> = exchange.notes.iter().map(ToString::to_string).collect();
        assert!(
            notes.iter().any(|note| note.contains(&format!("documented under \"{document}\""))),
            "{path}: {notes:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn unknown_path_is_not_found() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    for (method, path) in [
        ("POST", "/experimental/open-platform/chat/bot/users/a/messages/b"),
        ("POST", "/experimental/open-platform/chat/bot/users"),
        ("GET", "/v2/open-platform/chat/conversation"),
        ("GET", "/nothing"),
    ] {
        let (status, response) = Ask::new(&sandbox, method, path).json_response().await;
        assert_eq!((status, response["message"].as_str()), (404, Some("Not Found")), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn scopes_and_permissions_are_listed_without_a_key() -> TestResult {
    let sandbox = Sandbox::in_process().await;
    for (path, list, has) in [
        (
            "/v1/open-platform/assets/oauth-scope",
            "scopes",
            ["CHAT_BOT_USER_MESSAGE_SEND", "OFFLINE_ACCESS", "POST_EDIT"],
        ),
        (
            "/v1/open-platform/assets/permission",
            "permissions",
            ["CHAT_BOT_SEND_MESSAGE", "USER_RETRIEVE", "EVENTS_REGISTER_SUBSCRIPTION"],
        ),
    ] {
        let (status, response) = Ask::new(&sandbox, "GET", path).json_response().await;
        assert_eq!(status, 200, "{response}");
        let listed = response[list].as_array().unwrap();
        for name in has {
            let one = listed.iter().find(|one| one["slug"] == name).unwrap_or_else(|| panic!("{name}: {response}"));
            assert_eq!(one["lifecycle_state"], "ACTIVE", "{one}");
            assert!(one["display"].is_string() && one["description"].is_string(), "{one}");
        }
        assert_eq!(Ask::new(&sandbox, "POST", path).json_response().await.0, 501, "{path}");
    }
    Ok(())
}
