//! Saving and replaying sessions.

use std::collections::BTreeSet;
use std::error::Error as _;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::chat_page::ChatPage;
use super::reply::{BadRequest, json, reply};
use crate::recording::{Recording, Step};
use crate::replay::{Difference, replay};
use kenar::model::AppSlug;

/// The result of a replay, for each app.
#[derive(Serialize)]
struct Played {
    apps: Vec<PlayedApp>,
}

#[derive(Serialize)]
struct PlayedApp {
    app: AppSlug,
    /// The number of recorded webhooks and calls.
    webhooks: usize,
    calls: usize,
    differences: Vec<ShownDifference>,
    /// The error that ended the replay, if any.
    error: Option<String>,
}

#[derive(Serialize)]
struct ShownDifference {
    what: String,
    expected: Option<Value>,
    found: Option<Value>,
}

impl ChatPage {
    pub(super) fn save_session(&self) -> Response<Body> {
        let recording = self.shared.platform.look(Recording::of).to_json();
        let Ok(recording) = recording else { return reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "") };
        let mut response = reply(StatusCode::OK, "application/json", recording);
        let name = HeaderValue::from_static("attachment; filename=\"kenar-session.json\"");
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        response
    }

    /// Replays a session against its apps, one after the other, since their calls are compared.
    pub(super) async fn play_session(&self, body: &[u8]) -> Result<Response<Body>, BadRequest> {
        let recording = read(body)?;
        let Ok(_playing) = self.playing.try_lock() else {
            return Ok(reply(StatusCode::CONFLICT, "text/plain; charset=utf-8", "another replay is in progress"));
        };
        let mut apps = Vec::new();
        for app in recording.steps.iter().map(Step::app).collect::<BTreeSet<_>>() {
            apps.push(self.play_to(&recording, app).await);
        }
        Ok(json(&Played { apps }))
    }

    async fn play_to(&self, recording: &Recording, app: &AppSlug) -> PlayedApp {
        let (differences, error) = match replay(&self.shared, recording, app).await {
            Ok(differences) => (differences, None),
            Err(error) => (Vec::new(), Some(error.message().to_owned())),
        };
        let steps = recording.steps.iter().filter(|step| step.app() == app);
        let (webhooks, calls): (Vec<_>, Vec<_>) = steps.partition(|step| matches!(step, Step::Webhook { .. }));
        let differences = differences.into_iter().map(ShownDifference::from).collect();
        PlayedApp { app: app.clone(), webhooks: webhooks.len(), calls: calls.len(), differences, error }
    }
}

impl From<Difference> for ShownDifference {
    fn from(Difference { what, expected, found }: Difference) -> Self {
        Self { what, expected, found }
    }
}

fn read(body: &[u8]) -> Result<Recording, BadRequest> {
    let text = std::str::from_utf8(body).map_err(|_| "invalid recording: not UTF-8")?;
    Recording::from_json(text).map_err(|error| {
        let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{error}{why}").into()
    })
}
