//! Grants of users: authorization codes, tokens, and subscriptions, which end with their tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use kenar::model::{AppSlug, Timestamp};
use kenar::oauth::Scope;
use kenar::operation::Subscription;
use kenar::secret::{AccessToken, RefreshToken};

use super::world::Name;

/// The lifetime of an authorization code: the maximum that RFC 6749 recommends.
const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// The documented lifetime of an access token.
pub(crate) const ACCESS_TOKEN_LIFE: Duration = Duration::from_secs(3600);
/// The documented lifetime of a refresh token.
const REFRESH_TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The documented time for which the old tokens work after a refresh.
const GRACE: Duration = Duration::from_secs(2 * 60);

/// The scopes that a user granted to an app.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) app: AppSlug,
    pub(crate) user: Name,
    pub(crate) scopes: Vec<Scope>,
}

#[derive(Debug)]
struct Expiring {
    grant: Grant,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct Code {
    held: Expiring,
    redirect_uri: String,
    used: bool,
}

#[derive(Debug)]
struct Refresh {
    held: Expiring,
    /// The access token from the same response.
    access_token: String,
}

/// A subscription to events, valid as long as its access token.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub(crate) grant: Grant,
    pub(crate) subscription: Subscription,
    access_token: String,
}

#[derive(Debug, Default)]
pub(crate) struct Grants {
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Expiring>,
    refresh: BTreeMap<String, Refresh>,
    subscriptions: Vec<Subscribed>,
}

impl Grant {
    pub(crate) fn has(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.has(&Scope::offline_access())
    }
}

impl Grants {
    pub(crate) fn add_code(&mut self, code: String, grant: Grant, redirect_uri: String, now: Timestamp) {
        let held = Expiring { grant, expires_at: now.saturating_add(CODE_LIFE) };
        self.codes.insert(code, Code { held, redirect_uri, used: false });
    }

    /// Uses up an authorization code. The error says why it is invalid.
    pub(crate) fn take_code(
        &mut self,
        code: &str,
        app: &AppSlug,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<Grant, &'static str> {
        let code =
            self.codes.get_mut(code).filter(|code| code.held.grant.app == *app).ok_or("unknown authorization code")?;
        if code.used {
            return Err("the authorization code was already used");
        }
        if code.held.expires_at <= now {
            return Err("the authorization code expired");
        }
        if code.redirect_uri != redirect_uri {
            return Err("redirect_uri differs from the one in the permission request");
        }
        code.used = true;
        Ok(code.held.grant.clone())
    }

    pub(crate) fn add_tokens(
        &mut self,
        access_token: &AccessToken,
        refresh_token: Option<&RefreshToken>,
        grant: &Grant,
        now: Timestamp,
    ) {
        let held = |life| Expiring { grant: grant.clone(), expires_at: now.saturating_add(life) };
        let access_token = access_token.expose_secret().to_owned();
        if let Some(token) = refresh_token {
            let refresh = Refresh { held: held(REFRESH_TOKEN_LIFE), access_token: access_token.clone() };
            self.refresh.insert(token.expose_secret().to_owned(), refresh);
        }
        self.access.insert(access_token, held(ACCESS_TOKEN_LIFE));
    }

    /// Retires a refresh token and its access token, which stay valid for two minutes.
    pub(crate) fn retire(&mut self, refresh_token: &str, app: &AppSlug, now: Timestamp) -> Result<Grant, &'static str> {
        let refresh = self.refresh.get_mut(refresh_token).filter(|refresh| refresh.held.grant.app == *app);
        let refresh = refresh.ok_or("unknown refresh token")?;
        if refresh.held.expires_at <= now {
            return Err("the refresh token expired, or was replaced more than two minutes ago");
        }
        let end = now.saturating_add(GRACE);
        refresh.held.expires_at = refresh.held.expires_at.min(end);
        if let Some(access) = self.access.get_mut(&refresh.access_token) {
            access.expires_at = access.expires_at.min(end);
        }
        Ok(refresh.held.grant.clone())
    }

    /// The grant of an access token. The error says why the token is invalid.
    pub(crate) fn of_token(&self, access_token: &str, now: Timestamp) -> Result<&Grant, &'static str> {
        let held = self.access.get(access_token).ok_or("unknown access token")?;
        if held.expires_at <= now { Err("the access token expired") } else { Ok(&held.grant) }
    }

    /// Revokes all grants of a user to an app. Returns those whose tokens were still valid.
    pub(crate) fn revoke(&mut self, app: &AppSlug, user: &str, now: Timestamp) -> Vec<Grant> {
        let is_theirs = |grant: &Grant| grant.app == *app && grant.user == user;
        let held = self.access.values().chain(self.refresh.values().map(|refresh| &refresh.held));
        let live = held.filter(|held| held.expires_at > now && is_theirs(&held.grant));
        let ended = live.map(|held| held.grant.clone()).collect();
        self.codes.retain(|_, code| !is_theirs(&code.held.grant));
        self.access.retain(|_, held| !is_theirs(&held.grant));
        self.refresh.retain(|_, refresh| !is_theirs(&refresh.held.grant));
        ended
    }

    /// Adds a subscription. It replaces an identical one.
    pub(crate) fn subscribe(&mut self, access_token: String, grant: Grant, subscription: Subscription) {
        let is_same = |held: &Subscribed| {
            held.grant.app == grant.app
                && held.grant.user == grant.user
                && held.subscription.event == subscription.event
                && held.subscription.resource == subscription.resource
        };
        self.subscriptions.retain(|held| !is_same(held));
        self.subscriptions.push(Subscribed { grant, subscription, access_token });
    }

    /// The subscriptions whose tokens are still valid.
    pub(crate) fn subscriptions(&self, now: Timestamp) -> impl Iterator<Item = &Subscribed> {
        self.subscriptions.iter().filter(move |held| self.of_token(&held.access_token, now).is_ok())
    }
}
