//! Why a command did not do what it was asked to, and the exit code that says so.

use crate::config::ConfigError;
use crate::data_folder::DataFolderError;
use std::fmt::Display;
use std::process::ExitCode;

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not.
    Failed(String),
    /// It was called, or set up, wrongly.
    Usage(String),
    /// It has said what is wrong already.
    Said,
}

impl Failure {
    pub(crate) fn of(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Failed(text) | Self::Usage(text) => Some(text),
            Self::Said => None,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) | Self::Said => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<DataFolderError> for Failure {
    fn from(error: DataFolderError) -> Self {
        Self::of(error)
    }
}

impl From<keyward_store::Error> for Failure {
    fn from(error: keyward_store::Error) -> Self {
        Self::of(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(error)
    }
}
