//! Promise: the README lists acts and paths that the chat page has.

use crate::support::{Ask, TestResult};
use kenar_sandbox::Sandbox;

const README: &str = include_str!("../../README.md");

/// The names in the first column of a table, from its header on.
fn first_column(header: &str) -> Vec<&'static str> {
    let (_, table) = README.split_once(&format!("\n{header}\n")).unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('`').nth(1).unwrap()).collect()
}

#[tokio::test]
async fn readme_lists_existing_acts_and_paths() -> TestResult {
    let sandbox = Sandbox::builder().chat_page(true).start().await?;
    let acts = first_column("| act | body | result |");
    for act in &acts {
        let ask = Ask::new(&sandbox, "POST", &format!("/chat/act/{act}")).header("origin", sandbox.url());
        assert_eq!(ask.json(serde_json::json!({})).send().await.status(), 400, "{act} needs fields");
    }
    let ask = Ask::new(&sandbox, "POST", "/chat/act/unknown").header("origin", sandbox.url());
    assert_eq!(ask.json(serde_json::json!({})).send().await.status(), 404);

    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&sandbox.app("bot"));
    let paths = first_column("| path | response |");
    for path in paths.iter().filter(|path| **path != "/chat/live") {
        let path = path.replace("me=…", "me=ali").replace("after=…", "after=0");
        let path = path.replace("chat=…", &format!("chat={}", chat.id()));
        assert_eq!(Ask::new(&sandbox, "GET", &path).send().await.status(), 200, "{path}");
    }
    assert_eq!((acts.len(), paths.len()), (16, 5));
    Ok(())
}
