//! `/documents`: what several people write together, over REST, and the sockets on which they write.

mod condition;
mod list;
mod one;
mod path;
mod plain_text;
mod socket;
mod text;
mod versions;

use super::{
    ApiError, HttpState,
    author::{AskedByAuthors, By},
    guarded::guarded,
    pace::Pace,
};
use crate::{
    auth::{Door, Keys},
    documents::Documents,
    model::{ApiKey, Scope},
    settings::Settings,
};
use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
    routing::MethodRouter,
};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

/// What the handlers of documents share.
#[derive(Clone)]
pub struct DocumentsState {
    /// Judges keys.
    pub keys: Arc<Keys>,
    /// Judges sessions.
    pub door: Arc<Door>,
    /// Decides.
    pub documents: Arc<Documents>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// How fast members send.
    pub pace: Arc<Pace>,
    /// What a socket needs.
    pub sockets: HttpState,
}

impl AskedByAuthors for DocumentsState {
    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn opens(key: &ApiKey) -> bool {
        key.scopes.iter().any(|scope| matches!(scope, Scope::Documents(_)))
    }
}

/// All of `/documents`, guarded against foreign pages; and its description.
pub(super) fn routes(state: DocumentsState) -> (Router, OpenApi) {
    let settings = state.settings.clone();
    // Over HTTP/2 a socket is opened with CONNECT.
    let with_sockets = |one: MethodRouter<DocumentsState>| one.connect(one::get);
    let (routes, description) = OpenApiRouter::new()
        .routes(routes!(list::list, list::create))
        .routes(routes!(one::get, one::update, one::delete).map(with_sockets))
        .routes(routes!(text::read, text::replace))
        .routes(routes!(versions::list, versions::save))
        .routes(routes!(versions::read, versions::delete))
        .routes(routes!(versions::restore))
        .split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

impl DocumentsState {
    /// Members write as fast, and as much, as they send events.
    fn pace(&self, by: &By, bytes: usize) -> Result<(), ApiError> {
        by.member().map_or(Ok(()), |user| self.pace.check(user, [bytes], &self.settings.socket))
    }

    /// What turned out to be so large makes a member wait before the next.
    fn owes(&self, by: &By, bytes: usize) {
        if let Some(user) = by.member() {
            self.pace.owe(user, bytes);
        }
    }

    /// The answer that shows a text, which counts when it is sent.
    fn shown(&self, by: &By, headers: &HeaderMap, text: String) -> Result<Response, ApiError> {
        let bytes = text.len();
        let answer = plain_text::shown(headers, text)?;
        if answer.status() == StatusCode::OK {
            self.owes(by, bytes);
        }
        Ok(answer)
    }
}

/// The value of a header, made of ids, base64 and what is percent-encoded.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("letters, digits and punctuation are a header")
}
