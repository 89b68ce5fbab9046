//! `/v1/auth/…`

mod login;
mod logout;
mod register;
mod throttling;
mod timing;
