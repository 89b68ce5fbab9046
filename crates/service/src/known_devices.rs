//! Devices that a user has signed in on: they get a token, by which they are known at the next sign-in.
//!
//! The token lets nobody in. It says that this device has shown the right password before, so that it is not taken for one
//! of the strangers whose attempts close the account (ASVS V6.1.1).

use crate::cx::Cx;
use keyward_crypto::{device_token_digest, mint_device_token};
use keyward_model::{
    DeviceTokenSecret, Digest, KnownDevice, KnownDeviceId, SignInSubject, TenantSettings,
};
use keyward_store::{Error, TenantTx};

/// How many seconds a day has.
const DAY_SECONDS: i64 = 86_400;

/// What a device is to be known by after this sign-in.
pub(crate) struct Recognition {
    presented: Option<(KnownDeviceId, DeviceTokenSecret)>,
    minted: Option<(KnownDevice, DeviceTokenSecret)>,
}

/// The digest of what was sent as a token, or of none: it is looked for alike.
pub(crate) fn presented_digest(token: Option<&DeviceTokenSecret>) -> Digest {
    token.map_or(Digest([0; 32]), device_token_digest)
}

impl Recognition {
    /// Begins it: a device that is `known` keeps the token that it `presented`, any other gets one.
    pub(crate) fn prepare(
        cx: &Cx,
        settings: &TenantSettings,
        subject: &SignInSubject,
        known: Option<(KnownDeviceId, DeviceTokenSecret)>,
    ) -> Self {
        if settings.known_device_days == 0 {
            return Self {
                presented: None,
                minted: None,
            };
        }
        let (now, token) = (cx.now(), mint_device_token(cx.platform().random()));
        let device = KnownDevice {
            id: cx.platform().mint(now),
            user_id: subject.user_id,
            digest: device_token_digest(&token),
            password_version: subject.password_version,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus_seconds(settings.known_device_days * DAY_SECONDS),
        };
        Self {
            presented: known,
            minted: Some((device, token)),
        }
    }

    /// Makes the device known, in the transaction that opens the session, and gives its token. One that was forgotten while
    /// the password was verified gets another.
    pub(crate) async fn settle(
        self,
        tx: &mut TenantTx<'_>,
    ) -> Result<Option<DeviceTokenSecret>, Error> {
        let Some((device, token)) = self.minted else {
            return Ok(None);
        };
        if let Some((id, presented)) = self.presented
            && tx
                .touch_known_device(id, device.last_used_at, device.expires_at)
                .await?
        {
            return Ok(Some(presented));
        }
        tx.insert_known_device(&device).await?;
        Ok(Some(token))
    }
}
