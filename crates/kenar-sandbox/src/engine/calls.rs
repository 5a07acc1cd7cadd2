//! Handles API calls of add-ons and requests of browsers.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use kenar::model::Timestamp;
use kenar::operation::UploadMedia;
use kenar::request::{IncomingRequest, Operation as _};

use super::api_error::ApiError;
use super::call::{self, Call};
use super::faults::{Fault, faulty};
use super::journal::readable;
use super::record::Received;
use super::reply::Reply;
use super::state::Engine;
use super::uploading::{MEDIA_FETCH, MEDIA_PATH};
use super::{assets, token};

impl Engine {
    /// Takes the pending fault of a call, when the call arrives.
    pub(crate) fn fault_for(&mut self, method: &Method, path: &str, body: &[u8]) -> Option<Fault> {
        let operation = match call::upload_kind(path) {
            Some(_) => UploadMedia::METADATA.name(),
            None if path.starts_with(MEDIA_PATH) => MEDIA_FETCH,
            None => Call::of(method, path).map_or("unknown", |call| call.name(body)),
        };
        self.faults.for_call(operation)
    }

    /// Handles a request. Uploads are handled separately, without their bytes in memory.
    pub(crate) fn handle(&mut self, request: &Request<Bytes>, fault: Option<Fault>, now: Timestamp) -> Reply {
        let call = Call::of(request.method(), request.uri().path());
        let operation = call.as_ref().map_or("unknown", |call| call.name(request.body()));
        let body = match &call {
            Ok(Call::Token) => token::without_secret(request.body()),
            _ => readable(request.body()),
        };
        let done = faulty(fault, || match call {
            Ok(call) => self.perform(call, request, now),
            Err(error) => error.into(),
        });
        let received = Received { method: request.method(), uri: request.uri(), headers: request.headers(), body };
        self.record(received, operation, &done, now, Duration::ZERO);
        done
    }

    fn perform(&mut self, call: Call, request: &Request<Bytes>, now: Timestamp) -> Reply {
        if call.takes_api_key() {
            let counted = self.asking_app(request.headers()).map(|app| self.limits.count(&app, now));
            if let Some(Err(exceeded)) = counted {
                return exceeded.into();
            }
        }
        self.carry_out(call, request, now).unwrap_or_else(Reply::from)
    }

    fn carry_out(&mut self, call: Call, request: &Request<Bytes>, now: Timestamp) -> Result<Reply, ApiError> {
        let (headers, body) = (request.headers(), request.body());
        let query = request.uri().query().unwrap_or_default();
        match call {
            Call::Operation(route) => {
                let path = request.uri().path();
                let incoming = IncomingRequest::of(&route.operation, request.method(), path, headers, body);
                (route.carry_out)(self, &incoming.ok_or_else(|| ApiError::not_found("Not Found"))?, now)
            }
            Call::ListScopes => Ok(assets::scopes()),
            Call::ListPermissions => Ok(assets::permissions()),
            Call::AskConsent => Ok(self.ask_consent(query)),
            Call::DecideConsent => Ok(self.decide_consent(query, body, now)),
            Call::Token => Ok(self.token(headers, body, now)),
        }
    }

    /// Refuses a request whose body was not read.
    pub(crate) fn refuse(&mut self, received: Received<'_>, error: ApiError, now: Timestamp) -> Reply {
        let done = Reply::from(error);
        self.record(received, "unknown", &done, now, Duration::ZERO);
        done
    }
}
