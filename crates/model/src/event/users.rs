//! What is said of accounts.

use super::description::object;
use super::{Description, Removal, SignInFailure, Target};
use crate::{EmailAddress, SessionId, Timestamp, User, UserId};
use serde_json::{Value, json};

/// What the audit log calls an account: the split of a [`User`] into its public and its personal fields.
struct Account<'a>(&'a User);

pub(super) fn registered(user: &User) -> Description {
    made("user.registered", user)
}

pub(super) fn created(user: &User) -> Description {
    made("user.created", user)
}

fn made(kind: &'static str, user: &User) -> Description {
    let mut description = Description::success(kind, Target::one("user", user.id))
        .version(user.version)
        .after(Account(user).public());
    description.personal.after = object(Account(user).personal());
    description
}

pub(super) fn changed(before: &User, after: &User) -> Description {
    governed("user.changed", before, after)
}

pub(super) fn disabled(before: &User, after: &User) -> Description {
    governed("user.disabled", before, after)
}

pub(super) fn enabled(before: &User, after: &User) -> Description {
    governed("user.enabled", before, after)
}

pub(super) fn deletion_scheduled(before: &User, after: &User) -> Description {
    governed("user.deletion_scheduled", before, after)
}

pub(super) fn postponed(before: &User, after: &User) -> Description {
    governed("user.deletion_postponed", before, after)
}

pub(super) fn restored(before: &User, after: &User) -> Description {
    governed("user.restored", before, after)
}

pub(super) fn invitation_accepted(before: &User, after: &User) -> Description {
    governed("user.invitation_accepted", before, after)
}

/// More than the profile: also what only somebody who governs the account changes of it.
fn governed(kind: &'static str, before: &User, after: &User) -> Description {
    let mut description = profile_changed(before, after);
    description.kind = kind;
    description.public.before = object(Account(before).public());
    description.public.after = object(Account(after).public());
    description
}

pub(super) fn invited(user: &User, expires_at: Timestamp) -> Description {
    Description::success("user.invited", Target::one("user", user.id))
        .version(user.version)
        .detail("expires_at", json!(expires_at))
}

/// Who it was is what has just been erased.
pub(super) fn erased(user: &User) -> Description {
    let mut description =
        Description::success("user.erased", Target::one("user", user.id)).version(user.version);
    description.public.before = object(Account(user).public());
    description.removal = Some(Removal::User(user.id));
    description
}

pub(super) fn profile_changed(before: &User, after: &User) -> Description {
    let mut description =
        Description::success("user.profile_changed", Target::one("user", after.id))
            .version(after.version);
    description.personal.before = object(Account(before).personal());
    description.personal.after = object(Account(after).personal());
    description.removal = Some(Removal::User(after.id));
    description
}

pub(super) fn password_changed(user: &User) -> Description {
    let target = Target::one("user", user.id);
    let mut description =
        Description::success("user.password_changed", target).version(user.version);
    description.removal = Some(Removal::User(user.id));
    description
}

pub(super) fn password_refused(user_id: UserId, session_id: SessionId) -> Description {
    Description::refusal("user.password_refused", Target::one("user", user_id))
        .detail("session_id", json!(session_id))
}

pub(super) fn registration_refused(email: &EmailAddress) -> Description {
    Description::refusal("user.registration_refused", Target::of("user"))
        .personal_detail("email", json!(email))
}

pub(super) fn invitation_refused() -> Description {
    Description::refusal("user.invitation_refused", Target::of("user"))
}

pub(super) fn sign_in_refused(
    user_id: Option<UserId>,
    email: &EmailAddress,
    reason: SignInFailure,
) -> Description {
    let target = Target {
        kind: "user",
        id: user_id.map(UserId::uuid),
    };
    Description::refusal("user.sign_in_refused", target)
        .detail("reason", json!(reason))
        .personal_detail("email", json!(email))
}

impl Account<'_> {
    /// Every field of a user is in one of the two parts, or is named here as in neither: a new one does not compile
    /// until it is.
    fn parts(&self) -> (Value, Value) {
        let User {
            id: _,
            email,
            name,
            role,
            status,
            created_at: _,
            last_sign_in_at: _,
            last_sign_in_address: _,
            deletes_at,
            version: _,
        } = self.0;
        (
            json!({ "role": role, "status": status, "deletes_at": deletes_at }),
            json!({ "email": email, "name": name }),
        )
    }

    fn public(&self) -> Value {
        self.parts().0
    }

    fn personal(&self) -> Value {
        self.parts().1
    }
}
