//! `/v1/auth/…`

mod login;
mod logout;
mod password;
mod reauthenticate;
mod refresh;
mod register;
mod session_limits;
mod throttling;
mod timing;
